package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.capture.LanInterface;
import dev.holdfast.redirector.capture.LanPort;
import dev.holdfast.redirector.steer.CaptureSteering;
import dev.holdfast.redirector.steer.EndpointSteering;
import dev.holdfast.redirector.steer.HostFacts.LanRoute;
import dev.holdfast.redirector.steer.HostSteering;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.LinuxKernel;
import dev.holdfast.redirector.steer.NftCounts;
import dev.holdfast.redirector.steer.PcapSteering;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Each host takes exactly one hop, or with {@code ttl = "keep"} none, in either direction and with
 * either capture; what is used up ends here, counted, and nobody hears of it. Every TTL from 0 to
 * 255 is sent, on {@link OldSite} and {@link NewSite}.
 */
class HopLimitIT {
  private static final String PEER_MAC = "02:00:00:00:11:20";
  private static final List<IpAddress> OLDS =
      ArmedOldSite.OLD.stream().map(IpAddress::parse).toList();
  private static final List<IpAddress> PEERS =
      List.of(IpAddress.parse("10.11.0.20"), IpAddress.parse("fd11::20"));
  private static final List<IpAddress> FAR =
      List.of(IpAddress.parse("192.0.2.2"), IpAddress.parse("2001:db8:2::2"));
  private static final List<IpAddress> HOST =
      List.of(IpAddress.parse("10.11.0.2"), IpAddress.parse("fd11::2"));

  /** Protocol of the packets that are counted: for experiments (RFC 3692), so nobody answers. */
  private static final int PROTOCOL = 253;

  @TempDir private Path folder;

  private static List<Integer> expected(boolean keep) {
    return IntStream.rangeClosed(1, keep ? 255 : 254).boxed().toList();
  }

  /** 0 is used up even where no hop is taken. */
  private static int spent(boolean keep) {
    return keep ? 1 : 2;
  }

  private static PacketBuilder packet(IpAddress from, IpAddress to, int ttl) {
    return new PacketBuilder(from, to).ttl(ttl).raw(PROTOCOL).payload(20);
  }

  /** Sends one packet of each TTL as frames out of {@code eth0}. */
  private static void sendAll(
      Namespace from, String sender, String receiver, IpAddress source, IpAddress destination)
      throws Exception {
    from.call(() -> {
      try (PacketSocket socket = PacketSocket.open("eth0", FrameFilter.NONE)) {
        ByteBuf frame = Unpooled.directBuffer(256);
        for (int ttl = 0; ttl < 256; ttl++) {
          Ethernet.writeHeader(
              frame.clear(),
              MacAddress.parse(receiver),
              MacAddress.parse(sender),
              source.isV4() ? Ethernet.TYPE_IPV4 : Ethernet.TYPE_IPV6);
          packet(source, destination, ttl).write(frame);
          assertThat(socket.send(frame)).isTrue();
        }
        frame.release();
      }
      return "sent";
    });
  }

  /** Waits until the last of them has come to the TUN, and says with which TTLs they came. */
  private static List<Integer> taken(TunEcho at, IpAddress source, int last)
      throws InterruptedException {
    at.await(seen -> isCounted(seen, source) && seen.hopLimit() == last);
    return at.seen().stream()
        .filter(seen -> isCounted(seen, source))
        .map(TunEcho.Seen::hopLimit)
        .toList();
  }

  private static boolean isCounted(TunEcho.Seen seen, IpAddress source) {
    return seen.protocol() == PROTOCOL && seen.source().equals(source);
  }

