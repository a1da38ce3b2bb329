package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.steer.NftCounts;
import dev.holdfast.tunnel.observe.DropReason;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What our tables in this host's kernel have dropped for one migration, and the packet path never
 * sees: packets whose TTL was used up, ICMP errors that the kernel has made about the old
 * addresses, what the guest sends to groups, and what groups it does not hear while it is held. It
 * is read for who asks about this one migration, and never on the way of a hold or a release.
 */
final class KernelCounts {
  private static final Logger log = LoggerFactory.getLogger(KernelCounts.class);

  /** Who looks again and again shall not make the kernel list its sets each time. */
  private static final long FRESH_NANOS = 200_000_000L;

  private final Host host;
  private @Nullable Long errorsKeptBack;
  private long groupPackets;
  private long spent;
  private long readNanos;

  KernelCounts(Host host) {
    this.host = host;
  }

  /** ICMP errors, as they were read last; null where they never were. */
  synchronized @Nullable Long errorsKeptBack() {
    return errorsKeptBack;
  }

  /** {@code drops} by reason, with those that the kernel has counted. */
  synchronized Map<String, Long> with(Map<String, Long> drops) {
    if (groupPackets == 0) {
      return drops;
    }
    Map<String, Long> all = new TreeMap<>(drops);
    all.merge(DropReason.MULTICAST.label(), groupPackets, Long::sum);
    return all;
  }

  /** Reads them anew where that was not just done. */
  synchronized void look(LiveMigration migration) {
    if (errorsKeptBack == null || host.clock().nanoTime() - readNanos >= FRESH_NANOS) {
      read(migration);
    }
  }

  /**
   * Brings packets whose TTL was used up since the last call, which never came as far as the TUN,
   * into the counters of {@code path}.
   */
  synchronized void countSpent(MigrationRecord record, MigrationPath path) {
    if (record.byPcap()) {
      return; // which takes the hop itself, and counts
    }
    try {
      long now = new NftCounts(host.kernel()).spent(record.olds());
      long more = now < spent ? now : now - spent; // somebody has flushed the kernel's counters
      spent = now;
      if (more > 0) {
        host.data().run(() -> path.drops().count(DropReason.TTL_EXCEEDED, more));
      }
    } catch (IOException e) {
      log.debug("[{}] what the kernel dropped cannot be read: {}", record.name(), e.getMessage());
    }
  }

  /** Reads them for the last time, before what counts them is taken away. */
  synchronized void read(LiveMigration migration) {
    MigrationRecord record = migration.record;
    MigrationPath path = migration.path;
    if (path != null) {
      countSpent(record, path);
    }
    NftCounts counts = new NftCounts(host.kernel());
    try {
      // By pcap the kernel sees no packet that it could say anything about.
      errorsKeptBack = record.byPcap() ? 0L : counts.errorsKeptBack(record.olds());
      if (migration instanceof EndpointMigration) { // the guest is there
        groupPackets = counts.groupPackets(record.olds(), record.byPcap());
      } else if (record.guestPort() != null) {
        groupPackets = counts.groupPacketsMissed(record.guestPort(), record.byPcap());
      }
      readNanos = host.clock().nanoTime();
    } catch (IOException e) {
      log.debug("[{}] not read from nft: {}", record.name(), e.getMessage());
    }
  }
}
