package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.HostSteering;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.Preflight;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
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
            host.config().tunnel().connections(),
            spec.returnPath().name().toLowerCase(Locale.ROOT),
            spec.holdPolicy().name().toLowerCase(Locale.ROOT),
            spec.dnsName(),
            spec.dnsAddresses().stream().map(IpAddress::toString).toList(),
            spec.flowListCommand(),
            "",
            0,
            null,
            List.of(),
            null,
            null,
            spec.capture().name().toLowerCase(Locale.ROOT),
            null)
        .ofUnaware(spec.guestUnaware())
        .withAdvertised(GuestMapping.advertised(host, spec, place));
  }

  /**
   * Checks this host for the redirector's part, and its way to the endpoint, which checks its own
   * host when it is asked.
   */
  static List<MigrationPlan.Check> checks(Host host, MigrationRecord record) {
    String tun = host.config().tunnel().device();
    MacAddress guest = record.mac();
    Preflight preflight = preflight(host, record);
    List<MigrationPlan.Check> checks = new ArrayList<>(preflight.host(tun));
    checks.addAll(
        preflight.redirector(record.olds(), record.from(), record.guestPort(), record.mac()));
    if (guest != null && Preflight.passes(checks)) {
      checks.addAll(
          preflight.ownersAtRedirector(
              record.olds(), record.from(), record.guestPort(), guest, host.clock()));
    }
    if (!record.byPcap()) {
      checks.addAll(preflight.filtersAtRedirector(record.olds(), record.from(), tun));
    }
    checks.addAll(WayChecks.outgoing(host, record));
    if (record.isUnaware()) {
      checks.addAll(GuestMapping.limits(host.config().daemon().name(), record));
    }
    if (!record.dnsNames().isEmpty()) {
      checks.addAll(NameMoves.checks(host, record));
    }
    return checks;
  }

  /** Checks this host for the endpoint's part. */
  static List<MigrationPlan.Check> endpointChecks(Host host, MigrationRecord record) {
    String tun = host.config().tunnel().device();
    Preflight preflight = preflight(host, record);
    List<MigrationPlan.Check> checks = new ArrayList<>(preflight.host(tun));
    checks.addAll(
        preflight.endpoint(
            record.olds(),
            record.news(),
            record.mac(),
            record.deliver(),
            record.oldLans().stream().map(IpPrefix::parse).toList()));
    if (record.isUnaware()) {
      checks.addAll(
          preflight.mapping(host.kernel(), record.news(), record.mac(), record.deliver()));
      checks.addAll(preflight.filtersOfMapped(record.olds(), record.deliver(), tun));
    }
    if (Preflight.passes(checks)) {
      checks.addAll(
          preflight.ownersAtEndpoint(
              record.olds(), record.news(), record.deliver(), record.mac(), host.clock()));
    }
    if (!record.byPcap()) {
      checks.addAll(preflight.filtersAtEndpoint(record.olds(), record.deliver(), tun));
    }
    checks.addAll(WayChecks.incoming(host, record));
    return checks;
  }

  private static String counted(int connections) {
    return connections == 1 ? "a data connection" : connections + " data connections";
  }

  /** What a remote host has found, as checks of its. */
  static List<MigrationPlan.Check> fromRemote(
      String remote, List<ControlMessage.CheckEntry> entries) {
    return entries.stream()
        .map(e -> new MigrationPlan.Check(remote, e.name(), e.result(), e.detail(), e.fix()))
        .toList();
  }

  static Preflight preflight(Host host, MigrationRecord record) {
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
      throw new RequestRefused(RequestRefused.Kind.REFUSED, String.join("; ", failed), checks);
    }
  }

  /**
   * What arming would do, in order.
   *
   * @throws RequestRefused when the request or the remote host is wrong; failed checks are in the
   *     plan
   */
  static MigrationPlan plan(Host host, MigrationRecord wanted) throws RequestRefused {
    MigrationRecord record =
        EncapsulationChoice.asked(
            host.config(), wanted, each -> WayChecks.againstIpInIp(host, each));
    List<MigrationPlan.Check> checks = new ArrayList<>(checks(host, record));
    List<MigrationPlan.Step> theirSteps = new ArrayList<>();
    int connections = record.connections();
    if (checks.stream().noneMatch(WayChecks::isUnreachable)) {
      ControlMessage.ArmReply reply = Asking.dryRun(host, host.control(record.remote()), record);
      List<MigrationPlan.Check> theirs = fromRemote(record.remote(), reply.checks());
      checks.addAll(theirs);
      if (reply.accepted()) {
        record = EncapsulationChoice.agreed(record, reply);
        checks.add(EncapsulationChoice.check(host.config(), wanted, record));
        checks.addAll(ReturnPathProof.planned(host, record));
        connections = Math.min(connections, reply.connections());
      } else if (Preflight.passes(theirs)) {
        checks.add(
            new MigrationPlan.Check(
                record.remote(),
                "request",
                "failed",
                reply.refusal(),
                "see the config and the migrations of " + record.remote()));
      }
      for (ControlMessage.ChangeEntry each : reply.changes()) {
        theirSteps.add(new MigrationPlan.Step(record.remote(), "armed", each.what(), each.undo()));
      }
    }
    String here = host.config().daemon().name();
    List<MigrationPlan.Step> steps = new ArrayList<>();
    try {
      steps.addAll(steps(host, record, record.from(), RedirectorSteps.changes(host, record)));
    } catch (IOException e) {
      throw new RequestRefused(
          RequestRefused.Kind.FAILED, "this host could not be looked at: " + e.getMessage(), e);
    }
    steps.addAll(theirSteps);
    steps.add(
        new MigrationPlan.Step(
            here,
            "armed",
            "open "
                + counted(connections)
                + " to "
                + record.remote()
                + " and prove the tunnel with probes",
            "close what was opened"));
    for (String name : record.dnsNames()) {
      steps.add(new MigrationPlan.Step(here, "armed", "lower the TTL of " + name, "restore it"));
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
    for (String name : record.dnsNames()) {
      steps.add(
          new MigrationPlan.Step(
              here,
              "redirecting",
              "update " + name + " to " + record.dnsAddresses() + " by compare-and-swap",
              "put it back by compare-and-swap"));
    }
    return new MigrationPlan("holdfast.plan/1", record.name(), checks, steps);
  }

  /** What arming makes on the endpoint. */
  static List<MigrationPlan.Step> endpointSteps(Host host, MigrationRecord record)
      throws IOException {
    return steps(host, record, record.deliver(), EndpointSteps.changes(host, record));
  }

  /**
   * Changes of a migration, after what all migrations of this host share.
   *
   * @param lan where frames are taken off, if they are
   */
  private static List<MigrationPlan.Step> steps(
      Host host, MigrationRecord record, String lan, List<KernelChange> own) throws IOException {
    String here = host.config().daemon().name();
    String tun = host.config().tunnel().device();
    List<MigrationPlan.Step> steps = new ArrayList<>();
    List<KernelChange> changes = new ArrayList<>();
    if (record.byPcap()) {
      steps.add(
          new MigrationPlan.Step(here, "armed", "open " + lan + " by libpcap, deaf", "close it"));
    } else {
      steps.add(new MigrationPlan.Step(here, "armed", "open the TUN " + tun, "close it"));
      boolean keepTtl = host.config().tunnel().keepsTtl();
      changes.addAll(new HostSteering(new HostFacts(host.kernel()), tun, keepTtl).changes());
    }
    changes.addAll(own);
    for (KernelChange change : changes) {
      steps.add(new MigrationPlan.Step(here, "armed", change.what(), change.undoWhat()));
    }
    return steps;
  }
}
