package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.capture.LanInterface;
import dev.holdfast.redirector.capture.LanPort;
import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.steer.CaptureSteering;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.HostFacts.LanRoute;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.LinuxKernel;
import dev.holdfast.redirector.steer.PcapSteering;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.Segmenter;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Capture by pcap at the old host, on a real bridge ({@link OldSite}) and on a plain interface. */
class PcapCaptureIT {
  private static final String NOBODYS_MAC = "02:00:00:00:99:99";
  private static final String MIGRATION = "m1";
  private static final int MTU = 1500;
  private static final List<IpAddress> OLDS =
      ArmedOldSite.OLD.stream().map(IpAddress::parse).toList();

  @TempDir private Path folder;
  private OldSite site;
  private List<Namespace> askers;
  private List<String> before;
  private LinuxKernel kernel;
  private KernelLedger ledger;
  private CaptureSteering steering;
  private @Nullable TunEcho echo;

  @BeforeEach
  void arm() throws Exception {
    site = new OldSite();
    askers = List.of(site.client, site.router, site.peer);
    ArmedOldSite.expectAnswers(askers);
    before = Snapshot.of(site.host);
    kernel = new LinuxKernel();
    ledger = KernelLedger.open(folder.resolve("kernel.ledger"), kernel);
    steering = steering(site.host, "br0", OldSite.GUEST_MAC, OldSite.BRIDGE_MAC, "gp");
  }

  @AfterEach
  void tearDown() throws Exception {
    if (echo != null) {
      echo.close();
    }
    ledger.close();
    kernel.close();
    site.close();
  }

  private CaptureSteering steering(
      Namespace host, String lan, String guest, @Nullable String bridge, @Nullable String port)
      throws Exception {
    var plan =
        new SteeringPlan(
            MIGRATION,
            OLDS,
            List.of(),
            MacAddress.parse(guest),
            lan,
            bridge == null ? null : MacAddress.parse(bridge),
            port,
            List.of(),
            "none");
    CaptureSteering made = PcapSteering.atRedirector(plan);
    return host.call(() -> {
      ledger.apply(KernelLedger.HOST, made.shared());
      ledger.apply(MIGRATION, made.arm());
      return made;
    });
  }

  private static LanInterface bridge() {
    return new LanInterface(
        "br0",
        MacAddress.parse(OldSite.BRIDGE_MAC),
        MTU,
        List.of(IpAddress.parse("10.11.0.2"), IpAddress.parse("fd11::2")),
        List.of(
            new LanRoute(IpPrefix.parse("10.11.0.0/24"), null),
            new LanRoute(IpPrefix.parse("0.0.0.0/0"), IpAddress.parse("10.11.0.1"))));
  }

  private LanPort hold(Namespace host, LanInterface lan) throws Exception {
    LanPort[] port = new LanPort[1];
    echo = host.call(() -> new TunEcho(lan, opened -> port[0] = opened));
    capture(host, port[0]);
    return port[0];
  }

  private void capture(Namespace host, LanPort port) throws Exception {
    host.call(() -> {
      port.capture(MIGRATION, OLDS);
      kernel.nftNow(steering.holdScript());
      return "held";
    });
  }

  private long errorsHeard() throws Exception {
    long sum = 0;
    for (Namespace where : List.of(site.client, site.router, site.peer, site.guest)) {
      sum += Pings.errorsHeard(where);
    }
    return sum;
  }

  private void expectCapture() throws Exception {
    TunEcho guest = Objects.requireNonNull(echo);
    long guestHeard = Pings.requestsHeard(site.guest);
    guest.forget();
    ArmedOldSite.expectAnswers(askers);
    assertThat(guest.seen()).as("each once").hasSize(askers.size() * OLDS.size());
    assertThat(Pings.requestsHeard(site.guest)).isEqualTo(guestHeard);
  }

  @Test
  void takesWhatIsForTheOldAddressWhateverItsMac() throws Exception {
    LanPort port = hold(site.host, bridge());
    long errors = errorsHeard();
    expectCapture();
    assertThat(site.router.ip("neigh show " + OldSite.OLD4)).contains(OldSite.GUEST_MAC);
    for (String mac : List.of(OldSite.BRIDGE_MAC, NOBODYS_MAC)) {
      for (String old : ArmedOldSite.OLD) {
        site.peer.ip("neigh replace " + old + " lladdr " + mac + " dev eth0");
        site.router.ip("neigh replace " + old + " lladdr " + mac + " dev east");
      }
      expectCapture();
    }
    // No route, rule, address, neighbour, sysctl or bridge MAC: only nft has changed.
    assertThat(Snapshot.differences(before, Snapshot.of(site.host)))
        .isNotEmpty()
        .allMatch(line -> line.startsWith("+ nft: "));
    site.host.ip("link del gp");
    ArmedOldSite.expectAnswers(askers);
    assertThat(errorsHeard()).as("the kernel says nothing").isEqualTo(errors);

    site.host.call(() -> {
      kernel.nftNow(steering.unholdScript());
      port.captureNothing(MIGRATION);
      return ledger.undoAll();
    });
    assertThat(site.host.run("nft", "list", "ruleset")).isBlank();
  }

