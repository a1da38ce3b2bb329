package dev.holdfast.interop;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.guest.Guest;
import dev.holdfast.guest.GuestContents;
import dev.holdfast.guest.GuestImage;
import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.link.Link.Sent;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What the redirector sends is understood by the tunnel devices of the Linux kernel, and the other
 * way round: the guest is the end of the tunnel by itself, with no Holdfast there. The class is run
 * once for each device; the guest boots once for all.
 *
 * <pre>
 *   namespace peer             namespace site                                guest (QEMU)
 *   10.9.0.2, fd79:9::2 ------ wire (.1)                                     10.79.1.2, fd79:1::2
 *   ping, TCP                  hf0 (TUN) = OldHost                           on eth0
 *                              br0 10.79.1.1, fd79:1::1 -- tap0 ------------ hft: the device, with
 *                                                                            10.1.0.10, fd79:a::10
 * </pre>
 *
 * <p>A whole daemon cannot be the near end: it releases nothing without its control channel, and
 * that ends in a Holdfast. What it carries packets with is here ({@link OldHost}).
 */
@Tag("suite-interop")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
@Timeout(120)
@ParameterizedClass(name = "{0}")
@EnumSource(FarDevice.class)
class InteropSuiteIT {
  private static final int BULK = 4 << 20;
  private static final int BULK_PORT = 40_000;
  private static final int ECHO_PORT = 40_001;
  private static final int LAN_MTU = 1500;
  private static final int ETHERNET = 14;
  private static final int IPV6_MINIMUM = 1280;
  private static final String WIRE = "tap0";

  /** All requests at once; while one is not answered, ping waits for as long as its interval. */
  private static final String PING = "ping -n -l 5 -i 3 -W 3 ";

  private static final List<AutoCloseable> OPENED = new ArrayList<>();

  @TempDir private static Path folder;

  private static Namespace peer;
  private static Namespace site;
  private static Guest guest;
  private static String randomOfGuest;

  private final FarDevice device;
  private final IpAddress near;
  private final IpAddress far;
  private final IpAddress old;
  private final IpAddress peerAddress;
  private OldHost oldHost;
  private WireCapture wire;

  InteropSuiteIT(FarDevice device) {
    this.device = device;
    near = IpAddress.parse(device.outsideV4 ? "10.79.1.1" : "fd79:1::1");
    far = IpAddress.parse(device.outsideV4 ? "10.79.1.2" : "fd79:1::2");
    old = IpAddress.parse(device.insideV4 ? "10.1.0.10" : "fd79:a::10");
    peerAddress = IpAddress.parse(device.insideV4 ? "10.9.0.2" : "fd79:9::2");
  }

  @BeforeAll
  static void boot() throws Exception {
    long begin = System.nanoTime();
    GuestImage image =
        GuestImage.make(
            folder, GuestContents.of(List.of("ipip", "sit", "ip6_tunnel"), List.of("ip", "ping")));
    long made = System.nanoTime();
    peer = keep(Namespace.create("peer"));
    site = keep(Namespace.create("site"));
    Namespace.connect(peer, "wire", site, "wire");
    peer.ip("addr add 10.9.0.2/24 dev wire");
    peer.ip("addr add fd79:9::2/64 dev wire nodad");
    peer.ip("route add default via 10.9.0.1");
    site.ip("addr add 10.9.0.1/24 dev wire");
    site.ip("addr add fd79:9::1/64 dev wire nodad");
    peer.ip("route add default via fd79:9::1");
    site.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    site.ip("link add br0 type bridge");
    site.ip("link set br0 up");
    site.ip("addr add 10.79.1.1/24 dev br0");
    site.ip("addr add fd79:1::1/64 dev br0 nodad");
    var place =
        new Guest.Place(
            site.name(),
            "br0",
            WIRE,
            MacAddress.parse("52:54:00:79:01:02"),
            List.of("10.79.1.2/24", "fd79:1::2/64"),
            folder,
            List.of());
    guest = keep(Guest.start(image, place));
    System.out.printf(
        Locale.ROOT,
        "guest: image in %.1f s, up in %.1f s, kernel %s%n",
        (made - begin) / 1e9,
        (System.nanoTime() - made) / 1e9,
        guest.must("uname -r"));
    // An answer with the digest of what comes, then data of the guest's own.
    guest.must(
        "printf '#!/bin/busybox sh\\nhead -c %d | sha256sum | cut -c 1-64\\ncat /tmp/random\\n'"
                .formatted(BULK)
            + " >/tmp/bulk; chmod +x /tmp/bulk; head -c %d /dev/urandom >/tmp/random"
                .formatted(BULK));
    randomOfGuest = guest.must("sha256sum /tmp/random | cut -c 1-64");
    guest.serve(BULK_PORT, "/tmp/bulk");
    guest.serve(ECHO_PORT, "/bin/cat");
  }

