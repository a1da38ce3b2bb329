package dev.holdfast.redirector.hook;

import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** What a QEMU can be asked and told about its guest's migration (qapi/migration.json). */
final class QmpGuest implements AutoCloseable {
  private static final Duration GREETING = Duration.ofSeconds(5);
  private static final Duration LOOK_AGAIN = Duration.ofMillis(20);

  private final Path socket;
  private final Clock clock;
  private @Nullable QmpMonitor monitor;

  /**
   * Whether and how it runs.
   *
   * @param state RunState (qapi/run-state.json), such as running, paused, inmigrate, postmigrate
   */
  record Run(String state, boolean running) {}

  QmpGuest(Path socket, Clock clock) {
    this.socket = socket;
    this.clock = clock;
  }

  Path socket() {
    return socket;
  }

  /**
   * Connects, or connects anew.
   *
   * @throws QmpMonitor.NotThere where it is worth trying again
   * @throws IOException with a sentence
   */
  void open() throws IOException {
    close();
    monitor = QmpMonitor.open(socket, clock, GREETING);
  }

  private QmpMonitor monitor() throws IOException {
    QmpMonitor open = monitor;
    if (open == null) {
      throw new IOException("QEMU on " + socket + " is not connected.");
    }
    return open;
  }

  /** The next event; null when none came within that time. */
  @Nullable QmpEvent next(Duration within) throws IOException {
    return monitor().next(within);
  }

  /** Whether QEMU has said something that nobody has heard yet. */
  boolean hasNews() throws IOException {
    return monitor().hasNews();
  }

  /** Lines of QEMU's that nobody could read. */
  long unreadable() {
    QmpMonitor open = monitor;
    return open == null ? 0 : open.unreadable();
  }

  /**
   * Has QEMU tell of its migrations from here on.
   *
   * @return false where it does not: its capability "events" is off, and cannot be changed now
   */
  boolean tellMigrations() throws IOException, QmpRefused {
    try {
      JsonNode unused =
          monitor()
              .command(
                  "migrate-set-capabilities",
                  Map.of("capabilities", List.of(Map.of("capability", "events", "state", true))));
      return true;
    } catch (QmpRefused e) {
      return isCapable("events"); // a migration is under way
    }
  }

  /** Whether it waits, before it switches over, until it is told to go on. */
  boolean waitsBeforeSwitchover() throws IOException, QmpRefused {
    return isCapable("pause-before-switchover");
  }

  private boolean isCapable(String name) throws IOException, QmpRefused {
    for (JsonNode each : monitor().command("query-migrate-capabilities", Map.of())) {
      if (each.path("capability").asString("").equals(name)) {
        return each.path("state").asBoolean(false);
      }
    }
    return false;
  }

  Run run() throws IOException, QmpRefused {
    JsonNode answer = monitor().command("query-status", Map.of());
    return new Run(answer.path("status").asString(""), answer.path("running").asBoolean(false));
  }

  /**
   * Whether it runs, or does so within a moment.
   *
   * @return false also where QEMU does not tell
   */
  boolean runsWithin(Duration time) {
    long last = clock.nanoTime() + time.toNanos();
    try {
      while (!run().running()) {
        if (clock.nanoTime() - last >= 0) {
          return false;
        }
        Thread.sleep(LOOK_AGAIN);
      }
      return true;
    } catch (IOException | QmpRefused e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** MigrationStatus of the last migration; "" where there was none. */
  String migration() throws IOException, QmpRefused {
    return monitor().command("query-migrate", Map.of()).path("status").asString("");
  }

  /** Lets a migration go on that waits before it switches over. */
  void switchOver() throws IOException, QmpRefused {
    JsonNode unused = monitor().command("migrate-continue", Map.of("state", "pre-switchover"));
  }

  /** Ends the migration that is under way; the guest goes on here. */
  void cancel() throws IOException, QmpRefused {
    JsonNode unused = monitor().command("migrate_cancel", Map.of());
  }

  @Override
  public void close() {
    QmpMonitor open = monitor;
    monitor = null;
    if (open != null) {
      try {
        open.close();
      } catch (IOException e) {
        // It is of no use any more.
      }
    }
  }
}