  @Test
  void theKernelIsSilentWhenTheDaemonIsDead() throws Exception {
    hold(site.host, bridge());
    Objects.requireNonNull(echo).close();
    echo = null;
    long errors = errorsHeard();
    site.peer.ip("neigh replace " + OldSite.OLD4 + " lladdr " + OldSite.BRIDGE_MAC + " dev eth0");
    for (String old : ArmedOldSite.OLD) {
      assertThat(Pings.answeredSoon(site.client, old)).isZero();
      assertThat(Pings.answeredSoon(site.peer, old)).isZero();
    }
    assertThat(errorsHeard()).isEqualTo(errors);
    hold(site.host, bridge()); // the next daemon
    expectCapture();
  }

  @Test
  void superPacketsAreTakenWholeAndTheirChecksumsKnown() throws Exception {
    var view = new PacketView();
    ByteBuf in = Unpooled.directBuffer(PacketDevice.READ_SIZE);
    site.host.call(() -> {
      LanPort.rehearse(SystemClock.INSTANCE);
      return "rehearsed";
    });
    var loop = new DataLoop();
    LanPort port =
        site.host.call(() ->
            LanPort.open(
                bridge(), SystemClock.INSTANCE, new DropCounters(), loop.loop(), () -> {}));
    try {
      capture(site.host, port);
      for (boolean ipv6 : new boolean[] {false, true}) {
        IpAddress peer = IpAddress.parse(ipv6 ? "fd11::20" : "10.11.0.20");
        var tcp =
            new PacketBuilder(peer, OLDS.get(ipv6 ? 1 : 0))
                .tcp(7, 8, 9, 10, PacketView.ACK, 500)
                .payload(60_000)
                .gso(1_400);
        send(site.peer, tcp, ipv6);
        read(loop, port, in);
        assertThat(view.check(in, 10, in.writerIndex() - 10)).isEqualTo(PacketFault.NONE);
        assertThat(view.tcpPayloadLength()).isEqualTo(60_000);
        assertThat(VirtioNetHeader.isGso(in, 0)).isTrue();
        expectSoundPieces(in, view, 60_000);

        var udp = new PacketBuilder(peer, OLDS.get(ipv6 ? 1 : 0)).udp(7, 8).payload(100);
        send(site.peer, udp.checksumLeft(), ipv6);
        read(loop, port, in);
        assertThat(view.check(in, 10, in.writerIndex() - 10)).isEqualTo(PacketFault.NONE);
        assertThat(VirtioNetHeader.needsChecksum(in, 0)).isTrue();
        expectSoundPieces(in, view, 100);

        var datagrams = new PacketBuilder(peer, OLDS.get(ipv6 ? 1 : 0)).udp(7, 8).payload(30_000);
        send(site.peer, datagrams.gso(1_200), ipv6);
        read(loop, port, in);
        assertThat(view.check(in, 10, in.writerIndex() - 10)).isEqualTo(PacketFault.NONE);
        assertThat(VirtioNetHeader.gsoSize(in, 0)).isEqualTo(1_200);
        expectSoundPieces(in, view, 30_000);
        int more = loop.call(() -> port.device().read(in.clear()));
        assertThat(more).as("not a second time, by libpcap").isZero();
      }
    } finally {
      port.close();
      loop.run(port::free);
      loop.close();
      in.release();
    }
  }

  private static void expectSoundPieces(ByteBuf in, PacketView view, int payload) {
    var segmenter = new Segmenter();
    segmenter.begin(in, 0, view);
    ByteBuf out = Unpooled.buffer(100_000);
    var piece = new PacketView();
    int sum = 0;
    for (int at = 0; segmenter.next(out); at = out.writerIndex()) {
      assertThat(piece.check(out, at, out.writerIndex() - at)).isEqualTo(PacketFault.NONE);
      assertThat(Checksums.verifyTransport(piece)).isTrue();
      assertThat(piece.length()).isLessThanOrEqualTo(MTU);
      sum += piece.isTcp() ? piece.tcpPayloadLength() : piece.udpLength() - 8;
    }
    assertThat(sum).isEqualTo(payload);
  }