  private static <T extends AutoCloseable> T keep(T resource) {
    OPENED.add(resource);
    return resource;
  }

  @AfterAll
  static void halt() throws Exception {
    for (AutoCloseable each : OPENED.reversed()) {
      each.close();
    }
    OPENED.clear();
  }

  @BeforeEach
  void connect() throws Exception {
    oldHost = new OldHost(site, near, far, old);
    makeDevice();
    wire = WireCapture.of(site, WIRE, folder);
  }

  private void makeDevice() throws Exception {
    guest.must(device.make(far, near, old, peerAddress));
  }

  /** The wire is clean whatever a test was about. */
  @AfterEach
  void disconnect() throws Exception {
    Guest.Output unused = guest.run(FarDevice.remove()); // it may be gone, after a failure
    if (oldHost != null) {
      oldHost.close();
    }
    if (wire != null) {
      wire.close();
      assertThat(wire.faults()).isEmpty();
    }
  }

  // ---- what the tests do ----

  /** What ping prints, whether it was answered or not. */
  private String ping(String options) throws Exception {
    return peer.run("sh", "-c", PING + "%s %s; true".formatted(options, old));
  }

  private static void assertAllAnswered(String pinged) {
    assertThat(pinged).contains(" 0% packet loss").doesNotContain("From ");
  }