  private static List<Integer> heard(FrameLog log, IpAddress source, int last) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    List<Integer> ttls = ttls(log, source);
    while (!ttls.contains(last)) {
      assertThat(System.nanoTime()).as("still not heard: %s", ttls).isLessThan(deadline);
      Thread.sleep(1);
      ttls = ttls(log, source);
    }
    return ttls;
  }

  private static List<Integer> ttls(FrameLog log, IpAddress source) {
    var view = new PacketView();
    List<Integer> ttls = new ArrayList<>();
    for (String frame : log.frames()) {
      ByteBuf bytes = Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(frame));
      int length = bytes.readableBytes() - Ethernet.HEADER;
      if (view.check(bytes, Ethernet.HEADER, length) == PacketFault.NONE
          && view.protocol() == PROTOCOL
          && view.isFrom(source)) {
        assertThat(!view.isV4() || Checksums.verifyIpv4Header(bytes, view.start(), 20)).isTrue();
        ttls.add(view.hopLimit());
      }
    }
    return ttls;
  }

  private static void keep(Rig rig) throws Exception {
    rig.in(() -> {
      rig.ledger.apply(KernelLedger.HOST, new HostSteering(rig.facts, Rig.TUN, true).changes());
      return "kept from now on";
    });
  }

  @Test
  void theOldHostTakesOneWithTheTun() throws Exception {
    try (var old = new ArmedOldSite(folder);
        var heard = new FrameLog(old.rig.tun.loop(), old.site.peer, "eth0")) {
      old.rig.nft(old.steering.holdScript());
      expectTraceroute(old, 3, 1);
      long errors = old.errorsHeard();
      long before = old.rig.in(() -> new NftCounts(old.rig.kernel).spent(OLDS));
      assertThat(before).as("by traceroute").isEqualTo(2);
      expectOldHost(old, heard, false);
      assertThat(old.rig.in(() -> new NftCounts(old.rig.kernel).spent(OLDS)))
          .isEqualTo(before + 2 * 2 * spent(false));
      assertThat(old.errorsHeard()).isEqualTo(errors);
    }
  }

  @Test
  void orNoneWhereItIsKept() throws Exception {
    try (var old = new ArmedOldSite(folder);
        var heard = new FrameLog(old.rig.tun.loop(), old.site.peer, "eth0")) {
      keep(old.rig);
      old.rig.nft(old.steering.holdScript());
      expectTraceroute(old, 2, 0);
      long errors = old.errorsHeard();
      expectOldHost(old, heard, true);
      assertThat(old.rig.in(() -> new NftCounts(old.rig.kernel).spent(OLDS)))
          .isEqualTo(2 * 2 * spent(true));
      assertThat(old.errorsHeard()).isEqualTo(errors);
    }
  }

  private static void expectOldHost(ArmedOldSite old, FrameLog heard, boolean keep)
      throws Exception {
    int last = keep ? 255 : 254;
    for (int family = 0; family < 2; family++) {
      IpAddress guest = OLDS.get(family);
      IpAddress peer = PEERS.get(family);
      sendAll(old.site.peer, PEER_MAC, OldSite.GUEST_MAC, peer, guest);
      assertThat(taken(old.rig.tun, peer, last)).as("to the guest").isEqualTo(expected(keep));
      for (int ttl = 0; ttl < 256; ttl++) {
        old.rig.tun.send(packet(guest, peer, ttl));
      }
      assertThat(heard(heard, guest, last)).as("from the guest").isEqualTo(expected(keep));

      // This host is the end of the way, not a hop of it (RFC 1122 section 3.2.1.7).
      IpAddress host = HOST.get(family);
      old.rig.tun.send(
          new PacketBuilder(guest, host).ttl(1).icmp(guest.isV4() ? 8 : 128, 0, 77).payload(8));
      int reply = guest.isV4() ? 0 : 129;
      old.rig.tun.await(seen -> seen.source().equals(host) && seen.icmpType() == reply);
    }
  }

  /** The router before this host answers, this host does not, the guest behind it does. */
  private static void expectTraceroute(ArmedOldSite old, int guestIsAt, int silent)
      throws Exception {
    for (String address : ArmedOldSite.OLD) {
      int answeredAt = 0;
      int told = 0;
      for (int ttl = 1; answeredAt == 0 && ttl < 6; ttl++) {
        long errors = Pings.errorsHeard(old.site.client);
        boolean isAnswered =
            (ttl < guestIsAt
                    ? Pings.answeredSoon(old.site.client, address, "-t" + ttl)
                    : Pings.answered(old.site.client, address, "-t" + ttl))
                == 1;
        told += (int) (Pings.errorsHeard(old.site.client) - errors);
        answeredAt = isAnswered ? ttl : 0;
      }
      assertThat(answeredAt).as("hops to %s", address).isEqualTo(guestIsAt);
      assertThat(told).as("who says that it is a hop").isEqualTo(guestIsAt - 1 - silent);
    }
  }

  @Test
  void theNewHostTakesOneOrNone() throws Exception {
    try (var site = new NewSite();
        var rig = new Rig(site.host, folder);
        var heard = new FrameLog(rig.tun.loop(), site.guest, "eth0")) {
      SteeringPlan plan = NewSite.plan();
      rig.arm(new EndpointSteering(plan, rig.facts), plan);
      long errors = Pings.errorsHeard(site.guest);
      expectNewHost(site, rig, heard, false, 0);
      keep(rig);
      expectNewHost(site, rig, heard, true, expected(false).size());
      assertThat(rig.in(() -> new NftCounts(rig.kernel).spent(OLDS)))
          .isEqualTo(2 * 2 * (spent(false) + spent(true)));
      assertThat(Pings.errorsHeard(site.guest)).isEqualTo(errors);
    }
  }

  private static void expectNewHost(
      NewSite site, Rig rig, FrameLog heard, boolean keep, int already) throws Exception {
    int last = keep ? 255 : 254;
    for (int family = 0; family < 2; family++) {
      IpAddress guest = OLDS.get(family);
      IpAddress peer = FAR.get(family);
      rig.tun.forget();
      sendAll(site.guest, OldSite.GUEST_MAC, NewSite.OLD_GATEWAY_MAC, guest, peer);
      assertThat(taken(rig.tun, guest, last)).as("from the guest").isEqualTo(expected(keep));
      for (int ttl = 0; ttl < 256; ttl++) {
        rig.tun.send(packet(peer, guest, ttl));
      }
      List<Integer> all = heard(heard, peer, last);
      while (keep && all.size() < already + 255) {
        Thread.sleep(1); // the last one of the first round has this TTL too
        all = heard(heard, peer, last);
      }
      assertThat(all.subList(already, all.size())).as("to it").isEqualTo(expected(keep));
    }
  }

  @Test
  void theSameWithPcap() throws Exception {
    try (var site = new OldSite();
        var kernel = new LinuxKernel();
        var ledger = KernelLedger.open(folder.resolve("kernel.ledger"), kernel)) {
      ArmedOldSite.expectAnswers(List.of(site.peer));
      CaptureSteering steering = byPcap();
      var spent = new AtomicInteger();
      var port = new LanPort[1];
      try (TunEcho echo = site.host.call(() -> new TunEcho(bridge(), lan -> port[0] = lan));
          var heard = new FrameLog(echo.loop(), site.peer, "eth0")) {
        site.host.call(() -> {
          ledger.apply(KernelLedger.HOST, steering.shared());
          ledger.apply("m1", steering.arm());
          port[0].capture("m1", OLDS);
          kernel.nftNow(steering.holdScript());
          return "held";
        });
        long errors = Pings.errorsHeard(site.peer);
        int already = 0;
        for (boolean keep : new boolean[] {false, true}) {
          int last = keep ? 255 : 254;
          echo.loop().submit(() -> port[0].hops(keep, packet -> spent.incrementAndGet())).sync();
          echo.forget();
          for (int family = 0; family < 2; family++) {
            IpAddress guest = OLDS.get(family);
            IpAddress peer = PEERS.get(family);
            sendAll(site.peer, PEER_MAC, OldSite.GUEST_MAC, peer, guest);
            assertThat(taken(echo, peer, last)).as("to the guest").isEqualTo(expected(keep));
            for (int ttl = 0; ttl < 256; ttl++) {
              echo.send(packet(guest, peer, ttl));
            }
            List<Integer> all = heard(heard, guest, last);
            assertThat(all.subList(already, all.size()))
                .as("from the guest")
                .isEqualTo(expected(keep));
          }
          already = expected(keep).size();
        }
        assertThat(spent).hasValue(2 * 2 * (spent(false) + spent(true)));
        assertThat(Pings.errorsHeard(site.peer)).isEqualTo(errors);
      }
    }
  }

  private static CaptureSteering byPcap() {
    return PcapSteering.atRedirector(
        new SteeringPlan(
            "m1",
            OLDS,
            List.of(),
            MacAddress.parse(OldSite.GUEST_MAC),
            "br0",
            MacAddress.parse(OldSite.BRIDGE_MAC),
            "gp",
            List.of(),
            "none"));
  }

  private static LanInterface bridge() {
    return new LanInterface(
        "br0",
        MacAddress.parse(OldSite.BRIDGE_MAC),
        1500,
        HOST,
        List.of(new LanRoute(IpPrefix.parse("10.11.0.0/24"), null)));
  }
}
