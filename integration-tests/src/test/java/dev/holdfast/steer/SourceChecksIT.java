package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.steer.EndpointSteering;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Hosts check sources (rp_filter) and answer ARP (arp_ignore, proxy_delay) as their operators like
 * it; capture and delivery work without their help, and leave every setting as it was.
 */
class SourceChecksIT {
  private static final List<IpAddress> OLD =
      List.of(IpAddress.parse(OldSite.OLD4), IpAddress.parse(OldSite.OLD6));

  @TempDir private Path folder;

  private static void set(Namespace host, int all, int device, int ignore, int delay)
      throws Exception {
    host.run(
        "sysctl",
        "-qw",
        "net.ipv4.conf.all.rp_filter=" + all,
        "net.ipv4.conf.default.rp_filter=" + device,
        "net.ipv4.conf.br0.rp_filter=" + device,
        "net.ipv4.conf.all.arp_ignore=" + ignore,
        "net.ipv4.conf.br0.arp_ignore=" + ignore,
        "net.ipv4.neigh.br0.proxy_delay=" + delay);
  }

  @ParameterizedTest
  @CsvSource({"0, 0, 0, 80", "1, 1, 1, 0", "2, 2, 2, 80", "1, 0, 2, 80", "0, 1, 8, 80"})
  void atTheOldHost(int all, int device, int ignore, int delay) throws Exception {
    try (ArmedOldSite old =
        new ArmedOldSite(folder, site -> set(site.host, all, device, ignore, delay))) {
      old.rig.nft(old.steering.holdScript());
      old.expectCapture();
      // The kernel's own answer, for when the daemon is dead.
      old.site.router.ip("neigh flush dev east");
      assertThat(Pings.answered(old.site.client, OldSite.OLD4)).isOne();
      assertThat(old.site.router.ip("neigh show " + OldSite.OLD4)).contains(OldSite.BRIDGE_MAC);
      assertThat(old.rig.undoAll()).isEmpty();
      old.rig.close();
      assertThat(Snapshot.differences(old.before, Snapshot.of(old.site.host))).isEmpty();
    }
  }

  /** Peers come by the bridge; the host itself sends to them by its management network. */
  @Test
  void atAnOldHostWithItsOwnWayOut() throws Exception {
    try (ArmedOldSite old =
        new ArmedOldSite(
            folder,
            site -> {
              set(site.host, 1, 1, 0, 80);
              site.host.ip("link add mgmt type veth peer name mgmt1");
              site.host.ip("link set mgmt up");
              site.host.ip("link set mgmt1 up");
              site.host.ip("addr add 198.51.100.2/24 dev mgmt");
            })) {
      old.site.host.ip("route replace 192.0.2.0/24 via 198.51.100.1 dev mgmt");
      old.rig.nft(old.steering.holdScript());
      old.rig.tun.forget();
      assertThat(Pings.answeredSoon(old.site.client, OldSite.OLD4)).isZero(); // goes out by mgmt
      old.rig.tun.await(seen -> seen.destination().equals(OLD.getFirst()));
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 0, 0, 80", "1, 1, 1, 0", "2, 2, 2, 80", "1, 0, 2, 80", "0, 1, 8, 80"})
  void atTheNewHost(int all, int device, int ignore, int delay) throws Exception {
    NewSite site = new NewSite();
    set(site.host, all, device, ignore, delay);
    List<String> before = Snapshot.of(site.host);
    try (Rig rig = new Rig(site.host, folder)) {
      SteeringPlan plan = NewSite.plan();
      rig.arm(new EndpointSteering(plan, rig.facts), plan);
      site.rememberGateways();
      for (IpAddress old : OLD) {
        IpAddress peer = IpAddress.parse(old.isV4() ? "192.0.2.2" : "2001:db8:2::2");
        rig.tun.send(new PacketBuilder(peer, old).icmp(old.isV4() ? 8 : 128, 0, 1).payload(56));
        rig.tun.await(seen ->
            seen.source().equals(old)
                && seen.destination().equals(peer)
                && seen.icmpType() == (old.isV4() ? 0 : 129));
      }
      assertThat(rig.undoAll()).isEmpty();
      rig.close();
      assertThat(Snapshot.differences(before, Snapshot.of(site.host))).isEmpty();
    } finally {
      site.close();
    }
  }
}
