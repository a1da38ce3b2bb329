package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.control.EventLine;
import dev.holdfast.redirector.control.EventStream;
import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.load.Phase;
import dev.holdfast.redirector.demo.load.Workload;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * The old site's DHCP server gives the old address away while the guest is tunnelled: the operator
 * is told, in {@code migration show} and among the events.
 *
 * <pre>
 *   router (DHCP server) 10.1.0.1 --- br0 of the old host --- peer (DHCP clients)
 * </pre>
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class LeaseIT {
  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final MacAddress OTHERWISE = MacAddress.parse("02:00:5e:00:53:01");
  private static final MacAddress LEASED = MacAddress.parse("02:00:5e:00:53:02");
  private static final MacAddress RELAYED = MacAddress.parse("02:00:5e:00:53:03");

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void theOperatorIsToldOfALease() throws Exception {
    leasedWhileTunnelled("tun");
  }

  @Tag("suite-ways")
  @Test
  void theOperatorIsToldOfALeaseByPcap() throws Exception {
    leasedWhileTunnelled("pcap");
  }

  private void leasedWhileTunnelled(String capture) throws Exception {
    LabAddresses addresses = LabAddresses.V4;
    IpAddress old = addresses.guestOld();
    Lab lab = Lab.build(LabOptions.plain().withPeer(true), cleanup);
    TwoHosts hosts =
        TwoHosts.start(
            lab,
            addresses,
            new HostPlan("old-host", lab.oldHost(), addresses.oldHost(), Lab.BRIDGE, 4, capture),
            new HostPlan("new-host", lab.newHost(), addresses.newHost(), Lab.BRIDGE, 4, capture),
            folder,
            cleanup);
    var clients = List.of(new Clients(lab.client(), addresses.client(), 4));
    Workload workload = Workload.open(lab.guest(), old, clients, false, 1, cleanup);
    var lan =
        new DhcpLan(
            lab.router(),
            "to-old",
            addresses.oldGateway(),
            Objects.requireNonNull(lab.peer()),
            "eth0");
    hosts.arm(hosts.request("tls"));
    GuestCable cable = new GuestCable(lab);
    workload.enter(Phase.DURING);
    hosts.hold();
    cable.unplug();
    cable.plugInAtNewHost();
    cable.takeNewAddresses();
    hosts.release();
    workload.enter(Phase.AFTER);

    try (EventStream events = hosts.old().control().events()) {
      lan.lease(OTHERWISE, IpAddress.parse("10.1.0.77"));
      lan.lease(LEASED, old);
      lan.acknowledge(RELAYED, old);
      String leased = LEASED + " asks DHCP for " + old;
      String relayed = RELAYED + " was given by DHCP " + old;
      awaitAlert(hosts, relayed);
      assertThat(alerts(hosts))
          .allSatisfy(alert -> assertThat(alert).contains("reserve it in DHCP"))
          .satisfiesExactly(
              alert -> assertThat(alert).startsWith(leased),
              alert -> assertThat(alert).startsWith(relayed));
      assertThat(nextAlert(events)).startsWith(leased);
      assertThat(nextAlert(events)).startsWith(relayed);
    }

    assertThat(workload.awaitMoved(LIMIT, moved -> {})).as("connections that stall").isZero();
    assertThat(workload.finish(LIMIT))
        .hasSize(4)
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));
    hosts.awaitDone(LIMIT);
    hosts.nothingIsLeft();
  }

  /** Those about leases. */
  private static List<String> alerts(TwoHosts hosts) throws Exception {
    return hosts.old().control().show(TwoHosts.NAME).alerts().stream()
        .filter(alert -> alert.contains("DHCP"))
        .toList();
  }

  private static void awaitAlert(TwoHosts hosts, String beginning) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (alerts(hosts).stream().noneMatch(alert -> alert.startsWith(beginning))) {
      assertThat(System.nanoTime()).as("'%s' among %s", beginning, alerts(hosts)).isLessThan(end);
      Thread.sleep(20);
    }
  }

  private static String nextAlert(EventStream events) throws Exception {
    while (true) {
      EventLine event = Objects.requireNonNull(events.next(LIMIT), "the daemon has stopped");
      if (event.type().equals("alert") && event.text().contains("DHCP")) {
        return event.text();
      }
    }
  }
}
