package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.tunnel.observe.DropReason;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings what the kernel has dropped of one migration in our name into the counters of its path:
 * packets whose TTL was used up, which never come as far as the TUN.
 */
final class KernelDrops {
  private static final Logger log = LoggerFactory.getLogger(KernelDrops.class);

  private long told;

  /** Counts what was dropped since the last call; nothing where there are no tables (any more). */
  synchronized void count(Host host, MigrationRecord record, MigrationPath path) {
    if (record.byPcap()) {
      return; // which takes the hop itself, and counts
    }
    long now;
    try {
      now = new HostFacts(host.kernel()).spent(record.olds());
    } catch (IOException e) {
      log.debug("[{}] what the kernel dropped cannot be read: {}", record.name(), e.getMessage());
      return;
    }
    long more = now < told ? now : now - told; // somebody has flushed the kernel's counters
    told = now;
    if (more > 0) {
      host.data().run(() -> path.drops().count(DropReason.TTL_EXCEEDED, more));
    }
  }
}
