package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.load.Phase;
import dev.holdfast.redirector.demo.load.Workload;
import dev.holdfast.redirector.demo.measure.HeaderLog;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.demo.measure.TcpHeader;
import dev.holdfast.tunnel.packet.IpAddress;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The lab itself, without Holdfast; the lab's package draws it. */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class LabIT {
  /** No frame comes from it: the kernel moves a static entry to where it hears a MAC. */
  private static final String NOBODY = "52:54:00:99:99:99";

  private final Cleanup cleanup = new Cleanup();

  @AfterEach
  void everythingIsGone() throws Exception {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
    assertThat(Tool.run(List.of("ip", "netns", "list"))).doesNotContain(LabOptions.ofThisProcess());
  }

  private static void ping(Namespace from, IpAddress to) throws Exception {
    Tool.run(from.within("ping", "-n", "-q", "-c", "1", "-W", "2", to.toString()));
  }

  @Test
  void everyMachineReachesEveryOther() throws Exception {
    Lab lab = Lab.build(LabOptions.plain().withPeer(true).withDelay(Duration.ofMillis(5)), cleanup);
    for (LabAddresses addresses : List.of(LabAddresses.V4, LabAddresses.V6)) {
      ping(lab.client(), addresses.guestOld());
      ping(lab.client(), addresses.newHost());
      ping(lab.guest(), addresses.peer());
      ping(lab.guest(), addresses.newHost());
      ping(lab.oldHost(), addresses.newHost());
    }
  }

  @Test
  void theGuestMovesAndKeepsItsOldAddress() throws Exception {
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    KernelSnapshot before = KernelSnapshot.of(lab.oldHost());
    KernelSnapshot newBefore = KernelSnapshot.of(lab.newHost());
    GuestCable cable = new GuestCable(lab);
    cable.unplug();
    assertThat(lab.guest().query("-br", "link", "show", "eth0")).contains("NO-CARRIER");
    assertThat(lab.oldHost().query("-br", "link", "show", Lab.OLD_PORT)).contains("NO-CARRIER");
    cable.plugInAtNewHost();
    cable.takeNewAddresses();
    for (LabAddresses addresses : List.of(LabAddresses.V4, LabAddresses.V6)) {
      ping(lab.client(), addresses.guestNew());
      assertThat(lab.guest().query("-o", "addr", "show", "eth0"))
          .contains(addresses.guestOld() + "/")
          .contains("deprecated");
      String family = addresses.client().isV4() ? "-4" : "-6";
      assertThat(lab.guest().query(family, "route", "show"))
          .contains("default via " + addresses.newGateway())
          .doesNotContain(addresses.oldLan());
    }
    assertThat(before.differences(KernelSnapshot.of(lab.oldHost()), line -> false)).isEmpty();
    assertThat(newBefore.differences(KernelSnapshot.of(lab.newHost()), line -> false)).isEmpty();
  }

  @Test
  void whatIsLeftOnAHostIsFound() throws Exception {
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    Namespace host = lab.oldHost();
    KernelSnapshot before = KernelSnapshot.of(host);
    host.ip(
        "route add 10.1.0.10/32 via 10.1.0.1 table 4754",
        "neigh add proxy 10.1.0.10 dev br0",
        "addr add 10.1.0.99/32 dev br0",
        "link set br0 address 52:54:00:a1:00:02",
        "link set br0 address 52:54:00:a1:00:99",
        "neigh add 10.1.0.77 lladdr 02:00:00:00:00:77 dev br0 nud permanent",
        "tuntap add hf0 mode tun");
    host.query("-6", "rule", "add", "from", "fd00:1::10", "lookup", "4754");
    host.sysctl("net/ipv4/conf/br0/proxy_arp", "1");
    Tool.run(host.within("nft", "add", "table", "bridge", "holdfast"));
    Tool.run(host.within("bridge", "fdb", "replace", NOBODY, "dev", "eth0", "master", "static"));
    host.sysctl("net/ipv4/neigh/br0/proxy_delay", "0");
    String left = String.join("\n", before.differences(KernelSnapshot.of(host), line -> false));
    assertThat(left)
        .contains(
            "left: route: 10.1.0.10 via 10.1.0.1 dev br0 table 4754",
            "left: rule: ",
            "left: neighbour: 10.1.0.77",
            "left: neighbour proxy: 10.1.0.10",
            "left: address: br0 10.1.0.99/32",
            "left: mac: br0 52:54:00:a1:00:99",
            "left: device: hf0",
            "left: sysctl: net/ipv4/conf/br0/proxy_arp = 1",
            "left: sysctl: net/ipv4/neigh/br0/proxy_delay = 0",
            "missing: sysctl: net/ipv4/neigh/br0/proxy_delay = 80",
            "left: nft: table bridge holdfast",
            "left: forwarding entry: " + NOBODY + " dev eth0")
        .doesNotContain("/hf0/");
  }

  @Test
  void theLowestMacIsTheBridges() throws Exception {
    Lab lab = Lab.build(LabOptions.plain().withLowestMac(true), cleanup);
    assertThat(lab.oldHost().query("-o", "link", "show", Lab.BRIDGE)).contains("02:00:00:00:00:03");
    new GuestCable(lab).deleteOldPort();
    assertThat(lab.oldHost().query("-o", "link", "show", Lab.BRIDGE))
        .doesNotContain("02:00:00:00:00:03");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void connectionsOfAGuestThatStaysSurvive(boolean ipv6) throws Exception {
    LabAddresses addresses = ipv6 ? LabAddresses.V6 : LabAddresses.V4;
    Lab lab = Lab.build(LabOptions.plain().withDelay(Duration.ofMillis(20)), cleanup);
    // The guest serves from the new site, behind the delay.
    GuestCable cable = new GuestCable(lab);
    cable.unplug();
    cable.plugInAtNewHost();
    cable.takeNewAddresses();
    var log = new HeaderLog(addresses.guestNew());
    Tap tap =
        Tap.open(
            lab.client(),
            "eth0",
            "tcp",
            null,
            (epochNanos, headers) -> {
              TcpHeader header = TcpHeader.of(headers);
              if (header != null) {
                log.add(epochNanos, header);
              }
            });
    cleanup.add("tap", tap::close);
    Workload workload =
        Workload.open(
            lab.guest(),
            addresses.guestNew(),
            List.of(new Clients(lab.client(), addresses.client(), 16)),
            false,
            1,
            cleanup);
    workload.enter(Phase.DURING);
    workload.enter(Phase.AFTER);
    assertThat(workload.awaitMoved(Duration.ofSeconds(20), moved -> {})).isZero();
    List<ConnectionResult> results = workload.finish(Duration.ofSeconds(20));
    assertThat(results).hasSize(16).allMatch(each -> each.outcome() == Outcome.SURVIVED);
    tap.close();
    var traces = log.traces();
    assertThat(traces).hasSize(16);
    traces.forEach((connection, trace) ->
        assertThat(trace.roundTrip(0, Long.MAX_VALUE).getAsLong())
            .as("the delay is there in both directions, %s", connection)
            .isGreaterThanOrEqualTo(40_000_000));
  }
}
