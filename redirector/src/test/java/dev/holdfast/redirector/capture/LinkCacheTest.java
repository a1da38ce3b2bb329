package dev.holdfast.redirector.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.steer.HostFacts.LanRoute;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is remembered of a LAN, and what leads where. */
class LinkCacheTest {
  private static final long LINK = LinkAddress.of(MacAddress.parse("52:54:00:10:00:10"), -1);

  @Test
  void aLinkAddressIsAMacAndATag() {
    long tagged = LinkAddress.of(MacAddress.parse("fe:ff:ff:ff:ff:ff"), 0);
    assertThat(LinkAddress.mac(tagged)).isEqualTo(0xfeff_ffff_ffffL);
    assertThat(LinkAddress.vlan(tagged)).isZero();
    assertThat(LinkAddress.vlan(LINK)).isEqualTo(-1);
    assertThat(LinkAddress.vlan(LinkAddress.of(1, 4095))).isEqualTo(4095);
  }

  @Test
  void whatIsOldIsNotFresh() {
    var cache = new LinkCache();
    cache.put(1, 2, LINK, 100);
    assertThat(cache.get(1, 2, 100)).isEqualTo(LINK);
    assertThat(cache.get(1, 2, 101)).isEqualTo(LinkAddress.NONE);
    assertThat(cache.get(1, 2, Long.MIN_VALUE)).isEqualTo(LINK);
    assertThat(cache.get(2, 1, Long.MIN_VALUE)).isEqualTo(LinkAddress.NONE);
  }

  @Test
  void aFloodOfAddressesDisplacesAndNeverGrows() {
    var cache = new LinkCache();
    int found = 0;
    for (int i = 0; i < 200_000; i++) {
      cache.put(0, i, LINK, i);
    }
    for (int i = 0; i < 200_000; i++) {
      found += cache.get(0, i, Long.MIN_VALUE) == LINK ? 1 : 0;
    }
    assertThat(found).isBetween(10_000, 16_384);
    assertThat(cache.get(0, 199_999, Long.MIN_VALUE)).isEqualTo(LINK);
  }

  @Test
  void theLongestPrefixLeads() {
    IpAddress gateway = IpAddress.parse("10.1.0.1");
    IpAddress other = IpAddress.parse("10.1.0.2");
    var hops =
        new NextHops(
            List.of(
                new LanRoute(IpPrefix.parse("0.0.0.0/0"), gateway),
                new LanRoute(IpPrefix.parse("10.1.0.0/24"), null),
                new LanRoute(IpPrefix.parse("192.0.2.0/24"), other),
                new LanRoute(IpPrefix.parse("192.0.0.0/16"), gateway)));
    assertThat(hops.to(IpAddress.parse("10.1.0.77"))).isEqualTo(IpAddress.parse("10.1.0.77"));
    assertThat(hops.to(IpAddress.parse("192.0.2.1"))).isEqualTo(other);
    assertThat(hops.to(IpAddress.parse("192.0.3.1"))).isEqualTo(gateway);
    assertThat(hops.to(IpAddress.parse("8.8.8.8"))).isEqualTo(gateway);
    assertThat(hops.to(IpAddress.parse("fd00::1"))).isNull();
  }

  @Test
  void theFilterSaysWhatEachMigrationWants() {
    var filter = new CaptureFilter();
    List<IpAddress> olds = List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00::10"));
    assertThat(filter).hasToString(FrameTap.NOTHING);
    filter.capture("one", olds);
    assertThat(filter.toString())
        .contains("((ip dst 10.1.0.10 or arp dst 10.1.0.10 or ip6 dst fd00::10))")
        .contains("or (vlan and (not ether multicast and ");
    filter.answers("two", olds, MacAddress.parse("52:54:00:10:00:10"));
    filter.captureStrays("one", olds, MacAddress.parse("02:00:00:00:00:01"));
    assertThat(filter.toString())
        .contains("(ether dst 02:00:00:00:00:01 and (ip dst 10.1.0.10")
        .contains("(ether src 52:54:00:10:00:10 and (ip src 10.1.0.10 or ip6 src fd00::10))");
    filter.nothing("one");
    filter.nothing("two");
    assertThat(filter).hasToString(FrameTap.NOTHING);
  }
}
