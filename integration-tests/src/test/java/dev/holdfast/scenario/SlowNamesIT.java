package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.load.Phase;
import dev.holdfast.redirector.demo.load.Workload;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView.DnsView;
import dev.holdfast.tunnel.packet.IpAddress;
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
 * A guest with two names moves while the name server's answers do not come: the redirect waits for
 * nothing, and the names follow when the server is back.
 *
 * <pre>
 *   router 10.1.0.1 (name server, cut off) --- old host (daemon) === new host (daemon, guest)
 * </pre>
 */
@Tag("suite-tools")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class SlowNamesIT {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String SECOND_NAME = "www.lab.test";

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void theRedirectDoesNotWaitForTheNames() throws Exception {
    LabAddresses addresses = LabAddresses.V4;
    IpAddress old = addresses.guestOld();
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    TwoHosts hosts = TwoHosts.start(lab, addresses, folder, cleanup);
    hosts.names().alsoCall("www", old);
    var clients = List.of(new Clients(lab.client(), addresses.client(), 4));
    Workload workload = Workload.open(lab.guest(), old, clients, false, 1, cleanup);
    hosts.arm(withBothNames(hosts.request("tls")));
    nft(lab, "add table inet silent");
    nft(lab, "add chain inet silent in { type filter hook input priority 0 ; }");
    nft(lab, "add rule inet silent in meta l4proto { tcp, udp } th dport { 53, 54 } drop");

    GuestCable cable = new GuestCable(lab);
    workload.enter(Phase.DURING);
    hosts.hold();
    cable.unplug();
    cable.plugInAtNewHost();
    cable.takeNewAddresses();
    hosts.release();
    workload.enter(Phase.AFTER);
    assertThat(workload.awaitMoved(LIMIT, moved -> {})).as("connections that stall").isZero();
    assertThat(hosts.old().control().show(TwoHosts.NAME).state())
        .isEqualTo(MigrationState.REDIRECTING.label());
    assertThat(names(hosts))
        .as("all connections have moved, and no name yet")
        .allSatisfy(each -> assertThat(each.now()).containsExactly(old.toString()))
        .extracting(DnsView::name)
        .containsExactly("vm.lab.test", SECOND_NAME);

    nft(lab, "delete table inet silent");
    long end = System.nanoTime() + LIMIT.toNanos();
    while (names(hosts).stream().anyMatch(each -> each.lastStaleEpochNanos() == 0)) {
      assertThat(System.nanoTime()).as("%s", names(hosts)).isLessThan(end);
      Thread.sleep(50);
    }
    String fresh = addresses.guestNew().toString();
    assertThat(names(hosts)).allSatisfy(each -> assertThat(each.now()).containsExactly(fresh));
    assertThat(hosts.names().records())
        .anyMatch(each -> each.startsWith("www") && each.endsWith(fresh))
        .noneMatch(each -> each.endsWith(" " + old));

    assertThat(workload.finish(LIMIT))
        .hasSize(4)
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));
    hosts.awaitDone(LIMIT);
    hosts.nothingIsLeft();
  }

  private static List<DnsView> names(TwoHosts hosts) throws Exception {
    return Objects.requireNonNull(hosts.old().control().show(TwoHosts.NAME).dns()).all();
  }

  private static void nft(Lab lab, String command) throws Exception {
    String[] words = ("nft " + command).split(" ");
    String unused = dev.holdfast.redirector.demo.lab.Tool.run(lab.router().within(words));
  }

  private static MigrationRequest withBothNames(MigrationRequest one) {
    return MigrationRequest.of(
            one.name(), one.oldAddresses(), one.newAddresses(), one.remote(), one.deliver())
        .from(one.from())
        .guestPort(one.guestPort())
        .guestMac(one.guestMac())
        .dnsName(one.dnsName() + "," + SECOND_NAME)
        .dnsAddresses(one.dnsAddresses())
        .encapsulation(one.encapsulation())
        .holdPolicy(one.holdPolicy())
        .flowListCommand(one.flowListCommand())
        .capture(one.capture())
        .returnPath(one.returnPath())
        .request();
  }
}
