package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.HostSteering;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.Preflight;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;

/**
 * Turns a request into a record and a plan. Looks at this host and asks the other; changes nothing.
 */
final class Planner {
  private Planner() {}

  /**
   * The record of a migration that {@code spec} asks for, in state planned.
   *
   * @throws RequestRefused when the guest cannot be found on this host
   */
  static MigrationRecord record(Host host, MigrationSpec spec) throws RequestRefused {
    Surroundings place = Surroundings.find(host, spec);
    return new MigrationRecord(
        UUID.randomUUID().toString(),
        spec.name(),
        host.clock().epochNanos() / 1_000_000, // later ownership, higher epoch
        Role.REDIRECTOR,
        MigrationState.PLANNED,
        spec.remote().name(),
        spec.olds().stream().map(IpAddress::toString).toList(),
        spec.news().stream().map(IpAddress::toString).toList(),
        place.guestMac() == null ? null : place.guestMac().toString(),
        place.from(),
        spec.guestPort(),
        spec.deliver(),
        place.oldLans().stream().map(IpPrefix::toString).toList(),
        spec.encapsulation().name().toLowerCase(Locale.ROOT),
        host.config().tunnel().returnPath().name().toLowerCase(Locale.ROOT),
        spec.holdPolicy().name().toLowerCase(Locale.ROOT),
        spec.dnsName(),
        spec.dnsAddresses().stream().map(IpAddress::toString).toList(),
        spec.flowListCommand(),
        "",
        0,
        null,
        List.of(),
        spec.capture().name().toLowerCase(Locale.ROOT));
  }

  /** Checks this host for the redirector's part; the endpoint checks its own when it is asked. */
  static List<MigrationPlan.Check> checks(Host host, MigrationRecord record) {
    Preflight preflight = preflight(host, record);
    List<MigrationPlan.Check> checks =
        new ArrayList<>(preflight.host(host.config().tunnel().device()));
    checks.addAll(
        preflight.redirector(record.olds(), record.from(), record.guestPort(), record.mac()));
    return checks;
  }

  /** Checks this host for the endpoint's part. */
  static List<MigrationPlan.Check> endpointChecks(Host host, MigrationRecord record) {
    Preflight preflight = preflight(host, record);
    List<MigrationPlan.Check> checks =
        new ArrayList<>(preflight.host(host.config().tunnel().device()));
    checks.addAll(
        preflight.endpoint(
            record.olds(),
            record.news(),
            record.mac(),
            record.deliver(),
            record.oldLans().stream().map(IpPrefix::parse).toList()));
    return checks;
  }

  private static Preflight preflight(Host host, MigrationRecord record) {
    return new Preflight(
        host.config().daemon().name(),
        new HostFacts(host.kernel()),
        host.ledger(),
        record.byPcap());
  }

  /**
   * Refuses when a check has failed, naming every one with its fix.
   *
   * @throws RequestRefused {@code REFUSED}
   */
  static void requirePassed(List<MigrationPlan.Check> checks) throws RequestRefused {
    List<String> failed = new ArrayList<>();
    for (MigrationPlan.Check check : checks) {
      if (check.result().equals("failed")) {
        failed.add(
            check.name()
                + ": "
                + check.detail()
                + (check.fix().isEmpty() ? "" : " (" + check.fix() + ")"));
      }
    }
    if (!failed.isEmpty()) {
      throw new RequestRefused(RequestRefused.Kind.REFUSED, String.join("; ", failed));
    }
  }

  /**
   * What arming would do, in order.
   *
   * @throws RequestRefused when the request or the remote host is wrong; failed checks are in the
   *     plan
   */
  static MigrationPlan plan(Host host, MigrationRecord record) throws RequestRefused {
    List<MigrationPlan.Check> checks = new ArrayList<>(checks(host, record));
    String here = host.config().daemon().name();
    List<MigrationPlan.Step> steps = new ArrayList<>();
    try {
      if (record.byPcap()) {
        steps.add(
            new MigrationPlan.Step(
                here, "armed", "open " + record.from() + " by libpcap, deaf", "close it"));
      } else {
        String tun = host.config().tunnel().device();
        steps.add(new MigrationPlan.Step(here, "armed", "open the TUN " + tun, "close it"));
        HostFacts facts = new HostFacts(host.kernel());
        addAll(steps, here, new HostSteering(facts, tun).changes());
      }
      addAll(steps, here, RedirectorSteps.changes(host, record));
    } catch (IOException e) {
      throw new RequestRefused(
          RequestRefused.Kind.FAILED, "this host could not be looked at: " + e.getMessage(), e);
    }
    ControlMessage.ArmReply reply = Asking.arm(host, host.control(record.remote()), record, true);
    for (ControlMessage.CheckEntry each : reply.checks()) {
      checks.add(
          new MigrationPlan.Check(
              record.remote(), each.name(), each.result(), each.detail(), each.fix()));
    }
    for (ControlMessage.ChangeEntry each : reply.changes()) {
      steps.add(new MigrationPlan.Step(record.remote(), "armed", each.what(), each.undo()));
    }
    steps.add(
        new MigrationPlan.Step(
            here,
            "armed",
            "open a data connection to " + record.remote() + " and prove it with probes",
            "close it"));
    if (record.dnsName() != null) {
      steps.add(
          new MigrationPlan.Step(
              here, "armed", "lower the TTL of " + record.dnsName(), "restore it"));
    }
    steps.add(
        new MigrationPlan.Step(
            here,
            "holding",
            "switch capture of "
                + record.oldAddresses()
                + (record.byPcap() ? " by pcap" : "")
                + " on: set elements in one nft transaction",
            "switch it off"));
    if (record.dnsName() != null) {
      steps.add(
          new MigrationPlan.Step(
              here,
              "redirecting",
              "update "
                  + record.dnsName()
                  + " to "
                  + record.dnsAddresses()
                  + " by compare-and-swap",
              "put it back by compare-and-swap"));
    }
    return new MigrationPlan("holdfast.plan/1", record.name(), checks, steps);
  }

  private static void addAll(
      List<MigrationPlan.Step> steps, String host, List<KernelChange> changes) {
    for (KernelChange change : changes) {
      steps.add(new MigrationPlan.Step(host, "armed", change.what(), change.undoWhat()));
    }
  }
}
