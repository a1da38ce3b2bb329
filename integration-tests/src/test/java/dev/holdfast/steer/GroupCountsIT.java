package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.steer.EndpointSteering;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.NftCounts;
import dev.holdfast.redirector.steer.PcapSteering;
import dev.holdfast.redirector.steer.Steering;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Multicast and broadcast stay where they are, and are counted: what a guest sends on a LAN that is
 * no bridge ({@link NewSite}), and what a held guest does not hear ({@link OldSite}).
 */
class GroupCountsIT {
  private static final IpAddress OLD4 = IpAddress.parse(OldSite.OLD4);
  private static final IpAddress OLD6 = IpAddress.parse(OldSite.OLD6);

  @TempDir private Path folder;

  @ParameterizedTest(name = "by pcap: {0}")
  @ValueSource(booleans = {false, true})
  void whatTheGuestSendsOnARoutedLan(boolean byPcap) throws Exception {
    try (NewSite site = new NewSite();
        Rig rig = new Rig(site.host, folder)) {
      site.host.ip("link set gp nomaster");
      var plan =
          new SteeringPlan(
              "m1",
              List.of(OLD4, OLD6),
              List.of(),
              MacAddress.parse(OldSite.GUEST_MAC),
              "gp",
              null,
              null,
              List.of(),
              Rig.TUN);
      var tun = new EndpointSteering(plan, rig.facts);
      if (byPcap) {
        Steering pcap = PcapSteering.atEndpoint(plan);
        rig.in(() -> {
          rig.ledger.apply(KernelLedger.HOST, pcap.shared());
          rig.ledger.apply("m1", pcap.arm());
          return "armed";
        });
      } else {
        rig.arm(tun, plan);
      }
      NftCounts counts = new NftCounts(rig.kernel);
      assertThat(rig.in(() -> counts.groupPackets(List.of(OLD4, OLD6), byPcap))).isZero();

      site.rememberGateways();
      Pings.answeredSoon(site.guest, "224.0.0.251", "-I" + OldSite.OLD4);
      Pings.answeredSoon(site.guest, "10.11.0.255", "-b", "-I" + OldSite.OLD4);
      Pings.answeredSoon(site.guest, "ff02::fb%eth0", "-I" + OldSite.OLD6);
      Pings.answeredSoon(site.guest, "192.0.2.2"); // to one host: not of these
      Pings.answeredSoon(site.guest, "2001:db8:2::2");
      assertThat(rig.in(() -> counts.groupPackets(List.of(OLD4), byPcap))).isEqualTo(2);
      assertThat(rig.in(() -> counts.groupPackets(List.of(OLD6), byPcap))).isOne();
      assertThat(rig.undoAll()).isEmpty();
    }
  }

  @Test
  void whatAHeldGuestDoesNotHear() throws Exception {
    try (var old = new ArmedOldSite(folder)) {
      OldSite site = old.site;
      old.rig.nft(old.steering.holdScript());
      NftCounts counts = new NftCounts(old.rig.kernel);
      long before = old.rig.in(() -> counts.groupPacketsMissed("gp", false));
      Pings.answeredSoon(site.peer, "10.11.0.255", "-b");
      Pings.answeredSoon(site.peer, "224.0.0.251", "-I10.11.0.20");
      Pings.answeredSoon(site.host, "ff02::fb%br0");
      assertThat(old.rig.in(() -> counts.groupPacketsMissed("gp", false)))
          .isGreaterThanOrEqualTo(before + 3); // others speak to groups as well
      assertThat(old.rig.in(() -> counts.groupPacketsMissed("pp", false))).isZero();

      old.rig.nft(old.steering.unholdScript());
      old.rig.nft(old.steering.unblockScript());
      long held = old.rig.in(() -> counts.groupPacketsMissed("gp", false));
      long heard = Pings.requestsHeard(site.guest);
      Pings.answeredSoon(site.peer, "224.0.0.1", "-I10.11.0.20");
      assertThat(Pings.requestsHeard(site.guest)).isEqualTo(heard + 1);
      assertThat(old.rig.in(() -> counts.groupPacketsMissed("gp", false))).isEqualTo(held);
    }
  }
}
