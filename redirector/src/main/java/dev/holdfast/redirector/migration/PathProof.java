package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.steer.ForwardProbe;
import dev.holdfast.redirector.steer.SteeringPlan;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The proof at arm that this host's forwarding path is open: preflight reads what filters say, a
 * probe sees what they do.
 */
final class PathProof {
  private static final String NAME = "forwarding path";

  private PathProof() {}

  /**
   * Probes every way of a migration through this host; its kernel objects must stand.
   *
   * @return one check for each way
   * @throws RequestRefused with the checks when a way is closed
   */
  static List<MigrationPlan.Check> prove(Host host, MigrationRecord record) throws RequestRefused {
    List<MigrationPlan.Check> checks = new ArrayList<>();
    if (record.byPcap()) {
      return checks; // frames do not go that way
    }
    String here = host.config().daemon().name();
    boolean redirector = record.role() == Role.REDIRECTOR;
    try {
      SteeringPlan plan =
          redirector ? RedirectorSteps.plan(host, record) : EndpointSteps.plan(host, record);
      ForwardProbe probe = new ForwardProbe(host.kernel(), plan, redirector);
      for (ForwardProbe.Way way : probe.run(packet -> write(host, record, packet))) {
        checks.add(check(here, redirector, way));
      }
      if (!probe.notSent().isEmpty()) {
        checks.add(
            new MigrationPlan.Check(
                here,
                NAME,
                "warning",
                "not every way was probed: " + probe.notSent(),
                "believe the check 'filters', which reads the rules"));
      }
    } catch (IOException e) {
      throw new RequestRefused(
          RequestRefused.Kind.FAILED,
          "the forwarding path of " + here + " could not be probed: " + e.getMessage(),
          e);
    }
    Planner.requirePassed(checks);
    return checks;
  }

  private static MigrationPlan.Check check(String here, boolean redirector, ForwardProbe.Way way) {
    if (way.isOpen()) {
      return new MigrationPlan.Check(here, NAME, "ok", "a probe passed: " + way.what(), "");
    }
    // A host may serve neighbours only, and know no way to anybody else.
    boolean onlyFarPeers = redirector && way.isLostByRouting() && way.isFromTun();
    return new MigrationPlan.Check(
        here,
        NAME,
        onlyFarPeers ? "warning" : "failed",
        "a probe was lost " + way.lost() + ": " + way.what(),
        way.isLostByRouting()
            ? "see 'ip route get' for that destination and the route back to that source"
            : "'nft monitor trace' shows where, for packets with the rule 'meta nftrace set 1'; let"
                + " them through, or take packets before netfilter (--capture pcap)");
  }

  /** The TUN is the data loop's. */
  private static void write(Host host, MigrationRecord record, ByteBuf packet) {
    host.data()
        .run(() -> {
          try {
            boolean unused = host.objects().device(record).write(packet); // one lost is sent again
          } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
          } finally {
            packet.release();
          }
        });
  }
}