  private static void await(String what, BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      Thread.sleep(5);
    }
  }

  /** But what a kernel says to groups on any interface that has IPv6 (MLD, router solicitation). */
  private void assertNothingDropped() {
    Map<String, Long> drops = new HashMap<>(oldHost.drops.nonZero());
    drops.remove(DropReason.MULTICAST.label());
    assertThat(drops).isEmpty();
    assertThat(oldHost.migrationDrops().nonZero()).isEmpty();
  }

  /** Tunnel packets on the wire, as tcpdump prints them. */
  private List<String> outerPackets(IpAddress from, int expected) throws Exception {
    return wire.packets("src host " + from + " and not icmp and not arp and not icmp6", expected);
  }

  private List<String> outerFragments(IpAddress from, int expected) throws Exception {
    String isFragment = device.outsideV4 ? "ip[6:2] & 0x3fff != 0" : "ip6[6] == 44";
    return wire.packets("src host " + from + " and " + isFragment, expected);
  }

  private Socket connect(int port) throws Exception {
    return peer.call(() -> {
      var socket = new Socket();
      socket.connect(new InetSocketAddress(old.toString(), port), 20_000);
      socket.setSoTimeout(30_000);
      return socket;
    });
  }

  private static String sha256(byte[] data) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
  }

  /** Of that many bytes with its IP header, from the peer to the guest. */
  private PacketBuilder echoRequest(int length) {
    return PacketBuilder.of(peerAddress.toString(), old.toString())
        .identification(77)
        .dontFragment(false)
        .icmp(device.insideV4 ? 8 : 128, 0, 0x0001_0001)
        .payload(length - device.innerHeader() - 8);
  }

  // ---- packets of all sizes, both ways ----

  @Test
  void everyPingIsAnsweredBothWays() throws Exception {
    int longest = LAN_MTU - device.outerLength() - device.innerHeader() - 8;
    for (int size : new int[] {0, 56, 1_200, longest}) {
      for (String fragmentation : List.of("do", "dont")) {
        assertAllAnswered(ping("-c 5 -M %s -s %d".formatted(fragmentation, size)));
      }
    }
    for (int size : new int[] {0, 56, 1_200}) {
      Guest.Output output = guest.run(PING + "-c 5 -s %d %s".formatted(size, peerAddress));
      assertThat(output.status()).isZero();
      assertAllAnswered(output.text());
    }
    assertThat(oldHost.delivered()).isGreaterThanOrEqualTo(8 * 5 + 3 * 5);
    assertNothingDropped();
  }

  @Test
  void bulkArrivesAsItWasBothWays() throws Exception {
    byte[] data = new byte[BULK];
    new Random(7).nextBytes(data);
    long begin = System.nanoTime();
    int superPacket;
    try (Socket socket = connect(BULK_PORT)) {
      socket.getOutputStream().write(data);
      InputStream from = socket.getInputStream();
      String seenByGuest = new String(from.readNBytes(64), StandardCharsets.US_ASCII);
      long turn = System.nanoTime();
      assertThat(seenByGuest).isEqualTo(sha256(data));
      assertThat(from.read()).isEqualTo('\n');
      byte[] received = from.readAllBytes();
      assertThat(received).hasSize(BULK);
      assertThat(sha256(received)).isEqualTo(randomOfGuest);
      superPacket = oldHost.longestRead();
      System.out.printf(
          Locale.ROOT,
          "%s: %d MiB to the guest in %.2f s, from it in %.2f s; super-packets up to %d bytes%n",
          device,
          BULK >> 20,
          (turn - begin) / 1e9,
          (System.nanoTime() - turn) / 1e9,
          superPacket);
    }
    assertThat(superPacket).as("what was cut up here").isGreaterThan(LAN_MTU);
    assertThat(outerFragments(near, 0)).isEmpty();
    assertThat(wire.packets("src host " + near + " and greater " + (ETHERNET + LAN_MTU + 1), 0))
        .isEmpty();
    assertNothingDropped();
  }

  // ---- fragments of the outer packet ----

  /** RFC 2003 section 3.1, RFC 2473 section 7, RFC 4213 section 3.2. */
  @Test
  void theGuestPutsOurFragmentsTogether() throws Exception {
    oldHost.pathMtu(IPV6_MINIMUM);
    for (int i = 0; i < 5; i++) {
      assertThat(oldHost.send(echoRequest(IPV6_MINIMUM))).isEqualTo(Sent.OK);
    }
    await("the guest's answers", () -> oldHost.delivered() == 5);
    assertThat(outerFragments(near, 10)).hasSize(10);
    if (device.insideV4) {
      assertThat(oldHost.send(echoRequest(8_000))).isEqualTo(Sent.OK);
      await("all of an answer of 8,000 bytes", () -> oldHost.delivered() >= 5 + 6);
    }
    assertNothingDropped();
  }

  /**
   * Linux fragments the outer packet over IPv4 alone. Over IPv6 its device tells the guest's own
   * stack the path's MTU, and fragments of the inner packet come.
   */
  @Test
  void whatTheGuestFragmentsIsWholeAtThePeer() throws Exception {
    int mtu = device.outsideV4 ? IPV6_MINIMUM : 1_400;
    guest.must("ip route add %s dev eth0 mtu %d".formatted(near, mtu));
    try (WireCapture atPeer = WireCapture.of(peer, "wire", folder)) {
      String options = "-M dont -s " + (mtu - device.innerHeader() - 8);
      if (!device.outsideV4) {
        String unused = ping("-c 2 -W 1 " + options); // the guest learns
      }
      assertAllAnswered(ping("-c 5 " + options));
      String isFragment = device.insideV4 ? "ip[6:2] & 0x3fff != 0" : "ip6[6] == 44";
      List<String> inner =
          atPeer.packets("src host " + old + " and " + isFragment, device.outsideV4 ? 0 : 10);
      if (device.outsideV4) {
        assertThat(outerFragments(far, 10)).hasSize(10);
        assertThat(inner).isEmpty();
      } else {
        assertThat(outerFragments(far, 0)).isEmpty();
        assertThat(inner).hasSizeGreaterThanOrEqualTo(10);
      }
    } finally {
      guest.must("ip route del %s dev eth0 mtu %d".formatted(near, mtu));
    }
    assertNothingDropped();
  }

  // ---- the outer header ----

  /** RFC 6040 section 4.2, and RFC 2003 section 3.1 for what else is copied. */
  @Test
  void theOuterHeaderTellsWhatTheInnerSays() throws Exception {
    try (WireCapture atPeer = WireCapture.of(peer, "wire", folder)) {
      assertAllAnswered(ping("-c 3 -Q 0xb8 -M do -s 56"));
      assertThat(outerPackets(near, 3))
          .hasSize(3)
          .allSatisfy(packet -> {
            String outer = packet.lines().findFirst().orElseThrow();
            if (device.outsideV4) {
              assertThat(outer).startsWith("IP (tos 0xb8, ttl 64, ");
              assertThat(outer).contains(device.insideV4 ? "flags [DF]" : "flags [none]");
            } else {
              assertThat(outer).startsWith("IP6 (class 0xb8, hlim 64, ");
            }
            assertThat(packet).doesNotContain("DSTOPT");
          });
      assertThat(outerPackets(far, 3))
          .hasSize(3)
          .allSatisfy(packet ->
              assertThat(packet.contains("DSTOPT")).isEqualTo(device.hasEncapsulationLimit()));
      assertThat(atPeer.packets("src host " + old, 3))
          .hasSize(3)
          .allSatisfy(
              packet -> assertThat(packet).contains(device.insideV4 ? "tos 0xb8" : "class 0xb8"));
    }
    if (device.insideV4 && device.outsideV4) {
      assertAllAnswered(ping("-c 1 -M dont -s 56"));
      assertThat(outerPackets(near, 4).getLast()).contains("flags [none], proto IPIP (4)");
    }
    if (device == FarDevice.SIT) { // RFC 4213 section 3.2: from 1,281 bytes on
      assertAllAnswered(ping("-c 1 -s " + (IPV6_MINIMUM + 1 - 48)));
      assertThat(outerPackets(near, 4).getLast()).contains("flags [DF], proto IPv6 (41)");
    }
    assertNothingDropped();
  }

  /** RFC 6040 section 4.2: a router between the hosts marks what the guest sends. */
  @Test
  void congestionOnTheWayIsToldInside() throws Exception {
    String family = device.outsideV4 ? "ip" : "ip6";
    site.run(
        "nft",
        "add table netdev router; add chain netdev router marks { type filter hook ingress device"
            + " %s priority 0; }; add rule netdev router marks meta protocol %s %s ecn set ce"
                .formatted(WIRE, family, family));
    try (WireCapture atPeer = WireCapture.of(peer, "wire", folder)) {
      for (String capable : List.of("0x2", "0x1")) {
        assertAllAnswered(ping("-c 3 -Q " + capable));
      }
      assertThat(atPeer.packets("src host " + old, 6))
          .hasSize(6)
          .allSatisfy(
              packet -> assertThat(packet).contains(device.insideV4 ? "tos 0x3,CE" : "class 0x03"));
      assertNothingDropped();

      assertThat(ping("-c 3 -Q 0 -W 1")).contains(" 0 received");
      await("all are counted", () -> oldHost.drops.get(DropReason.CONGESTED) == 3);
      assertThat(oldHost.drops.total()).isEqualTo(3 + oldHost.drops.get(DropReason.MULTICAST));
      assertThat(atPeer.packets("src host " + old, 6)).hasSize(6);
    } finally {
      site.run("nft", "delete table netdev router");
    }
    assertAllAnswered(ping("-c 3 -Q 0"));
    // What was marked before the tunnel is marked within and without, and the guest takes it.
    assertAllAnswered(ping("-c 3 -Q 3"));
  }

  // ---- the far end is not there ----

  /**
   * RFC 792, RFC 4443: the guest answers the tunnel's own packets with errors. None of them reaches
   * the peer, and a connection outlives them.
   */
  @Test
  void errorsAboutTheTunnelsPacketsBreakNothing() throws Exception {
    try (Socket socket = connect(ECHO_PORT)) {
      assertEchoed(socket, "before");
      guest.must(FarDevice.remove());
      assertThat(ping("-c 2 -W 1")).contains(" 0 received").doesNotContain("From ");
      guest.must(device.forgetProtocol());
      assertThat(ping("-c 2 -W 1")).contains(" 0 received").doesNotContain("From ");
      assertThat(wire.packets("src host " + far + " and (icmp or icmp6)", 4))
          .anyMatch(error -> error.contains(noDevice()))
          .anyMatch(error -> error.contains(noProtocol()));
      socket.getOutputStream().write("during".getBytes(StandardCharsets.US_ASCII));
      makeDevice();
      assertThat(socket.getInputStream().readNBytes(6)).asString().isEqualTo("during");
      assertEchoed(socket, "after");
    }
    assertAllAnswered(ping("-c 5"));
    assertNothingDropped();
  }

  private String noDevice() {
    return device.outsideV4 ? "port " : "destination unreachable, unreachable port";
  }

  private String noProtocol() {
    return device.outsideV4
        ? "protocol %d unreachable".formatted(device.insideV4 ? 4 : 41)
        : "parameter problem, next header - octet 6";
  }

  private static void assertEchoed(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    assertThat(socket.getInputStream().readNBytes(text.length())).asString().isEqualTo(text);
  }
}
