package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.steer.AddressClaims;
import dev.holdfast.redirector.steer.Announcer;
import dev.holdfast.redirector.steer.AnswerTable;
import dev.holdfast.redirector.steer.NeighbourResponder;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Answers to neighbours' questions at the old host ({@link OldSite}). */
class ResponderIT {
  private static final MacAddress BRIDGE = MacAddress.parse(OldSite.BRIDGE_MAC);
  private static final List<IpAddress> OLD =
      List.of(IpAddress.parse(OldSite.OLD4), IpAddress.parse(OldSite.OLD6));

  @TempDir private Path folder;
  private ArmedOldSite old;
  private OldSite site;
  private NeighbourResponder responder;
  private final List<String> told = new CopyOnWriteArrayList<>();

  @BeforeEach
  void start() throws Exception {
    old = new ArmedOldSite(folder);
    site = old.site;
    var table = new AnswerTable();
    var claims =
        new AddressClaims(
            table,
            Set.of(BRIDGE, MacAddress.parse(OldSite.GUEST_MAC)),
            SystemClock.INSTANCE,
            (by, how, address) -> told.add(by + " " + how + " " + address));
    responder =
        old.rig.in(() -> NeighbourResponder.start(old.rig.tun.loop(), "br0", table, claims));
    // The kernel's own answers would hide ours.
    site.host.ip("neigh del proxy " + OldSite.OLD4 + " dev br0");
  }

  @AfterEach
  void tearDown() throws Exception {
    responder.close();
    old.close();
  }

  private void hold() throws Exception {
    old.rig.nft(old.steering.holdScript());
    OLD.forEach(address -> responder.table().capture(address, BRIDGE, null));
  }

