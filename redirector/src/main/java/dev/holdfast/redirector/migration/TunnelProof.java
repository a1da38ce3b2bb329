package dev.holdfast.redirector.migration;

import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmReply;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * The part of arming in which the two hosts agree on how packets travel, and prove that they do.
 * Where the encapsulation is {@code auto}, it is played with IP-in-IP first, if nothing speaks
 * against that beforehand; if it fails, all of it is taken back and played with TLS.
 */
final class TunnelProof {
  private static final long ANSWER_MILLIS = 15_000;

  private final Host host;
  private final RedirectorMigration migration;
  private final DataConnections connections;

  TunnelProof(Host host, RedirectorMigration migration, DataConnections connections) {
    this.host = host;
    this.migration = migration;
    this.connections = connections;
  }

  /**
   * On return packets pass, and the record says how.
   *
   * @throws RequestRefused when they do not; what was made is the caller's to undo
   */
  void establish(ControlChannel channel) throws RequestRefused {
    if (!migration.record.isAuto()) {
      attempt(channel);
      return;
    }
    migration.amend(record ->
        EncapsulationChoice.asked(
            host.config(), record, wanted -> WayChecks.againstIpInIp(host, wanted)));
    if (migration.record.isAuto()) {
      String against = tryIpInIp(channel);
      if (against != null) {
        String reason = EncapsulationChoice.tlsSince(against);
        migration.amend(
            tried -> tried.carriedBy(EncapsulationChoice.TLS, reason, tried.epoch() + 1));
        attempt(channel);
      }
    } else {
      attempt(channel);
    }
    migration.event("progress", String.valueOf(migration.record.encapsulationReason()));
  }

  /**
   * Answers why it did not work with IP-in-IP; null when it did, or when the endpoint has chosen
   * TLS and that worked.
   */
  private @Nullable String tryIpInIp(ControlChannel channel) throws RequestRefused {
    try {
      attempt(channel);
    } catch (RequestRefused e) {
      if (!migration.record.isIpInIp()) {
        throw e; // the endpoint refuses, or it was by TLS that it failed
      }
      migration.event("progress", "not by IP-in-IP: " + e.getMessage());
      try {
        String unused = Asking.rollback(host, channel, migration.record, ANSWER_MILLIS);
      } catch (RequestRefused gone) {
        // The next request to arm has a later epoch, and supersedes this one.
      }
      migration.lower();
      return e.getMessage();
    }
    if (migration.record.isIpInIp()) {
      String reason = EncapsulationChoice.ipInIpProven(migration.raised().innerMtu());
      migration.amend(
          proven -> proven.carriedBy(EncapsulationChoice.IP_IN_IP, reason, proven.epoch()));
    }
    return null;
  }

  private void attempt(ControlChannel channel) throws RequestRefused {
    ArmReply reply = Asking.arm(host, channel, migration.record);
    migration.warn(Planner.fromRemote(migration.record.remote(), reply.checks()));
    MigrationRecord agreed = EncapsulationChoice.agreed(migration.record, reply);
    String token = HexFormat.of().formatHex(reply.token());
    migration.amend(before ->
        before
            .carriedBy(agreed.encapsulation(), agreed.encapsulationReason(), agreed.epoch())
            .withToken(token)
            .withConnections(Math.min(before.connections(), reply.connections())));
    migration.raise();
    migration.warn(PathProof.prove(host, migration.record));
    connections.open();
    connections.probe();
  }
}
