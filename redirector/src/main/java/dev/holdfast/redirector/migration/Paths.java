package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.FlowLearner;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.DirectReturn;
import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.SteeringNames;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.encap.OuterFragments;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowEntry;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Builds a migration's part of the packet path from its record and the config, and fills its flow
 * table.
 */
final class Paths {
  static final int MAX_FLOWS = 262_144;

  /** Some milliseconds of the packets' thread. */
  private static final int FLOWS_AT_ONCE = 8_192;

  private static final int LAN_MTU = 1500;
  private static final SecureRandom RANDOM = new SecureRandom();

  private Paths() {}

  static Config.Remote remote(Config config, String name) {
    return config.remotes().stream()
        .filter(remote -> remote.name().equals(name))
        .findFirst()
        .orElseThrow(
            () -> new IllegalStateException("the config no longer has [[remote]] " + name));
  }

  /**
   * The longest inner packet that the migration's encapsulation takes, in bytes. Outer packets come
   * from the address on which this host listens, and are of its family.
   */
  static int innerMtu(Config config, MigrationRecord record) {
    Integer measured = record.innerMtu();
    return measured != null && record.isIpInIp() ? measured : usualInnerMtu(config, record);
  }

  /** The same where nothing between the hosts takes less than an Ethernet. */
  static int usualInnerMtu(Config config, MigrationRecord record) {
    return record.isIpInIp()
        ? LAN_MTU - IpInIp.outerLength(IpAddress.of(config.tunnel().listen().getAddress()))
        : LAN_MTU;
  }

  /** Less than this no path between the hosts carries whole, or no sender is told of, bytes. */
  static int smallestInnerMtu(Config config) {
    IpAddress outer = IpAddress.of(config.tunnel().listen().getAddress());
    return Math.max(
        Fit.SMALLEST_V4, OuterFragments.smallestMtu(outer.isV4()) - IpInIp.outerLength(outer));
  }

  /** The longest packet on the way between the hosts where they use IP-in-IP, in bytes. */
  static int outerLength(Config config, MigrationRecord record) {
    return usualInnerMtu(config, record)
        + IpInIp.outerLength(IpAddress.of(config.tunnel().listen().getAddress()));
  }

  static MigrationPath build(Host host, MigrationRecord record, Role role, byte[] token) {
    Config config = host.config();
    Config.HoldPolicy policy =
        Config.HoldPolicy.valueOf(record.holdPolicy().toUpperCase(Locale.ROOT));
    HoldLimits limits = HoldLimits.of(config.hold().maxBytes(), config.hold().maxAge().toNanos());
    MigrationPath path =
        new MigrationPath(
            record.uuid(),
            role,
            record.olds(),
            token,
            decision(record, role, policy, config.drain().staleSyn()),
            innerMtu(config, record),
            deliveryMtu(host, record),
            record.connections(),
            flowTable(host),
            role == Role.REDIRECTOR ? host.objects().holdBudget() : host.objects().stagingBudget(),
            limits,
            idsSoFar(host, record));
    path.keepTtl(config.tunnel().keepsTtl());
    return path;
  }

  private static Decision decision(
      MigrationRecord record, Role role, Config.HoldPolicy hold, Config.StaleSyn stale) {
    Decision symmetric = new Decision(role, record.olds(), hold, stale);
    return role == Role.ENDPOINT && record.isDirect()
        ? symmetric.answering(direct(record))
        : symmetric;
  }

  /** Which answers leave at the new site where that is the return path. */
  static DirectReturn direct(MigrationRecord record) {
    return new DirectReturn(record.olds(), record.oldLans().stream().map(IpPrefix::parse).toList());
  }

  /**
   * The longest packet that may be written towards the guest, or by pcap towards its peers, bytes.
   * Towards peers the kernel knows the route, and tells the guest itself of what is too big.
   */
  private static int deliveryMtu(Host host, MigrationRecord record) {
    if (record.role() == Role.REDIRECTOR && !record.byPcap()) {
      return SteeringNames.TUN_MTU;
    }
    try {
      return new HostFacts(host.kernel())
          .device(record.lan())
          .map(HostFacts.Device::mtu)
          .orElse(LAN_MTU);
    } catch (IOException e) {
      return LAN_MTU; // it says so itself when the device is needed
    }
  }

  /** Higher than any id that an earlier daemon gave to what it held, which was after its hold. */
  private static long idsSoFar(Host host, MigrationRecord record) {
    long last = host.clock().epochNanos();
    for (MigrationView.HistoryEntry entry : record.history()) {
      last = Math.max(last, entry.epochNanos()); // the clock may have been set back
    }
    return last;
  }

  /** An empty one. */
  static FlowTable flowTable(Host host) {
    return new FlowTable(
        MAX_FLOWS,
        FlowTimers.DEFAULTS.withTimeWait(host.config().drain().timeWait().toNanos()),
        RANDOM.nextLong());
  }

  /**
   * Starts to learn the guest's connections on its port, or on the LAN's interface where it has
   * none.
   *
   * @param table the learner's until it is handed over; what is in it is known already
   * @throws RequestRefused when it cannot be captured there
   */
  static FlowLearner learn(Host host, MigrationRecord record, FlowTable table)
      throws RequestRefused {
    String port = record.guestPort() == null ? record.from() : record.guestPort();
    try {
      return FlowLearner.start(port, record.olds(), table, host.clock());
    } catch (IOException e) {
      throw new RequestRefused(RequestRefused.Kind.FAILED, String.valueOf(e.getMessage()), e);
    }
  }

  /** Adds what the redirector knows, at the endpoint; packets pass between the parts of it. */
  static void addSnapshot(Host host, MigrationPath path, List<FlowEntry> entries) {
    long now = host.clock().nanoTime();
    for (int at = 0; at < entries.size(); at += FLOWS_AT_ONCE) {
      List<FlowEntry> part = entries.subList(at, Math.min(entries.size(), at + FLOWS_AT_ONCE));
      host.data().run(() -> add(path, part, now));
    }
  }

  private static void add(MigrationPath path, List<FlowEntry> entries, long now) {
    for (FlowEntry entry : entries) {
      path.flows()
          .list(
              new FlowKey(
                  entry.protocol(),
                  entry.guest(),
                  entry.guestPort(),
                  entry.peer(),
                  entry.peerPort()),
              now,
              Origin.SNAPSHOT);
    }
  }

  /** The connections that are alive, as the endpoint is told them. */
  static List<FlowEntry> snapshot(Host host, MigrationPath path) {
    return host.data()
        .call(() -> {
          List<FlowEntry> entries = new ArrayList<>();
          path.flows()
              .remaining(host.clock().nanoTime())
              .forEach(flow ->
                  entries.add(
                      new FlowEntry(
                          flow.protocol(),
                          flow.guest(),
                          flow.guestPort(),
                          flow.peer(),
                          flow.peerPort())));
          return entries;
        });
  }
}
