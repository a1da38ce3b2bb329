package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.steer.Announcer;
import dev.holdfast.redirector.steer.AnswerTable;
import dev.holdfast.redirector.steer.EndpointSteering;
import dev.holdfast.redirector.steer.GuestProbe;
import dev.holdfast.redirector.steer.NeighbourResponder;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.time.SystemClock;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Delivery and return path at the new host, on a real bridge ({@link NewSite}). */
class EndpointIT {
  private static final IpAddress OLD4 = IpAddress.parse(OldSite.OLD4);
  private static final IpAddress OLD6 = IpAddress.parse(OldSite.OLD6);
  private static final IpAddress PEER4 = IpAddress.parse("192.0.2.2");
  private static final IpAddress PEER6 = IpAddress.parse("2001:db8:2::2");
  private static final MacAddress GUEST = MacAddress.parse(OldSite.GUEST_MAC);
  private static final MacAddress BRIDGE = MacAddress.parse(NewSite.BRIDGE_MAC);

  @TempDir private Path folder;
  private NewSite site;
  private List<String> before;
  private Rig rig;
  private NeighbourResponder responder;
  private FrameLog heard;

  @BeforeEach
  void arm() throws Exception {
    site = new NewSite();
    before = Snapshot.of(site.host);
    rig = new Rig(site.host, folder);
    var plan =
        new SteeringPlan(
            "m1",
            List.of(OLD4, OLD6),
            List.of(IpAddress.parse(NewSite.NEW4), IpAddress.parse(NewSite.NEW6)),
            GUEST,
            "br0",
            BRIDGE,
            null,
            List.of(
                IpPrefix.parse("10.11.0.0/24"),
                IpPrefix.parse("fd11::/64"),
                IpPrefix.parse("fe80::1/128")),
            Rig.TUN);
    rig.arm(new EndpointSteering(plan, rig.facts), plan);
    var table = new AnswerTable();
    table.serve(GUEST, plan.oldAddresses(), plan.newAddresses(), plan.oldLans(), List.of(), BRIDGE);
    responder = rig.in(() -> NeighbourResponder.start(rig.tun.loop(), "br0", table));
    heard = new FrameLog(rig.tun.loop(), site.neighbour, "eth0");
  }

  @AfterEach
  void tearDown() throws Exception {
    heard.close();
    responder.close();
    rig.close();
    site.close();
  }

  private void ask(IpAddress peer, IpAddress old) throws Exception {
    rig.tun.send(new PacketBuilder(peer, old).icmp(old.isV4() ? 8 : 128, 0, 1).payload(56));
  }

  private void expectReply(IpAddress old, IpAddress peer) throws Exception {
    rig.tun.await(seen ->
        seen.source().equals(old)
            && seen.destination().equals(peer)
            && seen.icmpType() == (old.isV4() ? 0 : 129));
  }

  private void expectNothingOfTheOldAddressesOnTheNewLan() throws Exception {
    heard.awaitEcho(site.neighbour, NewSite.NEW4);
    assertThat(heard.naming(OldSite.OLD4)).isEmpty();
    assertThat(heard.naming(OldSite.OLD6)).isEmpty();
  }

  @Test
  void deliversAndTakesWhatTheGuestSendsToItsOldGateway() throws Exception {
    site.rememberGateways();
    ask(PEER4, OLD4);
    expectReply(OLD4, PEER4);
    ask(PEER6, OLD6);
    expectReply(OLD6, PEER6);
    assertThat(site.guest.ip("neigh show 10.11.0.1")).contains(NewSite.OLD_GATEWAY_MAC);
    expectNothingOfTheOldAddressesOnTheNewLan();
  }

  @Test
  void findsOutWhetherTheGuestRuns() throws Exception {
    for (IpAddress old : List.of(OLD4, OLD6)) {
      assertThat(rig.in(() -> GuestProbe.answers("br0", GUEST, List.of(old), SystemClock.INSTANCE)))
          .as("%s answers", old)
          .isTrue();
    }
    expectNothingOfTheOldAddressesOnTheNewLan();
    site.guest.ip("link set eth0 down");
    assertThat(
            rig.in(
                () -> GuestProbe.answers("br0", GUEST, List.of(OLD4, OLD6), SystemClock.INSTANCE)))
        .isFalse();
  }

