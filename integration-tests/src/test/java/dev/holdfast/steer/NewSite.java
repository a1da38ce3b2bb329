package dev.holdfast.steer;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The site that a guest has moved to, still with the addresses and routes of its old LAN.
 *
 * <pre>
 *  guest ---[gp]--- host: br0 ---[np]--- neighbour
 *                    |
 *                   [ul]--- wan: only there so that the host has a default route
 *
 *  guest      10.11.0.10/24 and fd11::10 (old), 10.22.0.10/24 and fd22::10 (new)
 *             default routes by its old gateways 10.11.0.1 and fe80::1, which are not here
 *  host       no IPv4 address on br0; checks sources strictly; does not forward
 *  neighbour  10.22.0.20/24, fd22::20
 * </pre>
 */
final class NewSite implements AutoCloseable {
  static final String NEW4 = "10.22.0.10";
  static final String NEW6 = "fd22::10";
  static final String BRIDGE_MAC = "02:00:00:00:00:02";
  static final String OLD_GATEWAY_MAC = "02:00:00:00:11:01";

  private final List<Namespace> all = new ArrayList<>();
  final Namespace host = make("newhost");
  final Namespace wan = make("wan");
  final Namespace guest = make("moved");
  final Namespace neighbour = make("neighbour");

  /** For a guest with both old addresses, delivered here. */
  static SteeringPlan plan() {
    return new SteeringPlan(
        "m1",
        List.of(IpAddress.parse(OldSite.OLD4), IpAddress.parse(OldSite.OLD6)),
        List.of(IpAddress.parse(NEW4), IpAddress.parse(NEW6)),
        MacAddress.parse(OldSite.GUEST_MAC),
        "br0",
        MacAddress.parse(BRIDGE_MAC),
        null,
        List.of(IpPrefix.parse("10.11.0.0/24"), IpPrefix.parse("fd11::/64")),
        Rig.TUN);
  }

  NewSite() throws IOException, InterruptedException {
    try {
      build();
    } catch (IOException | InterruptedException | RuntimeException e) {
      close();
      throw e;
    }
  }

  private Namespace make(String label) throws IOException, InterruptedException {
    Namespace namespace = Namespace.create(label);
    all.add(namespace);
    namespace.run(
        "sysctl",
        "-qw",
        "net.ipv6.conf.all.accept_dad=0",
        "net.ipv6.conf.default.accept_dad=0",
        "net.ipv6.conf.default.dad_transmits=0",
        "net.ipv4.ip_forward=0",
        "net.ipv6.conf.all.forwarding=0");
    return namespace;
  }

  private void build() throws IOException, InterruptedException {
    host.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.default.rp_filter=1");
    host.ip("link add br0 type bridge");
    Namespace.connect(guest, "eth0", host, "gp");
    Namespace.connect(neighbour, "eth0", host, "np");
    guest.ip("link set eth0 address " + OldSite.GUEST_MAC);
    host.ip("link set gp address " + BRIDGE_MAC);
    host.ip("link set gp master br0");
    host.ip("link set np master br0");
    host.ip("link set br0 up");
    Namespace.connect(wan, "eth0", host, "ul");
    host.ip("addr add 198.51.100.2/24 dev ul");
    host.ip("addr add 2001:db8:5::2/64 dev ul nodad");
    host.ip("route add default via 198.51.100.1");
    host.ip("-6 route add default via 2001:db8:5::1");
    address(neighbour, "10.22.0.20/24", "fd22::20/64");
    address(guest, OldSite.OLD4 + "/24", OldSite.OLD6 + "/64");
    address(guest, NEW4 + "/24", NEW6 + "/64");
    guest.ip("route add default via 10.11.0.1 src " + OldSite.OLD4);
    guest.ip("-6 route add default via fe80::1 dev eth0 src " + OldSite.OLD6);
    awaitBridge();
  }

  private static void address(Namespace where, String v4, String v6)
      throws IOException, InterruptedException {
    where.ip("addr add " + v4 + " dev eth0");
    where.ip("addr add " + v6 + " dev eth0 nodad");
  }

  /** The guest remembers its old gateways, as it does when it has just moved. */
  void rememberGateways() throws IOException, InterruptedException {
    for (String gateway : List.of("10.11.0.1", "fe80::1")) {
      guest.ip(
          "neigh replace " + gateway + " lladdr " + OLD_GATEWAY_MAC + " dev eth0 nud reachable");
    }
  }

  /** The kernel tells a bridge of its carrier, and gives it an address, a moment later. */
  private void awaitBridge() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!host.ip("-o link show br0").contains("state UP")
        || !host.ip("-6 addr show dev br0").contains("fe80:")) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("br0 has not come up");
      }
      Thread.sleep(10);
    }
  }

  @Override
  public void close() throws IOException, InterruptedException {
    for (Namespace each : all.reversed()) {
      each.close();
    }
  }
}
