package dev.holdfast.redirector.control;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** A daemon's events, from the moment when the stream was opened. For one thread. */
public final class EventStream implements AutoCloseable {
  private final HttpExchange exchange;
  private final Deque<EventLine> waiting = new ArrayDeque<>();
  private String unfinished = "";

  EventStream(HttpExchange exchange) {
    this.exchange = exchange;
  }

  /**
   * Waits for the next event.
   *
   * @return null when the daemon has ended the stream, because it stops
   * @throws SocketTimeoutException when none came within that time
   * @throws IOException also when the daemon has vanished, or has cut off a reader that is too slow
   */
  public @Nullable EventLine next(Duration within) throws IOException {
    exchange.within(within);
    while (waiting.isEmpty()) {
      byte[] chunk = exchange.chunk();
      if (chunk == null) {
        return null;
      }
      unfinished += new String(chunk, StandardCharsets.UTF_8);
      int end = unfinished.lastIndexOf('\n');
      for (String line : unfinished.substring(0, end + 1).split("\n")) {
        if (!line.isBlank()) {
          waiting.add(Json.read(line.getBytes(StandardCharsets.UTF_8), EventLine.class));
        }
      }
      unfinished = unfinished.substring(end + 1);
    }
    return waiting.removeFirst();
  }

  @Override
  public void close() throws IOException {
    exchange.close();
  }
}
