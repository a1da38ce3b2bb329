package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.filter.FilterTables;
import dev.holdfast.redirector.filter.Obstacle;
import dev.holdfast.redirector.filter.Obstacle.Extent;
import dev.holdfast.redirector.filter.Passage;
import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Checks of the packet filters of others: is one in the way of what a migration sends through this
 * host? Each rule that is gets a check of its own, which names it.
 */
final class FilterChecks {
  static final String NAME = "filters";

  /** Peers that are nobody (RFC 5737, RFC 3849), to stand for all behind a router. */
  static final IpAddress FAR4 = IpAddress.parse("192.0.2.254");

  static final IpAddress FAR6 = IpAddress.parse("2001:db8:ffff::fe");

  private final Preflight.Findings findings;
  private final HostFacts facts;
  private final String tun;

  FilterChecks(Preflight.Findings findings, HostFacts facts, String tun) {
    this.findings = findings;
    this.facts = facts;
    this.tun = tun;
  }

  static IpAddress farPeer(IpAddress old) {
    return old.isV4() ? FAR4 : FAR6;
  }

  /** The address beside, which is in the same LAN. */
  private static IpAddress neighbour(IpAddress old) {
    return new IpAddress(old.high(), old.low() ^ 1);
  }

  /** Both ways of a captured packet and its answer, at the old host. */
  List<Check> atRedirector(List<IpAddress> olds, String from) {
    findings.ask(NAME, () -> check(redirectorPassages(olds, from)));
    return findings.all();
  }

  /** Both ways of a delivered packet and its answer, at the new host. */
  List<Check> atEndpoint(List<IpAddress> olds, String deliver) {
    findings.ask(NAME, () -> check(endpointPassages(olds, deliver)));
    return findings.all();
  }

  /** Both ways of what begins with the new address, at the new host: as of a router. */
  List<Check> ofMapped(List<IpAddress> olds, String deliver) {
    findings.ask(NAME, () -> check(mappedPassages(olds, deliver)));
    return findings.all();
  }

  private List<Passage> mappedPassages(List<IpAddress> olds, String deliver) throws IOException {
    List<Passage> passages = new ArrayList<>();
    for (IpAddress old : olds) {
      IpAddress peer = farPeer(old);
      String out = facts.routeTo(peer).orElse(deliver);
      passages.add(
          forwarded(
              "from a far peer by " + out + " to the guest's new address",
              out,
              deliver,
              peer,
              old,
              "new",
              SteeringNames.DELIVERY_MARK,
              out.equals(deliver)));
      passages.add(
          forwarded(
              "from the guest by " + out + " as its new address",
              deliver,
              out,
              old,
              peer,
              "new",
              SteeringNames.MAPPED_MARK,
              out.equals(deliver)));
    }
    return passages;
  }

  private List<Passage> redirectorPassages(List<IpAddress> olds, String from) throws IOException {
    List<Passage> passages = new ArrayList<>();
    for (IpAddress old : olds) {
      for (IpAddress peer : List.of(farPeer(old), neighbour(old))) {
        String who = peer.equals(neighbour(old)) ? "a neighbour" : "a far peer";
        Optional<String> back = facts.routeTo(peer);
        passages.add(
            forwarded(
                "from " + who + " by " + from + " into the tunnel",
                from,
                tun,
                peer,
                old,
                "untracked",
                SteeringNames.CAPTURE_MARK,
                back.equals(Optional.of(from))));
        if (back.isPresent()) {
          passages.add(
              forwarded(
                  "from the tunnel by " + back.get() + " to " + who,
                  tun,
                  back.get(),
                  old,
                  peer,
                  "untracked",
                  0,
                  false));
        }
      }
    }
    return passages;
  }

  private List<Passage> endpointPassages(List<IpAddress> olds, String deliver) {
    List<Passage> passages = new ArrayList<>();
    for (IpAddress old : olds) {
      IpAddress peer = farPeer(old);
      passages.add(
          forwarded(
              "from the tunnel by " + deliver + " to the guest",
              tun,
              deliver,
              peer,
              old,
              "new",
              0,
              false));
      passages.add(
          forwarded(
              "from the guest by " + deliver + " into the tunnel",
              deliver,
              tun,
              old,
              peer,
              "new",
              SteeringNames.RETURN_MARK,
              false));
    }
    return passages;
  }

  private static Passage forwarded(
      String what,
      String in,
      String out,
      IpAddress source,
      IpAddress destination,
      String tracking,
      int mark,
      boolean routedBack) {
    return new Passage(
        what,
        Passage.FORWARDED,
        in,
        out,
        source,
        destination,
        "tcp",
        -1,
        tracking,
        mark,
        routedBack);
  }

  /**
   * What the other host sends to this one: its connections, and outer packets of IP-in-IP.
   *
   * @param port where it connects to; -1 where it does not
   * @param inner the old addresses; empty where no IP-in-IP is meant
   */
  List<Check> tunnel(
      String uplink, IpAddress here, int port, IpAddress remote, List<IpAddress> inner) {
    findings.ask(
        NAME,
        () -> {
          boolean back = facts.routeTo(remote).equals(Optional.of(uplink));
          List<Passage> passages = new ArrayList<>();
          if (port >= 0) {
            passages.add(received("TCP port " + port, uplink, here, port, remote, "tcp", back));
          }
          for (IpAddress old : inner) {
            String protocol = old.isV4() ? "ipencap" : "ipv6";
            String name = "IP protocol " + (old.isV4() ? 4 : 41);
            passages.add(received(name, uplink, here, -1, remote, protocol, back));
          }
          check(passages);
        });
    return findings.all();
  }

  private static Passage received(
      String what,
      String uplink,
      IpAddress here,
      int port,
      IpAddress remote,
      String protocol,
      boolean back) {
    return new Passage(
        what + " from " + remote + " to this host",
        Passage.RECEIVED,
        uplink,
        "",
        remote,
        here,
        protocol,
        port,
        "new",
        0,
        back);
  }

  private record Stopped(Obstacle obstacle, List<Passage> ways) {}

  private void check(List<Passage> passages) throws IOException {
    FilterTables filters = facts.filters();
    Map<String, Stopped> found = new LinkedHashMap<>();
    for (Passage passage : passages) {
      for (Obstacle obstacle : filters.obstacles(passage)) {
        found
            .computeIfAbsent(
                obstacle.extent() + obstacle.tool() + obstacle.place(),
                place -> new Stopped(obstacle, new ArrayList<>()))
            .ways()
            .add(passage);
      }
    }
    if (found.isEmpty()) {
      findings.ok(NAME, "nothing in the way: " + words(passages));
    }
    for (Stopped stopped : found.values()) {
      say(stopped);
    }
  }

  private static String words(List<Passage> passages) {
    return String.join("; ", passages.stream().map(Passage::what).distinct().toList());
  }

  private void say(Stopped stopped) {
    Obstacle obstacle = stopped.obstacle();
    String what =
        switch (obstacle.extent()) {
          case ALL -> "stops what comes ";
          case UNLESS_ACCEPTED -> "stops, unless a rule before it accepts it, what comes ";
          case SOME -> "may stop some of what comes ";
        };
    String detail = obstacle.place() + ": " + what + words(stopped.ways());
    String fix = FilterFix.of(obstacle, stopped.ways(), tun);
    if (obstacle.extent() == Extent.SOME) {
      findings.warning(NAME, detail, fix);
    } else {
      findings.failed(NAME, detail, fix);
    }
  }
}
