package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.load.Phase;
import dev.holdfast.redirector.demo.load.Workload;
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.suite.SideBySide;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Peers wherever they may be, all at once: connections that they have made to the guest, and that
 * the guest has made to them, survive one move.
 *
 * <pre>
 *   inner .50.2 --- nat 10.7.0.2 --- router --- client 10.9.0.2
 *                                    |    |
 *     old host 10.1.0.2, br0 --------+    +-------- br0, new host 10.2.0.2
 *            peer 10.1.0.20                         newcomer 10.2.0.20
 *            guest 10.1.0.10 (before)               guest 10.1.0.10, 10.2.0.10 (after)
 * </pre>
 *
 * <p>Programs on both hosts are peers too; on the old host only where its capture is tun: pcap does
 * not see what the host's own programs send.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class PeersIT {
  private static final int EACH = 4;
  private static final Duration PAUSE = Duration.ofMillis(500);
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /**
   * A peer.
   *
   * @param reached where the guest finds it
   * @param end the machine that has that address: the peer's own, or its NAT
   * @param device by which that is reached
   */
  private record Peer(
      String where,
      Namespace machine,
      IpAddress address,
      IpAddress reached,
      Namespace end,
      String device) {
    static Peer at(String where, Namespace machine, IpAddress address, String device) {
      return new Peer(where, machine, address, address, machine, device);
    }
  }

  private static IpAddress address(boolean v4, String four, String six) {
    return IpAddress.parse(v4 ? four : six);
  }

  /** A machine on the new host's bridge. */
  private Peer newcomer(Lab lab, boolean v4) throws Exception {
    Namespace made = machine("newcomer");
    lab.newHost().sysctl("net/ipv6/conf/default/disable_ipv6", "1");
    lab.newHost()
        .ip(
            "link add vnet9 type veth peer name eth0 netns " + made,
            "link set vnet9 master " + Lab.BRIDGE,
            "link set vnet9 up");
    lab.newHost().sysctl("net/ipv6/conf/default/disable_ipv6", "0");
    IpAddress own = address(v4, "10.2.0.20", "fd00:2::20");
    made.ip(
        "link set lo up",
        "link set eth0 up",
        "addr add " + own + (v4 ? "/24" : "/64 nodad") + " dev eth0",
        "route add default via " + address(v4, "10.2.0.1", "fd00:2::1") + " dev eth0");
    return Peer.at("on the new LAN", made, own, "eth0");
  }

  /** A machine behind a NAT that hides it, and passes on what comes to the NAT's own address. */
  private Peer behindNat(Lab lab, boolean v4) throws Exception {
    Namespace nat = machine("nat");
    Namespace inner = machine("inner");
    IpAddress outside = address(v4, "10.7.0.2", "fd00:7::2");
    IpAddress gateway = address(v4, "10.7.0.1", "fd00:7::1");
    IpAddress inside = address(v4, "192.168.50.1", "fd00:50::1");
    IpAddress own = address(v4, "192.168.50.2", "fd00:50::2");
    String length = v4 ? "/24" : "/64 nodad";
    lab.router()
        .ip(
            "link add to-nat type veth peer name out netns " + nat,
            "link set to-nat up",
            "addr add " + gateway + length + " dev to-nat");
    nat.ip(
        "link set lo up",
        "link set out up",
        "link add in type veth peer name eth0 netns " + inner,
        "link set in up",
        "addr add " + outside + length + " dev out",
        "addr add " + inside + length + " dev in",
        "route add default via " + gateway + " dev out");
    nat.sysctl("net/ipv4/ip_forward", "1");
    nat.sysctl("net/ipv6/conf/all/forwarding", "1");
    String family = v4 ? "ip" : "ip6";
    Tool.run(
        nat.within("nft", "-f", "-"),
        """
        table %s nat {
          chain post { type nat hook postrouting priority 100; oifname "out" masquerade; }
          chain pre { type nat hook prerouting priority -100;
            iifname "out" %s daddr %s dnat to %s; }
        }
        """
            .formatted(family, family, outside, own));
    inner.ip(
        "link set lo up",
        "link set eth0 up",
        "addr add " + own + length + " dev eth0",
        "route add default via " + inside + " dev eth0");
    return new Peer("behind a NAT", inner, own, outside, nat, "out");
  }

  private Namespace machine(String name) throws Exception {
    return Namespace.make(cleanup, List.of(LabOptions.plain().prefix() + name)).getFirst();
  }

  @SideBySide
  @ParameterizedTest
  @CsvSource({
    "tls,  4, tun,  tun",
    "tls,  6, tun,  tun",
    "ipip, 4, tun,  tun",
    "tls,  6, pcap, pcap",
  })
  void connectionsWithEveryPeerSurviveBothWays(
      String encapsulation, int family, String oldCapture, String newCapture) throws Exception {
    everyPeer(encapsulation, family, oldCapture, newCapture);
  }

  @Tag("suite-ways")
  @SideBySide
  @ParameterizedTest
  @CsvSource({
    "ipip, 6, tun,  tun",
    "ipip, 6, pcap, tun",
    "ipip, 4, pcap, pcap",
    "tls,  4, tun,  pcap",
  })
  void connectionsWithEveryPeerSurviveBothWaysOtherwise(
      String encapsulation, int family, String oldCapture, String newCapture) throws Exception {
    everyPeer(encapsulation, family, oldCapture, newCapture);
  }

  /** Every place of a peer; on the old host itself, where what its programs send is captured. */
  private List<Peer> peers(Lab lab, LabAddresses addresses, boolean v4, boolean onOldHost)
      throws Exception {
    Namespace oldPeer = Objects.requireNonNull(lab.peer());
    List<Peer> peers = new ArrayList<>();
    peers.add(Peer.at("behind the router", lab.client(), addresses.client(), "eth0"));
    peers.add(Peer.at("on the old LAN", oldPeer, addresses.peer(), "eth0"));
    peers.add(newcomer(lab, v4));
    peers.add(Peer.at("on the new host", lab.newHost(), addresses.newHost(), Lab.BRIDGE));
    peers.add(behindNat(lab, v4));
    if (onOldHost) {
      peers.add(Peer.at("on the old host", lab.oldHost(), addresses.oldHost(), Lab.BRIDGE));
    }
    return peers;
  }

  private void everyPeer(String encapsulation, int family, String oldCapture, String newCapture)
      throws Exception {
    boolean v4 = family == 4;
    LabAddresses addresses = v4 ? LabAddresses.V4 : LabAddresses.V6;
    Lab lab = Lab.build(LabOptions.plain().withPeer(true), cleanup);
    List<Peer> peers = peers(lab, addresses, v4, oldCapture.equals("tun"));
    TwoHosts hosts =
        TwoHosts.start(
            lab,
            addresses,
            new HostPlan("old-host", lab.oldHost(), addresses.oldHost(), Lab.BRIDGE, 4, oldCapture),
            new HostPlan("new-host", lab.newHost(), addresses.newHost(), Lab.BRIDGE, 4, newCapture),
            folder,
            cleanup);
    var forbidden = new ForbiddenPackets(addresses.guestOld());
    List<Tap> taps = new ArrayList<>();
    for (Peer peer : peers) {
      taps.add(forbidden.watch(peer.end(), peer.device(), peer.reached(), null));
    }
    taps.add(forbidden.watch(lab.guest(), "eth0", addresses.guestOld(), null));
    for (Tap tap : taps) {
      cleanup.add("a tap", tap::close);
    }
    List<Clients> clients = new ArrayList<>();
    for (Peer peer : peers) {
      var dialling = new Clients(peer.machine(), peer.address(), peer.reached(), EACH, false);
      clients.add(dialling);
      clients.add(dialling.byTheGuest());
    }
    Workload workload =
        Workload.open(lab.guest(), addresses.guestOld(), clients, false, family, cleanup);

    hosts.arm(hosts.request(encapsulation));
    GuestCable cable = new GuestCable(lab);
    workload.enter(Phase.DURING);
    hosts.hold();
    cable.unplug();
    Thread.sleep(PAUSE);
    cable.plugInAtNewHost();
    cable.takeNewAddresses();
    hosts.release();
    workload.enter(Phase.AFTER);
    workload.awaitMoved(LIMIT, moved -> {});
    for (Peer peer : peers) {
      assertThat(Workload.echo(peer.machine(), addresses.guestNew(), Duration.ofSeconds(5)))
          .as("a new connection to the guest from a peer %s", peer.where())
          .isTrue();
      assertThat(reaches(lab.guest(), peer))
          .as("a new connection of the guest to a peer %s", peer.where())
          .isTrue();
    }
    long ending = SystemClock.INSTANCE.epochNanos();
    List<ConnectionResult> results = workload.finish(Duration.ofSeconds(10));
    for (int i = 0; i < results.size(); i++) {
      ConnectionResult each = results.get(i);
      assertThat(each.outcome())
          .as("%s, %s: %s", peers.get(i / (2 * EACH)).where(), direction(i), each)
          .isEqualTo(Outcome.SURVIVED);
    }
    hosts.awaitDone(Duration.ofSeconds(30));
    for (Tap tap : taps) {
      tap.close();
    }
    Set<Integer> closed =
        results.stream().map(each -> each.client().getPort()).collect(Collectors.toSet());
    assertThat(forbidden.seen(closed, ending)).isEmpty();
    hosts.nothingIsLeft();
  }

  private static String direction(int index) {
    return index / EACH % 2 == 0 ? "made by the peer" : "made by the guest";
  }

  private static boolean reaches(Namespace guest, Peer peer) throws Exception {
    var listener =
        peer.machine()
            .call(() -> {
              var opened = ServerSocketChannel.open();
              return opened.bind(new InetSocketAddress(peer.address().toInetAddress(), 0));
            });
    try (listener;
        var channel = guest.call(SocketChannel::open)) {
      int port = ((InetSocketAddress) listener.getLocalAddress()).getPort();
      var to = new InetSocketAddress(peer.reached().toInetAddress(), port);
      channel.socket().connect(to, 5_000);
      try (var accepted = listener.accept()) {
        channel.shutdownOutput(); // so that neither end is closed with something left to be said
        return accepted.socket().getInputStream().read() < 0;
      }
    } catch (IOException e) {
      return false;
    }
  }
}
