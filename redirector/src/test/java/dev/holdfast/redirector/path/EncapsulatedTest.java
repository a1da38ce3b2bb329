package dev.holdfast.redirector.path;

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
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;

/** What is said of the outer packet, by links that are only spoken of. */
class EncapsulatedTest {
  private static final IpAddress OLD6 = IpAddress.parse("fd00:1::10");
  private static final IpAddress PEER6 = IpAddress.parse("fd00:9::2");

  private static Explanation explain(
      IpAddress old, String local, String remote, OuterPolicy policy, PacketBuilder packet) {
    IpAddress here = IpAddress.parse(local);
    MigrationPath path = TestPaths.of(Role.REDIRECTOR, old);
    int innerMtu = here.isV4() ? 1480 : 1460;
    path.linkUp(
        0, AssumedLink.tls(), AssumedLink.ipInIp(innerMtu, here, IpAddress.parse(remote), policy));
    path.enter(MigrationState.REDIRECTING);
    PathTable table = new PathTable();
    table.add(path);
    ByteBuf bytes = Unpooled.buffer();
    packet.writeWithVnet(bytes);
    try {
      return new Explainer(
              table, any -> new MigrationFacts("web1", "b", false, "br0", "hf0", false, true))
          .outbound(bytes, 1_000);
    } finally {
      path.close();
    }
  }

  private static Explanation byV4(PacketBuilder packet) {
    return explain(OLD, "192.0.2.1", "198.51.100.1", OuterPolicy.DEFAULT, packet);
  }

  private static Explanation byV6(PacketBuilder packet) {
    return explain(OLD6, "2001:db8:1::1", "2001:db8:2::1", OuterPolicy.DEFAULT, packet);
  }

  private static Explanation.Step outer(Explanation explanation) {
    Explanation.Step last = explanation.steps().getLast();
    assertThat(last.step()).as("%s", explanation).isEqualTo("encapsulation");
    return last;
  }

  @Test
  void dontFragmentIsCopied() {
    Explanation.Step step = outer(byV4(new PacketBuilder(PEER, OLD).trafficClass(0xb8).udp(1, 2)));
    assertThat(step.result()).isEqualTo("IPv4-in-IPv4, 192.0.2.1 > 198.51.100.1");
    assertThat(step.why()).isEqualTo("20 more bytes; TTL 64, traffic class 0xb8, DF");
    assertThat(outer(byV4(new PacketBuilder(PEER, OLD).dontFragment(false).udp(1, 2))).why())
        .isEqualTo("20 more bytes; TTL 64, traffic class 0x00, may be fragmented");
  }

  @Test
  void hopLimitAndDscpAreThePolicys() {
    Explanation said =
        explain(
            OLD,
            "192.0.2.1",
            "198.51.100.1",
            new OuterPolicy(9, 10),
            new PacketBuilder(PEER, OLD).trafficClass(0xb9).udp(1, 2));
    assertThat(outer(said).why()).isEqualTo("20 more bytes; TTL 9, traffic class 0x29, DF");
  }

  @Test
  void anyFamilyGoesInAny() {
    assertThat(outer(byV6(new PacketBuilder(PEER6, OLD6).udp(1, 2))).result())
        .isEqualTo("IPv6-in-IPv6, 2001:db8:1::1 > 2001:db8:2::1");
    assertThat(
            outer(
                    explain(
                        OLD6,
                        "192.0.2.1",
                        "198.51.100.1",
                        OuterPolicy.DEFAULT,
                        new PacketBuilder(PEER6, OLD6).udp(1, 2)))
                .result())
        .isEqualTo("IPv6-in-IPv4, 192.0.2.1 > 198.51.100.1");
    assertThat(
            outer(
                    explain(
                        OLD,
                        "2001:db8:1::1",
                        "2001:db8:2::1",
                        OuterPolicy.DEFAULT,
                        new PacketBuilder(PEER, OLD).udp(1, 2)))
                .why())
        .isEqualTo("40 more bytes; hop limit 64, traffic class 0x00");
  }

  @Test
  void anEncapsulationLimitIsPassedOnAndKept() {
    byte[] one = {4, 1, 1, 1, 1, 0}; // the option with limit 1, and padding
    assertThat(outer(byV6(new PacketBuilder(PEER6, OLD6).extension(60, one).udp(1, 2))).why())
        .startsWith("48 more bytes");
    byte[] none = {4, 1, 0, 1, 1, 0};
    Explanation said = byV6(new PacketBuilder(PEER6, OLD6).extension(60, none).udp(1, 2));
    assertThat(said.dropReason()).isEqualTo("loop");
    assertThat(said.outcome()).contains("may not be encapsulated again (RFC 2473 section 4.1.1)");
  }

  /** Of a path of 1500 bytes, 1460 are left by IPv6, and 8 less where the limit goes along. */
  @Test
  void whatTheEncapsulationLimitLeavesGoesWhole() {
    byte[] one = {4, 1, 1, 1, 1, 0};
    int headers = 40 + 8 + 8;
    for (int more = 0; more < 2; more++) {
      Explanation said =
          byV6(
              new PacketBuilder(PEER6, OLD6)
                  .extension(60, one)
                  .udp(1, 2)
                  .payload(1_452 - headers + more));
      Explanation.Step size = said.steps().get(said.steps().size() - 1 - (1 - more));
      assertThat(size.result()).isEqualTo(1_452 + more + " bytes; the tunnel takes 1452 whole");
      assertThat(said.dropReason()).isEqualTo(more == 0 ? null : "too-big");
      if (more == 0) {
        assertThat(outer(said).result()).doesNotContain("fragments");
      }
    }
  }

  @Test
  void whatNobodyMayBeToldOfGoesInOuterFragments() {
    Explanation said = byV4(new PacketBuilder(PEER, OLD).icmp(3, 1, 0).payload(1_472));
    assertThat(outer(said).result()).endsWith(", in 2 fragments");
    assertThat(outer(said).why()).endsWith("may be fragmented");
    assertThat(said.outcome()).contains("in fragments of the outer packet");
  }

  @Test
  void eachSegmentHasItsOwn() {
    Explanation said =
        byV4(
            new PacketBuilder(PEER, OLD)
                .tcp(1, 2, 3, 4, PacketView.ACK, 5)
                .payload(14_400)
                .gso(1_440));
    assertThat(outer(said).result()).endsWith(", for each of 10 segments");
  }

  @Test
  void whatTheOuterHeaderMakesTooLongForIpIsDropped() {
    Explanation said = byV4(new PacketBuilder(PEER, OLD).icmp(3, 1, 0).payload(65_535 - 28));
    assertThat(said.dropReason()).isEqualTo("too-big");
    assertThat(outer(said).result()).isEqualTo("none");
  }
}
