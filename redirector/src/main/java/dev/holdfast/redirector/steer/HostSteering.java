package dev.holdfast.redirector.steer;

import static dev.holdfast.redirector.steer.SteeringNames.BLACKHOLE_METRIC;
import static dev.holdfast.redirector.steer.SteeringNames.CAPTURE_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.CAPTURE_TABLE;
import static dev.holdfast.redirector.steer.SteeringNames.DELIVERY_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.DELIVERY_TABLE;
import static dev.holdfast.redirector.steer.SteeringNames.RETURN_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.RETURN_TABLE;
import static dev.holdfast.redirector.steer.SteeringNames.hex;

import dev.holdfast.redirector.steer.KernelChange.Command;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What all migrations of a host share: the TUN's settings, the nft tables, the policy rules.
 *
 * <p>Owned by {@link KernelLedger#HOST}. None of it touches a packet until an element or a route of
 * a migration is there. The TUN itself is opened elsewhere, and must exist before these are
 * applied; when it goes, its settings and routes go with it, and the blackhole routes stay.
 */
public final class HostSteering {
  private final HostFacts facts;
  private final String tun;
  private final boolean keepTtl;

  public HostSteering(HostFacts facts, String tun) {
    this(facts, tun, false);
  }

  /**
   * @param keepTtl whether what passes the TUN keeps the TTL that it came with
   */
  public HostSteering(HostFacts facts, String tun, boolean keepTtl) {
    this.facts = facts;
    this.tun = tun;
    this.keepTtl = keepTtl;
  }

  public List<KernelChange> changes() throws IOException {
    List<KernelChange> changes = new ArrayList<>();
    changes.add(device());
    changes.add(
        new KernelChange(
            "make the nft tables holdfast (bridge, inet, arp), empty"
                + (keepTtl ? "; what passes keeps its TTL" : ""),
            List.of(new Command.Nft(HoldfastTables.script(tun, keepTtl))),
            "delete the nft tables holdfast",
            List.of(new Command.Nft(HoldfastTables.removal()))));
    changes.add(returnRoute("", tun));
    changes.add(rules(""));
    if (facts.hasIpv6()) {
      changes.add(returnRoute("-6 ", tun));
      changes.add(rules("-6 "));
    }
    return changes;
  }

  private KernelChange device() throws IOException {
    String v4 = "net/ipv4/conf/" + tun + "/";
    List<Command> apply = new ArrayList<>();
    apply.add(new Command.Sysctl(v4 + "rp_filter", "2"));
    apply.add(new Command.Sysctl(v4 + "forwarding", "1"));
    // A program on the new host has a connection with the guest: its packets come back to its own
    // host through the tunnel, from an address that is this host's.
    apply.add(new Command.Sysctl(v4 + "accept_local", "1"));
    if (facts.hasIpv6()) {
      String v6 = "net/ipv6/conf/" + tun + "/";
      apply.add(new Command.Sysctl(v6 + "accept_ra", "0"));
      apply.add(new Command.Sysctl(v6 + "autoconf", "0"));
      if (facts.hasForceForwarding()) {
        apply.add(new Command.Sysctl(v6 + "force_forwarding", "1"));
      }
    }
    apply.add(
        new Command.Ip(
            ("link set dev %s addrgenmode none mtu %d txqueuelen %d up")
                .formatted(tun, SteeringNames.TUN_MTU, SteeringNames.TUN_QUEUE)));
    apply.add(
        new Command.Ip(
            "addr replace " + SteeringNames.TUN_ADDRESS + " dev " + tun + " scope link"));
    return new KernelChange(
        "set up " + tun + " with the link-scoped address " + SteeringNames.TUN_ADDRESS,
        apply,
        "nothing: the settings go with " + tun,
        List.of());
  }

  /** Where the return mark leads. What is too big for a tunnel is known where its packets go in. */
  private static KernelChange returnRoute(String family, String tun) {
    String table = " table " + RETURN_TABLE;
    return new KernelChange(
        "in table " + RETURN_TABLE + family(family) + ", route all via " + tun + ", else nowhere",
        List.of(
            new Command.Ip(
                family + "route replace blackhole default metric " + BLACKHOLE_METRIC + table),
            new Command.Ip(
                family
                    + "route append default dev "
                    + tun
                    + " metric "
                    + SteeringNames.ROUTE_METRIC
                    + table)),
        "empty table " + RETURN_TABLE + family(family),
        List.of(new Command.Ip(family + "route flush" + table)));
  }

  private KernelChange rules(String family) {
    List<String> rules =
        List.of(
            rule(
                CAPTURE_TABLE,
                "fwmark " + hex(CAPTURE_MARK) + "/" + hex(CAPTURE_MARK),
                CAPTURE_TABLE),
            rule(RETURN_TABLE, "fwmark " + hex(RETURN_MARK) + "/" + hex(RETURN_MARK), RETURN_TABLE),
            rule(DELIVERY_TABLE, "iif " + tun, DELIVERY_TABLE),
            rule(
                DELIVERY_TABLE + 1,
                "fwmark " + hex(DELIVERY_MARK) + "/" + hex(DELIVERY_MARK),
                DELIVERY_TABLE));
    return new KernelChange(
        "add rules %d to %d%s: marked packets to tables %d and %d, those from %s to %d"
            .formatted(
                CAPTURE_TABLE,
                DELIVERY_TABLE + 1,
                family(family),
                CAPTURE_TABLE,
                RETURN_TABLE,
                tun,
                DELIVERY_TABLE),
        rules.stream().map(rule -> (Command) new Command.Ip(family + "rule add " + rule)).toList(),
        "delete these rules" + family(family),
        rules.stream().map(rule -> (Command) new Command.Ip(family + "rule del " + rule)).toList());
  }

  private static String rule(int priority, String selector, int table) {
    return "priority " + priority + " " + selector + " table " + table;
  }

  private static String family(String option) {
    return option.isEmpty() ? " (IPv4)" : " (IPv6)";
  }
}
