package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.steer.Announcer;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Capture at the old host, on a real bridge ({@link OldSite}). */
class CaptureIT {
  private static final String PEERS_OTHER_MAC = "02:00:00:00:11:aa";

  @TempDir private Path folder;
  private ArmedOldSite old;
  private OldSite site;

  @BeforeEach
  void arm() throws Exception {
    old = new ArmedOldSite(folder);
    site = old.site;
  }

  @AfterEach
  void tearDown() throws Exception {
    old.close();
  }

  private void hold() throws Exception {
    old.rig.nft(old.steering.holdScript());
  }

  @Test
  void changesNothingWhileItIsArmed() throws Exception {
    old.expectGuest();
  }

  @Test
  void capturesWhatNeighboursSendToTheGuestsMac() throws Exception {
    hold();
    assertThat(site.router.ip("neigh show " + OldSite.OLD4)).contains(OldSite.GUEST_MAC);
    old.expectCapture();
    assertThat(site.router.ip("neigh show " + OldSite.OLD4)).contains(OldSite.GUEST_MAC);
  }

  @Test
  void capturesWhenThePortOfTheGuestIsGone() throws Exception {
    hold();
    site.host.ip("link del gp");
    assertThat(site.host.ip("link show br0")).contains(OldSite.BRIDGE_MAC);
    old.rig.tun.forget();
    ArmedOldSite.expectAnswers(old.askers);
    assertThat(old.rig.tun.seen()).hasSize(4 * 2);
  }

  @Test
  void capturesWhereBridgedFramesPassTheHostsFilters() throws Exception {
    site.host.ip("link set dev br0 type bridge nf_call_iptables 1 nf_call_ip6tables 1");
    site.host.run("nft", "add table inet others");
    site.host.run(
        "nft",
        "add chain inet others c { type filter hook forward priority 0; ct state new counter; }");
    old.expectGuest();
    hold();
    old.expectCapture();
  }

  @Test
  void letsTheKernelAnswerArpWithoutTheDaemon() throws Exception {
    hold();
    site.router.ip("neigh flush dev east");
    assertThat(Pings.answered(site.client, OldSite.OLD4)).isOne();
    assertThat(site.router.ip("neigh show " + OldSite.OLD4)).contains(OldSite.BRIDGE_MAC);
  }

  @Test
  void doesNotContradictAnAnnouncementOfTheOldAddress() throws Exception {
    hold();
    try (FrameLog heard = new FrameLog(old.rig.tun.loop(), site.peer, "eth0")) {
      // As the guest's, back on this LAN but elsewhere, before anybody was told.
      int sent =
          site.peer.call(() -> {
            try (Announcer announcer = Announcer.open("eth0")) {
              return announcer.announce(
                  MacAddress.parse(PEERS_OTHER_MAC), List.of(IpAddress.parse(OldSite.OLD4)));
            }
          });
      assertThat(sent).isOne();
      heard.awaitEcho(site.peer, "10.11.0.2");
      assertThat(heard.frames()).noneMatch(frame -> frame.startsWith("0200000011aa"));
    }
  }

  @Test
  void letsTheGuestAnswerArpWhileItIsArmed() throws Exception {
    site.router.ip("neigh flush dev east");
    assertThat(Pings.answered(site.client, OldSite.OLD4)).isOne();
    assertThat(site.router.ip("neigh show " + OldSite.OLD4)).contains(OldSite.GUEST_MAC);
  }

  @Test
  void givesTheGuestItsPacketsBack() throws Exception {
    hold();
    old.expectCapture();
    old.rig.nft(old.steering.unholdScript());
    old.rig.nft(old.steering.unblockScript());
    old.expectGuest();
  }

  @Test
  void forwardsToTheGuestWhatStillComesToTheHostsMac() throws Exception {
    hold();
    site.peer.ip("neigh replace " + OldSite.OLD4 + " lladdr " + OldSite.BRIDGE_MAC + " dev eth0");
    site.peer.ip("neigh replace " + OldSite.OLD6 + " lladdr " + OldSite.BRIDGE_MAC + " dev eth0");
    old.rig.nft(old.steering.unholdScript());
    old.rig.nft(old.steering.unblockScript());
    long errors = old.errorsHeard();
    old.expectGuest();
    assertThat(old.errorsHeard()).isEqualTo(errors); // no redirect either
  }

  @Test
  void blocksThePortOfAGuestThatShouldBePaused() throws Exception {
    hold();
    assertThat(Pings.answeredSoon(site.guest, "10.11.0.1")).isZero();
    assertThat(Pings.answeredSoon(site.guest, "fd11::1")).isZero();
  }

  @Test
  void forwardsNothingForOthers() throws Exception {
    site.peer.ip("route add 192.0.2.2/32 via 10.11.0.2");
    site.peer.ip("-6 route add 2001:db8:2::2/128 via fd11::2");
    assertThat(Pings.answeredSoon(site.peer, "192.0.2.2")).isZero();
    assertThat(Pings.answeredSoon(site.peer, "2001:db8:2::2")).isZero();
    hold();
    assertThat(Pings.answeredSoon(site.peer, "192.0.2.2")).isZero();
    assertThat(Pings.answeredSoon(site.peer, "2001:db8:2::2")).isZero();
  }

  @Test
  void takesBackAllThatItMade() throws Exception {
    hold();
    old.expectCapture();
    assertThat(old.rig.undoAll()).isEmpty();
    old.rig.close();
    assertThat(Snapshot.differences(old.before, Snapshot.of(site.host))).isEmpty();
    for (Namespace from : List.of(site.client, site.router, site.peer)) {
      assertThat(Pings.answered(from, OldSite.OLD4)).isOne();
    }
  }

  @Test
  void isTakenOverByANewProcess() throws Exception {
    hold();
    long errors = old.errorsHeard();
    old.rig.die();
    assertThat(Pings.answeredSoon(site.client, OldSite.OLD4)).isZero();
    assertThat(Pings.answeredSoon(site.client, OldSite.OLD6)).isZero();
    assertThat(old.errorsHeard()).as("the dead daemon's kernel says nothing").isEqualTo(errors);
    old.rig.restart();
    old.expectCapture();
    assertThat(old.rig.undoAll()).isEmpty();
    old.rig.close();
    assertThat(Snapshot.differences(old.before, Snapshot.of(site.host))).isEmpty();
  }
}