  /** As a neighbour's own stack leaves it to its interface. */
  private static void send(Namespace from, PacketBuilder packet, boolean ipv6) throws Exception {
    ByteBuf plain = Unpooled.directBuffer(70_000);
    packet.writeWithVnet(plain);
    ByteBuf frame = Unpooled.directBuffer(70_000);
    frame.writeBytes(plain, 0, VirtioNetHeader.LENGTH);
    frame.setShortLE(
        VirtioNetHeader.CHECKSUM_START, VirtioNetHeader.checksumStart(plain, 0) + Ethernet.HEADER);
    frame.setShortLE(
        VirtioNetHeader.HEADER_LENGTH, VirtioNetHeader.headerLength(plain, 0) + Ethernet.HEADER);
    Ethernet.writeHeader(
        frame,
        MacAddress.parse(OldSite.GUEST_MAC),
        MacAddress.parse("02:00:00:00:11:20"),
        ipv6 ? Ethernet.TYPE_IPV6 : Ethernet.TYPE_IPV4);
    frame.writeBytes(plain, VirtioNetHeader.LENGTH, plain.readableBytes() - VirtioNetHeader.LENGTH);
    boolean sent =
        from.call(() -> {
          try (PacketSocket socket = PacketSocket.open("eth0", FrameFilter.NONE)) {
            socket.useVnetHeader();
            return socket.send(frame);
          }
        });
    assertThat(sent).isTrue();
    plain.release();
    frame.release();
  }

  /** The first packet that is no ICMP of a neighbour's own. */
  private static void read(DataLoop loop, LanPort port, ByteBuf in) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (loop.call(() -> port.device().read(in.clear())) == 0) {
      assertThat(System.nanoTime()).as("nothing was captured").isLessThan(deadline);
      Thread.sleep(1);
    }
  }

  /**
   * A trunk without a bridge.
   *
   * <pre>
   * asker [eth0: tag 7] -- [eth0] trunk
   * </pre>
   */
  @Test
  void framesWithATagAreTakenOffAPlainInterface() throws Exception {
    try (Namespace trunk = Namespace.create("trunk");
        Namespace asker = Namespace.create("asker")) {
      Namespace.connect(trunk, "eth0", asker, "eth0");
      asker.run("nft", "add table netdev heard");
      asker.run(
          "nft",
          "add chain netdev heard in { type filter hook ingress device \"eth0\" priority 0; }");
      for (String reply : List.of("icmp", "icmpv6")) {
        asker.run(
            "nft", "add rule netdev heard in vlan id 7 " + reply + " type echo-reply counter");
      }
      ledger.close();
      ledger = KernelLedger.open(folder.resolve("trunk.ledger"), kernel); // of another host
      steering = steering(trunk, "eth0", NOBODYS_MAC, null, null);
      MacAddress mac = trunk.call(() -> new HostFacts(kernel).device("eth0").orElseThrow().mac());
      hold(trunk, new LanInterface("eth0", mac, MTU, List.of(), List.of()));
      asker.call(() -> {
        try (PacketSocket socket = PacketSocket.open("eth0", FrameFilter.NONE)) {
          return socket.send(tagged("10.11.0.7", 8)) && socket.send(tagged("fd11::7", 128));
        }
      });
      TunEcho guest = Objects.requireNonNull(echo);
      guest.await(seen -> seen.icmpType() == 8);
      guest.await(seen -> seen.icmpType() == 128);
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      String heard;
      do {
        Thread.sleep(5);
        heard = asker.run("nft", "list table netdev heard");
        assertThat(System.nanoTime()).as("answers with the tag: %s", heard).isLessThan(deadline);
      } while (heard.contains("counter packets 0 "));
      assertThat(trunk.run("nft", "list table netdev holdfast_pcap"))
          .as("the kernel has not seen them")
          .contains("ip daddr @captured4 counter packets 1 ")
          .contains("ip6 daddr @captured6 counter packets 1 ");
    }
  }

  private static ByteBuf tagged(String from, int echoRequest) {
    IpAddress asker = IpAddress.parse(from);
    ByteBuf frame = Unpooled.directBuffer(200);
    Ethernet.writeHeader(
        frame, MacAddress.parse(NOBODYS_MAC), MacAddress.parse("02:00:00:00:77:07"), 0x8100);
    frame.writeShort(7).writeShort(asker.isV4() ? Ethernet.TYPE_IPV4 : Ethernet.TYPE_IPV6);
    new PacketBuilder(asker, OLDS.get(asker.isV4() ? 0 : 1))
        .icmp(echoRequest, 0, 1)
        .payload(56)
        .write(frame);
    return frame;
  }
}
