package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.suite.SideBySide;
import dev.holdfast.tunnel.packet.IpAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Hosts as they are: a guest moves between hosts that are attached otherwise than the demo's. Each
 * test takes the demo's lab, rebuilds it and moves a guest with a few connections.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class HostsIT {
  private static final int CONNECTIONS = 8;

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  private static List<Clients> clients(Lab lab, LabAddresses addresses) {
    var dialling = new Clients(lab.client(), addresses.client(), CONNECTIONS / 2);
    return List.of(dialling, dialling.byTheGuest());
  }

  /**
   * The bridges only carry the guest's LAN; the hosts themselves are reached by another network,
   * and check sources strictly.
   *
   * <pre>
   *   guest 10.1.0.10 - br0 (no address) old host eth1 10.3.0.2 - router - eth1 10.4.0.2 new host
   * </pre>
   */
  @SideBySide
  @Test
  void bridgesWithoutAnAddress() throws Exception {
    bridgesWithoutAnAddress("tun");
  }

  @Tag("suite-ways")
  @SideBySide
  @Test
  void bridgesWithoutAnAddressByPcap() throws Exception {
    bridgesWithoutAnAddress("pcap");
  }

  private void bridgesWithoutAnAddress(String capture) throws Exception {
    Lab lab = Lab.build(LabOptions.plain().withPeer(true), cleanup);
    HostPlan old = reachedApart(lab, lab.oldHost(), "old-host", 3, capture);
    HostPlan fresh = reachedApart(lab, lab.newHost(), "new-host", 4, capture);
    LabAddresses addresses = LabAddresses.V4;
    TwoHosts hosts = TwoHosts.start(lab, addresses, old, fresh, folder, cleanup);
    Namespace neighbour = Objects.requireNonNull(lab.peer());
    List<Clients> clients =
        List.of(
            new Clients(lab.client(), addresses.client(), CONNECTIONS),
            new Clients(neighbour, addresses.peer(), CONNECTIONS / 2));
    hosts.move(
        hosts.request("tls"), clients, () -> new GuestCable(lab).takeNewAddresses(), cleanup);
  }

  private static HostPlan reachedApart(
      Lab lab, Namespace host, String name, int network, String capture) throws Exception {
    String link = "10." + network + ".0.";
    lab.router()
        .ip(
            "link add apart" + network + " type veth peer name eth1 netns " + host,
            "link set apart" + network + " up",
            "addr add " + link + "1/24 dev apart" + network);
    host.ip(
        "addr flush dev " + Lab.BRIDGE + " scope global",
        "link set eth1 up",
        "addr add " + link + "2/24 dev eth1",
        "route add default via " + link + "1 dev eth1");
    for (String device : List.of("all", Lab.BRIDGE, "eth1")) {
      host.sysctl("net/ipv4/conf/" + device + "/rp_filter", "1");
    }
    return new HostPlan(name, host, IpAddress.parse(link + "2"), "eth1", 4, capture);
  }

  /**
   * No bridge: each host has a route to the guest's one address, and the guest a gateway that is
   * the same everywhere.
   *
   * <pre>
   *   router - 10.1.0.2 old host, 10.1.0.10/32 by vnet3 - guest, default route by 169.254.1.1
   * </pre>
   */
  @SideBySide
  @ParameterizedTest
  @CsvSource({"4, tun", "6, tun", "4, pcap"})
  void aRoutedGuest(int family, String newCapture) throws Exception {
    Lab lab = routedLab();
    LabAddresses addresses = family == 4 ? LabAddresses.V4 : LabAddresses.V6;
    TwoHosts hosts = start(lab, addresses, "tun", newCapture);
    hosts.move(
        hosts.request("tls", null, Lab.OLD_PORT, Lab.NEW_PORT),
        clients(lab, addresses),
        () ->
            lab.guest()
                .ip(
                    "addr change 10.1.0.10/32 dev eth0 preferred_lft 0",
                    "addr add 10.2.0.10/32 dev eth0",
                    "addr change fd00:1::10/128 dev eth0 preferred_lft 0",
                    "addr add fd00:2::10/128 dev eth0 nodad"),
        cleanup);
  }

  /** What this host routes to the guest, pcap would not see. */
  @SideBySide
  @Test
  void aRoutedGuestIsNotCapturedByPcap() throws Exception {
    Lab lab = routedLab();
    TwoHosts hosts = start(lab, LabAddresses.V4, "pcap", "tun");
    var request = hosts.request("tls", null, Lab.OLD_PORT, Lab.NEW_PORT);
    assertThat(hosts.old().control().plan(request).checks())
        .filteredOn(check -> check.result().equals("failed"))
        .singleElement()
        .satisfies(check -> {
          assertThat(check.name()).isEqualTo("capture");
          assertThat(check.detail()).contains("routes 10.1.0.10 out by " + Lab.OLD_PORT);
          assertThat(check.fix()).contains("--capture tun");
        });
    assertThatThrownBy(() -> hosts.arm(request))
        .hasMessageContaining("pcap sees only what comes in");
    hosts.nothingIsLeft();
  }

  private TwoHosts start(Lab lab, LabAddresses addresses, String oldCapture, String newCapture)
      throws Exception {
    return TwoHosts.start(
        lab,
        addresses,
        new HostPlan("old-host", lab.oldHost(), addresses.oldHost(), Lab.BRIDGE, 4, oldCapture),
        new HostPlan("new-host", lab.newHost(), addresses.newHost(), Lab.BRIDGE, 4, newCapture),
        folder,
        cleanup);
  }

  private Lab routedLab() throws Exception {
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    routed(lab.oldHost(), Lab.OLD_PORT, "10.1.0.10/32", "fd00:1::10/128");
    routed(lab.newHost(), Lab.NEW_PORT, "10.2.0.10/32", "fd00:2::10/128");
    lab.router()
        .ip(
            "route add 10.1.0.10/32 via 10.1.0.2",
            "route add 10.2.0.10/32 via 10.2.0.2",
            "route add fd00:1::10/128 via fd00:1::2",
            "route add fd00:2::10/128 via fd00:2::2");
    lab.guest()
        .ip(
            "addr flush dev eth0 scope global",
            "addr add 10.1.0.10/32 dev eth0",
            "addr add fd00:1::10/128 dev eth0 nodad",
            "route add 169.254.1.1 dev eth0",
            "route replace default via 169.254.1.1 dev eth0 quickack 1",
            "route replace default via fe80::1 dev eth0 quickack 1");
    return lab;
  }

  private static void routed(Namespace host, String port, String v4, String v6) throws Exception {
    host.sysctl("net/ipv6/conf/" + port + "/disable_ipv6", "0");
    host.ip(
        "link set " + port + " nomaster",
        "addr add 169.254.1.1/32 dev " + port,
        "addr add fe80::1/64 dev " + port + " nodad",
        "route add " + v4 + " dev " + port,
        "route add " + v6 + " dev " + port);
  }
}
