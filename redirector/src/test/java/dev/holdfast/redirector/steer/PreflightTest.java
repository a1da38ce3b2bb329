package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PreflightTest {
  private static final MacAddress GUEST = MacAddress.parse("52:54:00:00:00:10");
  private static final List<IpAddress> OLD = List.of(IpAddress.parse("10.1.0.10"));
  private static final List<IpAddress> OLD6 = List.of(IpAddress.parse("fd00:1::10"));

  @TempDir private Path folder;
  private final FakeKernel kernel = new FakeKernel();
  private final HostFacts facts = new HostFacts(kernel);
  private KernelLedger ledger;
  private Preflight preflight;

  @BeforeEach
  void describeHost() throws IOException {
    ledger = KernelLedger.open(folder.resolve("ledger"), kernel);
    preflight = new Preflight("host-a", facts, ledger);
    kernel.answer(
        "ip -d link show",
        """
        [{"ifname":"br0","flags":["BROADCAST","UP"],"mtu":1500,"link_type":"ether",
          "address":"02:00:00:00:00:01","linkinfo":{"info_kind":"bridge"}},
         {"ifname":"vnet3","flags":["UP"],"mtu":1500,"link_type":"ether",
          "address":"fe:54:00:00:00:10","master":"br0"},
         {"ifname":"eth1","flags":[],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:09"}]
        """);
    kernel.answer(
        "ip addr show",
        "[{\"ifname\":\"br0\",\"addr_info\":[{\"local\":\"10.1.0.2\",\"prefixlen\":24}]}]");
    kernel.answer("sysctl net/ipv4/conf/br0/forwarding", "0");
    kernel.answer("ip -4 route show dev br0", "[{\"dst\":\"10.1.0.0/24\"}]");
    kernel.answer(
        "ip rule show",
        "[{\"priority\":0,\"table\":\"local\"},{\"priority\":32766,\"table\":\"main\"}]");
  }

  private static Check only(List<Check> checks, String name) {
    return checks.stream().filter(check -> check.name().equals(name)).findFirst().orElseThrow();
  }

  private void expectFailed(List<Check> checks, String name, String detail) {
    Check check = only(checks, name);
    assertThat(check.result()).as("%s", check).isEqualTo("failed");
    assertThat(check.detail()).contains(detail);
    assertThat(check.fix()).isNotBlank();
    assertThat(check.host()).isEqualTo("host-a");
    assertThat(Preflight.passes(checks)).isFalse();
  }

  @Test
  void aGoodRedirectorPasses() {
    List<Check> checks = preflight.redirector(OLD, "br0", "vnet3", GUEST);
    assertThat(checks).isNotEmpty().allMatch(check -> check.result().equals("ok"));
    assertThat(checks).allMatch(check -> check.fix().isEmpty());
    assertThat(Preflight.passes(checks)).isTrue();
  }

  @Test
  void theInterfaceMustBeThereAndUp() {
    expectFailed(preflight.redirector(OLD, "br7", null, GUEST), "from interface", "no interface");
    expectFailed(preflight.redirector(OLD, "eth1", null, GUEST), "from interface", "is down");
    expectFailed(preflight.redirector(OLD, null, "tap9", GUEST), "from interface", "on no bridge");
    expectFailed(
        preflight.endpoint(OLD, List.of(), GUEST, "br7", List.of()),
        "deliver interface",
        "no interface br7");
  }

  @Test
  void thePortMustBeOnTheBridge() {
    expectFailed(preflight.redirector(OLD, "br0", "eth1", GUEST), "guest port", "on no bridge");
    expectFailed(preflight.redirector(OLD, "br0", "tap9", GUEST), "guest port", "no interface");
  }

  @Test
  void aPortOnNoBridgeIsARoutedGuests() {
    List<Check> checks = preflight.redirector(OLD, "vnet3", "vnet3", GUEST);
    assertThat(only(checks, "guest port").result()).isEqualTo("ok");
    assertThat(only(checks, "guest port").detail()).contains("routed");
  }

  @Test
  void whatPassesByThisHostsKernelIsNamed() {
    kernel.answer(
        "ip -d link show",
        """
        [{"ifname":"ovs-system","flags":["UP"],"link_type":"ether","address":"02:00:00:00:00:31",
          "linkinfo":{"info_kind":"openvswitch"}},
         {"ifname":"br-int","flags":["UP"],"link_type":"ether","address":"02:00:00:00:00:32",
          "linkinfo":{"info_kind":"openvswitch"}},
         {"ifname":"tap1","flags":["UP"],"link_type":"ether","address":"02:00:00:00:00:33",
          "master":"ovs-system","linkinfo":{"info_kind":"tun"}},
         {"ifname":"macvtap0","flags":["UP"],"link_type":"ether","address":"02:00:00:00:00:34",
          "link":"eth0","linkinfo":{"info_kind":"macvtap"}},
         {"ifname":"enp1s0f0","flags":["UP"],"link_type":"ether","address":"02:00:00:00:00:35",
          "vfinfo_list":[{"vf":0,"address":"52:54:00:10:00:10"}]}]
        """);
    for (var each :
        Map.of(
                "br-int", "Open vSwitch",
                "tap1", "port of Open vSwitch",
                "macvtap0", "macvtap",
                "enp1s0f0", "SR-IOV")
            .entrySet()) {
      List<Check> old = preflight.redirector(OLD, each.getKey(), each.getKey(), GUEST);
      expectFailed(failed(old), "from interface", each.getValue());
      List<Check> fresh = preflight.endpoint(OLD, List.of(), GUEST, each.getKey(), List.of());
      expectFailed(failed(fresh), "deliver interface", each.getValue());
    }
  }

  private static List<Check> failed(List<Check> checks) {
    return checks.stream().filter(check -> check.result().equals("failed")).toList();
  }

  @Test
  void theGuestsMacMustBeItsOwn() {
    expectFailed(preflight.redirector(OLD, "br0", null, null), "guest MAC", "not known");
    expectFailed(
        preflight.redirector(OLD, "br0", null, MacAddress.BROADCAST), "guest MAC", "single");
    expectFailed(
        preflight.redirector(OLD, "br0", null, MacAddress.parse("fe:54:00:00:00:10")),
        "guest MAC",
        "vnet3");
  }

  @Test
  void theOldAddressMustNotBeOurs() {
    List<IpAddress> ours = List.of(IpAddress.parse("10.1.0.2"));
    expectFailed(preflight.redirector(ours, "br0", null, GUEST), "old address", "on br0");
    expectFailed(
        preflight.endpoint(ours, List.of(), GUEST, "br0", List.of()), "old address", "on br0");
  }

  @Test
  void anOldAddressOutsideTheLanIsWarnedOf() {
    List<Check> checks =
        preflight.redirector(List.of(IpAddress.parse("10.7.0.1")), "br0", null, GUEST);
    assertThat(only(checks, "old LAN").result()).isEqualTo("warning");
    assertThat(Preflight.passes(checks)).isTrue();
  }

  @Test
  void bothLansMustNotOverlap() {
    List<IpPrefix> wider = List.of(IpPrefix.parse("10.0.0.0/8"));
    expectFailed(
        preflight.endpoint(OLD, List.of(), GUEST, "br0", wider), "separate LANs", "10.1.0.0/24");
    List<IpPrefix> inside = List.of(IpPrefix.parse("10.1.0.128/25"));
    expectFailed(
        preflight.endpoint(OLD, List.of(), GUEST, "br0", inside), "separate LANs", "overlaps");
    expectFailed(
        preflight.endpoint(
            OLD,
            List.of(IpAddress.parse("10.9.0.7")),
            GUEST,
            "br0",
            List.of(IpPrefix.parse("10.9.0.0/24"))),
        "separate LANs",
        "10.9.0.7");
    List<IpPrefix> apart = List.of(IpPrefix.parse("10.2.0.0/24"));
    assertThat(Preflight.passes(preflight.endpoint(OLD, List.of(), GUEST, "br0", apart))).isTrue();
  }

  @Test
  void ipv6NeedsForwardingOrAKernelThatCanDoItPerInterface() {
    expectFailed(preflight.redirector(OLD6, "br0", null, GUEST), "IPv6 forwarding", "no IPv6");
    kernel.answer("sysctl net/ipv6/conf/all/forwarding", "0");
    expectFailed(preflight.redirector(OLD6, "br0", null, GUEST), "IPv6 forwarding", "6.17");
    kernel.answer("sysctl net/ipv6/conf/all/force_forwarding", "0");
    kernel.answer("sysctl net/ipv6/conf/br0/force_forwarding", "0");
    assertThat(only(preflight.redirector(OLD6, "br0", null, GUEST), "IPv6 forwarding").result())
        .isEqualTo("ok");
  }

  @Test
  void aTakenNameIsSeen() {
    expectFailed(preflight.host("eth1"), "tun name", "is no TUN");
  }

  @Test
  void whatAnotherDaemonLeftIsSeen() throws IOException {
    kernel.answer(
        "nft list tables",
        "{\"nftables\":[{\"metainfo\":{}},{\"table\":{\"family\":\"inet\",\"name\":\"holdfast\"}}]}");
    expectFailed(preflight.host("hf0"), "leftovers", "[inet]");
    ledger.apply("m1", new KernelChange("a", List.of(new Command.Ip("a")), "no a", List.of()));
    assertThat(only(preflight.host("hf0"), "leftovers").result()).isEqualTo("ok");
  }

  @Test
  void othersUseOfOurMarksIsWarnedOf() {
    kernel.answer(
        "ip rule show",
        "[{\"priority\":100,\"table\":\"7\",\"fwmark\":\"0x10000000\",\"fwmask\":\"0xf0000000\"}]");
    assertThat(only(preflight.host("hf0"), "packet marks").result()).isEqualTo("warning");
  }

  @Test
  void aToolThatCannotBeAskedIsAFailedCheck() {
    kernel.answer("ip rule show", "this is not JSON");
    expectFailed(preflight.host("hf0"), "leftovers", "cannot read what 'ip rule show' says");
  }

  @Test
  void aFilterOfTheTunnelItselfIsSeen() {
    kernel.answer(
        "nft list ruleset",
        """
        {"nftables":[{"chain":{"family":"inet","table":"t","name":"in","type":"filter",
          "hook":"input","prio":0,"policy":"drop"}},
         {"rule":{"family":"inet","table":"t","chain":"in","handle":4,"expr":[
          {"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":22}},
          {"accept":null}]}}]}
        """);
    IpAddress here = IpAddress.parse("10.1.0.2");
    IpAddress remote = IpAddress.parse("10.2.0.2");
    List<Check> checks = preflight.tunnelFilters("br0", here, 4754, remote, OLD);
    expectFailed(checks, "filters", "table inet t, chain in: policy drop");
    assertThat(only(checks, "filters").detail()).contains("TCP port 4754", "IP protocol 4 from");
    assertThat(only(checks, "filters").fix())
        .contains("nft insert rule inet t in ip saddr 10.2.0.2 tcp dport 4754 accept")
        .contains("nft insert rule inet t in ip saddr 10.2.0.2 meta l4proto 4 accept")
        .doesNotContain("pcap");
    assertThat(preflight.tunnelFilters("br0", here, 22, remote, List.of()))
        .allMatch(check -> check.result().equals("ok"));
  }

  @Test
  void capabilitiesAreReadFromTheStatusFile() {
    assertThat(HostChecks.effectiveCapabilities(List.of("Name:\tx", "CapEff:\t0000000000003000")))
        .isEqualTo(0x3000);
  }
}