  private static void awaitNeighbour(Namespace where, String device, String address, String mac)
      throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    String family = address.indexOf(':') < 0 ? "-4" : "-6";
    String found;
    do {
      Thread.sleep(5);
      found = where.ip(family + " neigh show " + address + " dev " + device);
      if (System.nanoTime() > deadline) {
        throw new AssertionError(address + " is not at " + mac + " but: " + found);
      }
    } while (!found.contains(mac));
  }

  @Test
  void answersWhoeverAsksForACapturedAddress() throws Exception {
    hold();
    site.router.ip("neigh flush dev east");
    site.router.ip("-6 neigh flush dev east");
    site.peer.ip("neigh flush dev eth0");
    site.peer.ip("-6 neigh flush dev eth0");
    old.expectCapture();
    awaitNeighbour(site.router, "east", OldSite.OLD4, OldSite.BRIDGE_MAC);
    awaitNeighbour(site.router, "east", OldSite.OLD6, OldSite.BRIDGE_MAC);
    assertThat(responder.answered()).isGreaterThanOrEqualTo(4);
  }

  @Test
  void correctsWhoAsksTheGuestItself() throws Exception {
    hold();
    for (String address : List.of(OldSite.OLD4, OldSite.OLD6)) {
      site.router.ip(
          "neigh replace " + address + " lladdr " + OldSite.GUEST_MAC + " dev east nud probe");
      awaitNeighbour(site.router, "east", address, OldSite.BRIDGE_MAC);
    }
  }

  /** Whoever would take the address looks first, and sees that it is not free. */
  @Test
  void answersProbes() throws Exception {
    hold();
    MacAddress answered =
        site.peer.call(() -> {
          try (PacketSocket socket = PacketSocket.open("eth0", FrameFilter.ARP)) {
            socket.ignoreOutgoing();
            ByteBuf frame = Unpooled.directBuffer(2048);
            ArpMessage.writeRequest(
                frame, socket.macAddress(), IpAddress.parse("0.0.0.0"), OLD.getFirst());
            assertThat(socket.send(frame)).isTrue();
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
            var arp = new ArpMessage();
            while (true) {
              int length = socket.receive(frame.clear());
              if (arp.check(frame, 0, length) && arp.senderAddress().equals(OLD.getFirst())) {
                return arp.senderMac();
              }
              assertThat(System.nanoTime()).as("no answer to a probe").isLessThan(deadline);
              Thread.sleep(1);
            }
          }
        });
    assertThat(answered).isEqualTo(BRIDGE);
    assertThat(told).hasSize(1).first().asString().contains("looks whether it may use");
  }

  /** RFC 4862 section 5.4: a machine that looks first finds that the address is not free. */
  @Test
  void answersDuplicateAddressDetection() throws Exception {
    hold();
    site.peer.run(
        "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1", "net.ipv6.conf.eth0.dad_transmits=1");
    site.peer.ip("addr add " + OldSite.OLD6 + "/64 dev eth0");
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (!site.peer.ip("-6 addr show dev eth0").contains("dadfailed")) {
      assertThat(System.nanoTime()).as("no duplicate was detected").isLessThan(deadline);
      Thread.sleep(20);
    }
    assertThat(told).hasSize(1).first().asString().contains("looks whether it may use");
  }

  @Test
  void tellsWhoUsesACapturedAddressAndTakesItBack() throws Exception {
    hold();
    String stranger = "02:00:5e:00:53:99";
    var unused =
        site.peer.call(() -> {
          try (Announcer announcer = Announcer.open("eth0")) {
            return announcer.announce(MacAddress.parse(stranger), OLD);
          }
        });
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
    while (told.isEmpty()) {
      assertThat(System.nanoTime()).as("nobody was told").isLessThan(deadline);
      Thread.sleep(5);
    }
    awaitNeighbour(site.router, "east", OldSite.OLD4, OldSite.BRIDGE_MAC);
    awaitNeighbour(site.router, "east", OldSite.OLD6, OldSite.BRIDGE_MAC);
    assertThat(told).containsExactly(stranger + " uses " + OldSite.OLD4);
  }

  /**
   * An address is answered for on the link where it was, and on no other of this host: not on its
   * uplink, not on another bridge, not in another VLAN of the same bridge.
   */
  @Test
  void answersOnItsOwnLinkAlone() throws Exception {
    site.host.ip("neigh replace proxy " + OldSite.OLD4 + " dev br0"); // the kernel's answers too
    site.host.ip("link add br1 type bridge");
    site.host.ip("link set br1 up");
    site.host.ip("addr add 10.12.0.1/24 dev br1");
    site.host.ip("addr add fd12::1/64 dev br1 nodad");
    Namespace.connect(site.client, "uplink", site.host, "up0");
    site.host.ip("addr add 10.13.0.1/24 dev up0");
    site.host.ip("addr add fd13::1/64 dev up0 nodad");
    Namespace.connect(site.client, "bridged", site.host, "tp");
    site.host.ip("link set tp master br1");
    hold();
    try (FrameLog uplink = new FrameLog(old.rig.tun.loop(), site.client, "uplink");
        FrameLog bridged = new FrameLog(old.rig.tun.loop(), site.client, "bridged");
        FrameLog own = new FrameLog(old.rig.tun.loop(), site.peer, "eth0")) {
      ask(site.client, "uplink", false);
      ask(site.client, "bridged", false);
      ask(site.peer, "eth0", true);
      ask(site.peer, "eth0", false); // last: when it is answered, the others would have been
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
      while (saying(own, OldSite.OLD4) == 0 || saying(own, OldSite.OLD6) == 0) {
        assertThat(System.nanoTime()).as("no answer on its own link").isLessThan(deadline);
        Thread.sleep(5);
      }
      for (String address : List.of(OldSite.OLD4, OldSite.OLD6)) {
        assertThat(saying(uplink, address)).as("on the uplink, of %s", address).isZero();
        assertThat(saying(bridged, address)).as("on another bridge, of %s", address).isZero();
      }
      for (String asker : List.of("10.11.0.7", "fd11::7")) { // of VLAN 7
        assertThat(saying(own, asker)).as("in another VLAN, to %s", asker).isZero();
      }
    }
  }

  /**
   * Answers of whomever in which the address stands; questions are not heard where they are asked.
   */
  private static long saying(FrameLog log, String address) {
    return log.naming(address).stream()
        .filter(f -> f.startsWith("08060001080006040002", 24) || f.startsWith("88", 108))
        .count();
  }

  private static void ask(Namespace where, String device, boolean tagged) throws Exception {
    boolean sent =
        where.call(() -> {
          try (PacketSocket socket = PacketSocket.open(device, FrameFilter.NONE)) {
            int asker = tagged ? 7 : 77;
            ByteBuf frame = Unpooled.directBuffer(128);
            ArpMessage.writeRequest(
                frame, socket.macAddress(), IpAddress.parse("10.11.0." + asker), OLD.getFirst());
            boolean both = socket.send(tagged ? tagged(frame) : frame);
            NeighbourMessage.writeSolicitation(
                frame.clear(),
                socket.macAddress(),
                IpAddress.parse("fd11::" + asker),
                OLD.getLast());
            both &= socket.send(tagged ? tagged(frame) : frame);
            frame.release();
            return both;
          }
        });
    assertThat(sent).isTrue();
  }

  /** The same in VLAN 7 (IEEE 802.1Q). */
  private static ByteBuf tagged(ByteBuf frame) {
    byte[] rest = new byte[frame.readableBytes() - 12];
    frame.getBytes(12, rest);
    return frame.writerIndex(12).writeInt(0x8100_0007).writeBytes(rest);
  }

  /**
   * What is announced in the guest's name does not reach the guest: one that is just looking
   * whether its address is free would give it up (RFC 4862 section 5.4.4).
   */
  @Test
  void theGuestIsAnnouncedToEverybodyButItself() throws Exception {
    hold();
    old.rig.nft(old.steering.unholdScript() + old.steering.unblockScript());
    OLD.forEach(address -> responder.table().release(address));
    site.guest.ip("addr del " + OldSite.OLD6 + "/64 dev eth0");
    site.guest.run(
        "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1", "net.ipv6.conf.eth0.dad_transmits=1");
    site.guest.ip("addr add " + OldSite.OLD6 + "/64 dev eth0");
    assertThat(site.guest.ip("-6 addr show dev eth0")).contains(OldSite.OLD6).contains("tentative");
    site.peer.ip(
        "-6 neigh replace "
            + OldSite.OLD6
            + " lladdr "
            + OldSite.BRIDGE_MAC
            + " dev eth0 nud stale");
    int sent =
        old.rig.in(() -> {
          try (Announcer announcer = Announcer.open("br0")) {
            return announcer.announce(MacAddress.parse(OldSite.GUEST_MAC), OLD);
          }
        });
    assertThat(sent).isEqualTo(2);
    awaitNeighbour(site.peer, "eth0", OldSite.OLD6, OldSite.GUEST_MAC);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    String shown;
    do {
      Thread.sleep(20);
      shown = site.guest.ip("-6 addr show dev eth0");
      assertThat(shown).contains(OldSite.OLD6).doesNotContain("dadfailed");
      assertThat(System.nanoTime()).as("the guest still looks: %s", shown).isLessThan(deadline);
    } while (shown.contains("tentative"));
  }

  @Test
  void saysNothingWhileTheGuestIsHere() throws Exception {
    site.router.ip("neigh flush dev east");
    site.router.ip("-6 neigh flush dev east");
    old.expectGuest();
    assertThat(site.router.ip("neigh show " + OldSite.OLD4)).contains(OldSite.GUEST_MAC);
    assertThat(responder.answered()).isZero();
    assertThat(told).isEmpty();
  }

  @Test
  void announcesWhereTheGuestIs() throws Exception {
    for (String mac : List.of(OldSite.BRIDGE_MAC, OldSite.GUEST_MAC)) {
      int sent =
          old.rig.in(() -> {
            try (Announcer announcer = Announcer.open("br0")) {
              return announcer.announce(MacAddress.parse(mac), OLD);
            }
          });
      assertThat(sent).isEqualTo(2);
      awaitNeighbour(site.router, "east", OldSite.OLD4, mac);
      awaitNeighbour(site.router, "east", OldSite.OLD6, mac);
      awaitNeighbour(site.peer, "eth0", OldSite.OLD4, mac);
      awaitNeighbour(site.peer, "eth0", OldSite.OLD6, mac);
    }
  }
}