  @Test
  void answersTheGuestForItsOldGateway() throws Exception {
    ask(PEER4, OLD4);
    expectReply(OLD4, PEER4);
    ask(PEER6, OLD6);
    expectReply(OLD6, PEER6);
    assertThat(site.guest.ip("neigh show 10.11.0.1")).contains(NewSite.BRIDGE_MAC);
    assertThat(site.guest.ip("neigh show fe80::1")).contains(NewSite.BRIDGE_MAC).contains("router");
    expectNothingOfTheOldAddressesOnTheNewLan();
  }

  @Test
  void takesWhatGoesToTheOldLanItself() throws Exception {
    assertThat(Pings.answered(site.guest, "10.11.0.77")).isOne();
    assertThat(Pings.answered(site.guest, "fd11::77")).isOne();
    expectNothingOfTheOldAddressesOnTheNewLan();
  }

  @Test
  void answersNobodyElse() throws Exception {
    site.neighbour.ip("route add 10.11.0.0/24 dev eth0");
    site.neighbour.ip("-6 route add fd11::/64 dev eth0");
    assertThat(Pings.answeredSoon(site.neighbour, "10.11.0.1")).isZero();
    assertThat(Pings.answeredSoon(site.neighbour, "fd11::1")).isZero();
    assertThat(responder.answered()).isZero();
  }

  @Test
  void leavesTheNewAddressAlone() throws Exception {
    assertThat(Pings.answered(site.guest, "10.22.0.20")).isOne();
    assertThat(Pings.answered(site.guest, "fd22::20")).isOne();
    assertThat(Pings.answered(site.neighbour, NewSite.NEW4)).isOne();
    assertThat(Pings.answered(site.neighbour, NewSite.NEW6)).isOne();
    assertThat(rig.tun.seen()).isEmpty();
  }

  @Test
  void asksTheNewLanInTheNameOfTheNewAddress() throws Exception {
    // Sent through the tunnel, though the guest finds the neighbour on its own link.
    assertThat(Pings.answered(site.guest, "10.22.0.20", "-I" + OldSite.OLD4)).isOne();
    assertThat(Pings.answered(site.guest, "fd22::20", "-I" + OldSite.OLD6)).isOne();
    assertThat(rig.tun.seen()).hasSize(2);
    assertThat(site.guest.ip("neigh show 10.22.0.20")).contains("lladdr");
    assertThat(site.guest.ip("neigh show 10.22.0.20")).doesNotContain(NewSite.BRIDGE_MAC);
    assertThat(heard.naming(NewSite.NEW4)).isNotEmpty();
    expectNothingOfTheOldAddressesOnTheNewLan();
  }

  @Test
  void keepsAnnouncementsAndBroadcastsFromTheNewLan() throws Exception {
    int announced =
        site.guest.call(() -> {
          try (Announcer announcer = Announcer.open("eth0")) {
            return announcer.announce(GUEST, List.of(OLD4, OLD6));
          }
        });
    assertThat(announced).isEqualTo(2);
    assertThat(Pings.answeredSoon(site.guest, "10.11.0.255", "-b", "-I" + OldSite.OLD4)).isZero();
    int itself = Pings.answeredSoon(site.guest, "ff02::1%eth0", "-I" + OldSite.OLD6);
    assertThat(itself).as("answers of the guest itself").isLessThanOrEqualTo(1);
    expectNothingOfTheOldAddressesOnTheNewLan();
    assertThat(rig.tun.seen()).isEmpty();
  }

  @Test
  void saysNothingOfTheGuestsItself() throws Exception {
    long errors = Pings.errorsHeard(site.guest);
    assertThat(Pings.answeredSoon(site.guest, "192.0.2.2", "-t1")).isZero();
    assertThat(Pings.answeredSoon(site.guest, "2001:db8:2::2", "-t1")).isZero();
    assertThat(Pings.errorsHeard(site.guest)).isEqualTo(errors);
  }

  @Test
  void takesBackAllThatItMade() throws Exception {
    ask(PEER4, OLD4);
    expectReply(OLD4, PEER4);
    responder.close();
    assertThat(rig.undoAll()).isEmpty();
    rig.close();
    assertThat(Snapshot.differences(before, Snapshot.of(site.host))).isEmpty();
  }
}
