package dev.holdfast.redirector.path;

import static dev.holdfast.redirector.path.ExplainerTest.between;
import static dev.holdfast.redirector.path.ExplainerTest.plain;
import static dev.holdfast.redirector.path.ExplainerTest.said;
import static dev.holdfast.redirector.path.ExplainerTest.step;
import static dev.holdfast.redirector.path.Site.OLD;
import static dev.holdfast.redirector.path.Site.PEER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import org.junit.jupiter.api.Test;

/** What is said of a super-packet that takes IP-in-IP is how it is then cut. */
class ExplainedByIpInIpTest {
  /** A migration by IP-in-IP over a path of 1500 bytes, as captures of its traffic are asked of. */
  private static Explanation byIpInIp(
      Role role, boolean byPcap, boolean outOfTunnel, PacketBuilder packet) {
    MigrationPath path = TestPaths.of(role, OLD);
    path.innerMtu(1_480);
    path.linkUp(
        0,
        AssumedLink.tls(),
        AssumedLink.ipInIp(
            1_480,
            IpAddress.parse("192.0.2.1"),
            IpAddress.parse("198.51.100.1"),
            OuterPolicy.DEFAULT));
    path.enter(MigrationState.REDIRECTING);
    PathTable table = new PathTable();
    table.add(path);
    Explainer explainer =
        new Explainer(
            table, any -> new MigrationFacts("web1", "b", byPcap, "br0", "hf0", false, false));
    try {
      return outOfTunnel
          ? explainer.fromTunnel(plain(packet), null, 1_000)
          : explainer.fromLan(plain(packet), 1_000);
    } finally {
      path.close();
    }
  }

  /** As {@link InboundPath} does it: what the sender's segments were like is not in the packet. */
  @Test
  void whatCameByIpInIpIsCutToWhatThatCarries() {
    PacketBuilder merged = between(PEER, OLD).tcp(1, 80, 5, 1, PacketView.ACK, 500).payload(9_000);
    Explanation said = byIpInIp(Role.ENDPOINT, false, true, merged);
    assertThat(said(said)).isEqualTo("delivered");
    assertThat(said.steps().getFirst().why()).contains("segments of up to 1480 bytes");
    assertThat(step(said, "size")).startsWith("1480 bytes; ");
  }

  /** As {@code capture.LanDevice} does it: its sender is not told, since nobody knows its MTU. */
  @Test
  void whatPcapFindsMergedIsCutToWhatTheTunnelCarries() {
    PacketBuilder merged = between(PEER, OLD).tcp(1, 80, 5, 1, PacketView.ACK, 500).payload(9_000);
    Explanation said = byIpInIp(Role.REDIRECTOR, true, false, merged);
    assertThat(said(said)).isEqualTo("tunnelled");
    assertThat(step(said, "size")).isEqualTo("1480 bytes; the tunnel takes 1480 whole");
    assertThat(step(byIpInIp(Role.REDIRECTOR, false, false, merged), "size"))
        .as("on a TUN the kernel knows, and by the LAN's MTU they are too long")
        .startsWith("1500 bytes; the tunnel takes 1480 whole");
  }
}
