package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.FlowEnd;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes the continuity report of a migration, and the lists of its connections, from its flow
 * table.
 */
final class Reports {
  private Reports() {}

  /** The report as it stands now; null where there is no packet path any more. */
  static @Nullable ContinuityReport of(Host host, LiveMigration migration) {
    MigrationPath path = migration.path;
    if (path == null) {
      return null;
    }
    MigrationRecord record = migration.record;
    KernelCounts counts = migration.kernelCounts;
    counts.countSpent(record, path);
    return host.data().call(() -> build(path, record, counts, host.clock().nanoTime()));
  }

  private static ContinuityReport build(
      MigrationPath path, MigrationRecord record, KernelCounts counts, long now) {
    List<ContinuityReport.Connection> connections = new ArrayList<>();
    int reset = 0;
    int gone = 0;
    for (Flow flow : path.flows().aliveAtHold()) {
      if (flow.end() == FlowEnd.RESET_BY_GUEST || flow.end() == FlowEnd.RESET_BY_PEER) {
        reset++;
      }
      if (flow.end() == FlowEnd.TIMED_OUT) {
        gone++;
      }
      connections.add(
          new ContinuityReport.Connection(
              text(flow),
              flow.end().label(),
              flow.longestSilenceNanos(now) / 1e6,
              flow.recoveryNanos() < 0 ? null : flow.recoveryNanos() / 1e6,
              flow.bytes(Direction.TO_GUEST) + flow.bytes(Direction.FROM_GUEST)));
    }
    MigrationView.HeldView held = path.held();
    return new ContinuityReport(
        connections.size(),
        connections.size() - reset - gone,
        reset,
        holdMillis(record),
        held.total(),
        held.staged(),
        held.replaced(),
        counts.with(path.drops().nonZero()),
        path.toGuestBytes(),
        path.fromGuestBytes(),
        connections,
        counts.errorsKeptBack());
  }

  private static @Nullable Double holdMillis(MigrationRecord record) {
    long held = 0;
    long released = 0;
    for (MigrationView.HistoryEntry entry : record.history()) {
      if (entry.state().equals(MigrationState.HOLDING.label())) {
        held = entry.epochNanos();
      }
      if (entry.state().equals(MigrationState.REDIRECTING.label())) {
        released = entry.epochNanos();
      }
    }
    return held == 0 || released == 0 ? null : (released - held) / 1e6;
  }

  /** The connections in a table, as {@code flow list} prints them. */
  static List<FlowView> flows(String migration, FlowTable table, boolean remaining, long now) {
    List<FlowView> views = new ArrayList<>();
    if (remaining) {
      table.remaining(now).forEach(flow -> views.add(view(migration, table, flow, now)));
    } else {
      table.forEach(flow -> views.add(view(migration, table, flow, now)));
    }
    return views;
  }

  private static FlowView view(String migration, FlowTable table, Flow flow, long now) {
    return new FlowView(
        migration,
        protocol(flow.protocol()),
        socket(flow.guest().toString(), flow.guestPort()),
        socket(flow.peer().toString(), flow.peerPort()),
        flow.stateLabel(),
        flow.ageNanos(now) / 1_000_000,
        flow.idleNanos(now) / 1_000_000,
        flow.bytes(Direction.TO_GUEST),
        flow.bytes(Direction.FROM_GUEST),
        flow.origin().label(),
        table.whyCounts(flow, now));
  }

  private static String text(Flow flow) {
    return protocol(flow.protocol())
        + " "
        + socket(flow.peer().toString(), flow.peerPort())
        + " - "
        + socket(flow.guest().toString(), flow.guestPort());
  }

  private static String socket(String address, int port) {
    return address.indexOf(':') < 0 ? address + ":" + port : "[" + address + "]:" + port;
  }

  private static String protocol(int number) {
    return switch (number) {
      case PacketView.TCP -> "tcp";
      case PacketView.UDP -> "udp";
      case PacketView.ICMP, PacketView.ICMPV6 -> "icmp";
      default -> Integer.toString(number);
    };
  }
}
