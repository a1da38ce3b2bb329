package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.steer.Preflight;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmReply;
import dev.holdfast.tunnel.endpoint.ControlMessage.Finished;
import dev.holdfast.tunnel.endpoint.ControlMessage.RolledBack;
import dev.holdfast.tunnel.endpoint.ControlMessage.TakenBack;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** The questions that a redirector puts to an endpoint, each with its answer awaited. */
final class Asking {
  private static final long ARM_MILLIS = 20_000;

  private Asking() {}

  /**
   * Arms the endpoint.
   *
   * @throws RequestRefused with the endpoint's reason and its checks
   */
  static ArmReply arm(Host host, ControlChannel channel, MigrationRecord record)
      throws RequestRefused {
    ArmReply reply = ask(host, channel, record, false);
    if (!reply.accepted()) {
      List<MigrationPlan.Check> checks = Planner.fromRemote(record.remote(), reply.checks());
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          record.remote() + " refuses: " + reply.refusal(),
          Preflight.passes(checks) ? List.of() : checks);
    }
    if (reply.connections() < 1) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          record.remote() + " agrees to no data connection, which this daemon cannot do without");
    }
    return reply;
  }

  /** May this be armed? What a dry run would do and what stands in its way is in the answer. */
  static ArmReply dryRun(Host host, ControlChannel channel, MigrationRecord record)
      throws RequestRefused {
    return ask(host, channel, record, true);
  }

  private static ArmReply ask(
      Host host, ControlChannel channel, MigrationRecord record, boolean dryRun)
      throws RequestRefused {
    GuestMapping.requireCapable(record, channel.remoteSoftware(), channel.remoteCapabilities());
    long request = host.calls().newRequest();
    CompletableFuture<ControlMessage> answer = host.calls().expectReply(record.remote(), request);
    channel.send(
        new ControlMessage.ArmRequest(
            request,
            record.uuid(),
            record.name(),
            record.epoch(),
            dryRun,
            record.olds(),
            record.news(),
            record.mac(),
            record.deliver(),
            record.encapsulation(),
            record.returnPath(),
            record.oldLans().stream().map(IpPrefix::parse).toList(),
            record.dnsName() == null ? "" : record.dnsName(),
            record.connections(),
            record.encapsulationReason() == null ? "" : record.encapsulationReason(),
            record.isUnaware(),
            record.advertised()));
    return ControlCalls.await(
        answer, ArmReply.class, ARM_MILLIS, record.remote(), "the request to arm");
  }

  /**
   * Tells the endpoint to forget it. Answers with its refusal, "" when it agrees.
   *
   * @throws RequestRefused when it has not answered; it may have agreed
   */
  static String rollback(Host host, ControlChannel channel, MigrationRecord record, long millis)
      throws RequestRefused {
    CompletableFuture<ControlMessage> answer =
        host.calls().expect(record.remote(), RolledBack.class, record.uuid());
    channel.send(new ControlMessage.Rollback(record.uuid(), record.epoch()));
    return ControlCalls.await(answer, RolledBack.class, millis, record.remote(), "the rollback")
        .refusal();
  }

  /**
   * Asks the endpoint to give the address back after release, to be this host's in {@code next}.
   *
   * @throws RequestRefused when it has not answered; it may have agreed
   */
  static TakenBack takeBack(
      Host host,
      ControlChannel channel,
      MigrationRecord record,
      long next,
      boolean force,
      long millis)
      throws RequestRefused {
    CompletableFuture<ControlMessage> answer =
        host.calls().expect(record.remote(), TakenBack.class, record.uuid());
    channel.send(new ControlMessage.TakeBack(record.uuid(), record.epoch(), next, force));
    return ControlCalls.await(answer, TakenBack.class, millis, record.remote(), "the rollback");
  }

  /**
   * Tells the endpoint that no connection is left; "" when it agrees, otherwise what went wrong.
   */
  static String finish(Host host, MigrationRecord record, long millis) {
    try {
      ControlChannel channel = host.control(record.remote());
      CompletableFuture<ControlMessage> answer =
          host.calls().expect(record.remote(), Finished.class, record.uuid());
      channel.send(new ControlMessage.Finish(record.uuid(), record.epoch()));
      ControlCalls.await(answer, Finished.class, millis, record.remote(), "that it is done");
      return "";
    } catch (RequestRefused e) {
      return String.valueOf(e.getMessage());
    }
  }
}
