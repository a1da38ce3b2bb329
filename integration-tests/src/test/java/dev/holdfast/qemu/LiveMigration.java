package dev.holdfast.qemu;

import dev.holdfast.guest.Qemu;
import dev.holdfast.guest.Qmp;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** One of QEMU's migrations, over TCP between the hosts, as a migration tool drives it. */
final class LiveMigration {
  static final Duration LIMIT = Duration.ofSeconds(120);
  private static final int PORT = 4444;

  private final Qmp source;
  private final Qmp destination;
  private final String uri;
  private final int sourceMark;
  private final int destinationMark;

  /**
   * Prepares both ends.
   *
   * @param at where the destination listens
   * @param capabilities at both ends, beside {@code events}
   */
  LiveMigration(Qemu from, Qemu to, IpAddress at, List<String> capabilities) throws Exception {
    source = from.monitor();
    destination = to.monitor();
    for (Qmp each : List.of(source, destination)) {
      each.switchOn(List.of("events"));
      if (!capabilities.isEmpty()) {
        each.switchOn(capabilities);
      }
    }
    sourceMark = source.mark();
    destinationMark = destination.mark();
    uri = "tcp:" + at + ":" + PORT;
    destination.execute("migrate-incoming", Map.of("uri", uri));
  }

  Qmp source() {
    return source;
  }

  Qmp destination() {
    return destination;
  }

  /** Parameters of the source, such as {@code max-bandwidth} in bytes a second. */
  LiveMigration with(Map<String, ?> parameters) throws Exception {
    source.execute("migrate-set-parameters", parameters);
    return this;
  }

  LiveMigration begin() throws Exception {
    source.execute("migrate", Map.of("uri", uri));
    return this;
  }

  /** Waits for an event at the source, such as {@code STOP} or {@code MIGRATION completed}. */
  Qmp.Event atSource(String event) throws IOException, InterruptedException {
    return source.await(event, sourceMark, LIMIT);
  }

  Qmp.Event atDestination(String event) throws IOException, InterruptedException {
    return destination.await(event, destinationMark, LIMIT);
  }

  /** How the source says that it stands. */
  JsonNode query() throws IOException, InterruptedException {
    return source.execute("query-migrate");
  }

  /** Tells a source that waits before it switches over to go on. */
  void goOn() throws IOException, InterruptedException {
    source.execute("migrate-continue", Map.of("state", "pre-switchover"));
  }

  /**
   * From the source's pause to the destination's start, in milliseconds; the time of its events.
   */
  double pause() throws IOException, InterruptedException {
    return (atDestination("RESUME").nanos() - atSource("STOP").nanos()) / 1e6;
  }
}
