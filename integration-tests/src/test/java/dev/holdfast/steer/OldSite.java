package dev.holdfast.steer;

import dev.holdfast.lab.Namespace;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The site that a guest leaves.
 *
 * <pre>
 *  client --- router ---[ul]--- host: br0 ---[gp]--- guest
 *                                      |---[pp]--- peer
 *
 *  client 192.0.2.2, 2001:db8:2::2          router 192.0.2.1, 2001:db8:2::1; 10.11.0.1, fd11::1
 *  host   10.11.0.2, fd11::2 on br0, whose MAC is that of the guest's port, the lowest
 *  guest  10.11.0.10, fd11::10              peer   10.11.0.20, fd11::20
 * </pre>
 *
 * <p>The host does not forward before somebody makes it.
 */
final class OldSite implements AutoCloseable {
  static final String OLD4 = "10.11.0.10";
  static final String OLD6 = "fd11::10";
  static final String GUEST_MAC = "02:00:00:00:11:10";
  static final String BRIDGE_MAC = "02:00:00:00:00:01";

  private final List<Namespace> all = new ArrayList<>();
  final Namespace client = make("client");
  final Namespace router = make("router");
  final Namespace host = make("host");
  final Namespace guest = make("guest");
  final Namespace peer = make("peer");

  OldSite() throws IOException, InterruptedException {
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
    // Duplicate address detection would make every test wait for a second or two.
    namespace.run(
        "sysctl",
        "-qw",
        "net.ipv6.conf.all.accept_dad=0",
        "net.ipv6.conf.default.accept_dad=0",
        "net.ipv6.conf.default.dad_transmits=0");
    return namespace;
  }

  private void build() throws IOException, InterruptedException {
    router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0");
    host.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.default.rp_filter=1");
    host.ip("link add br0 type bridge");
    Namespace.connect(client, "eth0", router, "west");
    Namespace.connect(router, "east", host, "ul");
    Namespace.connect(guest, "eth0", host, "gp");
    Namespace.connect(peer, "eth0", host, "pp");
    guest.ip("link set eth0 address " + GUEST_MAC);
    host.ip("link set gp address " + BRIDGE_MAC);
    for (String port : List.of("ul", "gp", "pp")) {
      host.ip("link set " + port + " master br0");
    }
    host.ip("link set br0 up");
    address(client, "eth0", "192.0.2.2/24", "2001:db8:2::2/64");
    address(router, "west", "192.0.2.1/24", "2001:db8:2::1/64");
    address(router, "east", "10.11.0.1/24", "fd11::1/64");
    address(host, "br0", "10.11.0.2/24", "fd11::2/64");
    address(guest, "eth0", OLD4 + "/24", OLD6 + "/64");
    address(peer, "eth0", "10.11.0.20/24", "fd11::20/64");
    client.ip("route add default via 192.0.2.1");
    client.ip("-6 route add default via 2001:db8:2::1");
    for (Namespace each : List.of(host, guest, peer)) {
      each.ip("route add default via 10.11.0.1");
      each.ip("-6 route add default via fd11::1");
    }
    awaitBridge();
  }

  private static void address(Namespace where, String device, String v4, String v6)
      throws IOException, InterruptedException {
    where.ip("addr add " + v4 + " dev " + device);
    where.ip("addr add " + v6 + " dev " + device + " nodad");
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
