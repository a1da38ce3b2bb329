package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.control.EventLine;
import dev.holdfast.redirector.control.EventStream;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.migration.RequestRefused;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A migration's state, as the daemon tells it of its own accord: asking often would cost the daemon
 * something each time, and at the wrong moment. A stream that has ended is opened anew by {@link
 * #follow}.
 */
final class StateNews implements AutoCloseable {
  private static final Duration LOOK_UP = Duration.ofMinutes(1);

  private final ControlClient daemon;
  private final String id;
  private volatile @Nullable EventStream stream;
  private volatile @Nullable String state;

  /**
   * @param id a migration's UUID
   */
  StateNews(ControlClient daemon, String id) {
    this.daemon = daemon;
    this.id = id;
  }

  /** Follows from here on, if that is not so already; whoever asks then misses nothing. */
  void follow() {
    if (stream != null) {
      return;
    }
    try {
      EventStream opened = daemon.events();
      stream = opened;
      Thread.ofPlatform().name("events").daemon().start(() -> read(opened));
    } catch (IOException | RequestRefused e) {
      // There is no daemon at the moment; whoever asks it for something is told.
    }
  }

  boolean isFollowing() {
    return stream != null;
  }

  /** What was said last; null while nothing was. */
  @Nullable String state() {
    return state;
  }

  /** Reads a line as the daemon writes them, so many times, without consequence. */
  static void rehearse(int times) {
    byte[] line =
        Json.line(new EventLine("holdfast.event/1", 1, "state", "", "", "", "as before"))
            .getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < times; i++) {
      EventLine unused = Json.read(line, EventLine.class);
    }
  }

  private void read(EventStream opened) {
    try (opened) {
      while (true) {
        try {
          EventLine line = opened.next(LOOK_UP);
          if (line == null) {
            break;
          }
          if (line.migration().equals(id) && !line.state().isEmpty()) {
            state = line.state();
          }
        } catch (SocketTimeoutException e) {
          // Nothing has happened.
        }
      }
    } catch (IOException | RuntimeException e) {
      // The daemon has gone, or this was closed.
    }
    stream = null;
  }

  @Override
  public void close() {
    // Its thread is a daemon and ends with the stream, at the latest with this process.
    EventStream open = stream;
    if (open != null) {
      try {
        open.close();
      } catch (IOException e) {
        // It is closed all the same.
      }
    }
  }
}
