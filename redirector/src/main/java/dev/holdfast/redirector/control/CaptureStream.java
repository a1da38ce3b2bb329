package dev.holdfast.redirector.control;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/**
 * A capture that a daemon sends: pcapng, whose end is the capture's. A daemon that vanishes is an
 * {@link IOException}. For one thread.
 */
public final class CaptureStream extends InputStream {
  private static final Duration FOREVER = Duration.ofDays(10_000);

  private final HttpExchange exchange;
  private byte[] chunk = {};
  private int at;
  private boolean over;

  CaptureStream(HttpExchange exchange) {
    this.exchange = exchange;
    exchange.within(FOREVER);
  }

  /** For {@link ControlClient#endCapture}. */
  public String id() {
    return exchange.header(CaptureAnswer.ID_HEADER);
  }

  @Override
  public int read() throws IOException {
    return fill() ? chunk[at++] & 0xff : -1;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    if (!fill()) {
      return -1;
    }
    int count = Math.min(length, chunk.length - at);
    System.arraycopy(chunk, at, bytes, offset, count);
    at += count;
    return count;
  }

  /** What can be read before the daemon has to be waited for. */
  @Override
  public int available() {
    return chunk.length - at;
  }

  private boolean fill() throws IOException {
    while (!over && at == chunk.length) {
      byte[] next = exchange.chunk();
      over = next == null;
      chunk = next == null ? new byte[0] : next;
      at = 0;
    }
    return !over;
  }

  @Override
  public void close() throws IOException {
    exchange.close();
  }
}
