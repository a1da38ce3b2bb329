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
