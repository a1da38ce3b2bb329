package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.steer.HostFacts;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How many ICMP errors about a migration's old addresses this host's kernel has made, and our
 * tables have kept back. The kernel counts them; a process is started to read that, so it is read
 * for who asks about this one migration, and never on the way of a hold or a release.
 */
final class KeptBackErrors {
  private static final Logger log = LoggerFactory.getLogger(KeptBackErrors.class);

  /** Who looks again and again shall not cost a process each time. */
  private static final long FRESH_NANOS = 200_000_000L;

  private final Host host;
  private @Nullable Long count;
  private long countedNanos;

  KeptBackErrors(Host host) {
    this.host = host;
  }

  /** As they were read last; null where they never were. */
  synchronized @Nullable Long last() {
    return count;
  }

  /** Reads them anew where that was not just done. */
  synchronized void look(MigrationRecord record) {
    if (count == null || host.clock().nanoTime() - countedNanos >= FRESH_NANOS) {
      read(record);
    }
  }

  /** Reads them for the last time, before what counts them is taken away. */
  synchronized void read(MigrationRecord record) {
    if (record.byPcap()) {
      count = 0L; // the kernel never sees the packets
      return;
    }
    try {
      count = new HostFacts(host.kernel()).errorsKeptBack(record.olds());
      countedNanos = host.clock().nanoTime();
    } catch (IOException e) {
      log.debug("[{}] ICMP errors are not counted: {}", record.name(), e.getMessage());
    }
  }
}
