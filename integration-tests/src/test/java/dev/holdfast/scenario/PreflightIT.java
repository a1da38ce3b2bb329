package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.host.NameService;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.migration.MigrationPlan;
import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.RequestRefused;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * The list of checks on both hosts, with two real daemons in the demo's lab: what is in the way is
 * named with its fix, plan shows it, arm refuses for it, and nothing is changed.
 *
 * <pre>
 *   old host 10.1.0.2 (br0, vnet3) --- router, DNS --- new host 10.2.0.2 (br0)
 * </pre>
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class PreflightIT {
  private static final List<String> GRANTED = List.of("10.1.0.0/24");

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** As if the guest, which runs at the old host, ran at the new one and was to come. */
  private static MigrationRequest fromTheWrongHost() {
    return MigrationRequest.of(
            "wrong", List.of("10.1.0.10"), List.of("10.1.0.77"), "old-host", Lab.BRIDGE)
        .from(Lab.BRIDGE)
        .guestMac(Lab.GUEST_MAC)
        .encapsulation("tls")
        .holdPolicy("queue")
        .flowListCommand("true")
        .request();
  }

  private static MigrationRequest request(String mac) {
    return MigrationRequest.of(
            "web1", List.of("10.1.0.10"), List.of("10.2.0.10"), "new-host", Lab.BRIDGE)
        .guestPort(Lab.OLD_PORT)
        .guestMac(mac)
        .dnsName(NameService.GUEST_NAME)
        .encapsulation("tls")
        .holdPolicy("queue")
        .flowListCommand("true")
        .request();
  }

  /** A way to break the lab, and to mend it again. */
  private interface Step {
    void run() throws Exception;
  }

  private record Site(Lab lab, DemoHost old, DemoHost fresh) {
    /** Arming is refused for checks of that host and these names, and changes neither host. */
    Check refusedFor(String mac, String host, String... names) throws Exception {
      KernelSnapshot oldBefore = KernelSnapshot.of(lab.oldHost());
      KernelSnapshot newBefore = KernelSnapshot.of(lab.newHost());
      MigrationPlan plan = old.control().plan(request(mac));
      RequestRefused refused =
          catchThrowableOfType(RequestRefused.class, () -> old.control().arm(request(mac)));
      assertThat(refused.kind()).isEqualTo(RequestRefused.Kind.REFUSED);
      assertThat(old.control().list()).isEmpty();
      assertThat(fresh.control().list()).isEmpty();
      assertThat(oldBefore.differences(KernelSnapshot.of(lab.oldHost()), line -> false)).isEmpty();
      assertThat(newBefore.differences(KernelSnapshot.of(lab.newHost()), line -> false)).isEmpty();
      Check check = failed(refused.checks(), host, names);
      assertThat(refused.getMessage()).contains(check.detail(), check.fix());
      assertThat(failed(plan.checks(), host, names).detail()).isEqualTo(check.detail());
      return check;
    }

    private static Check failed(List<Check> checks, String host, String... names) {
      assertThat(checks)
          .filteredOn(check -> check.result().equals("failed"))
          .as("%s", checks)
          .isNotEmpty()
          .allMatch(check -> check.host().equals(host))
          .allMatch(check -> List.of(names).contains(check.name()))
          .allMatch(check -> !check.fix().isEmpty());
      return checks.stream().filter(c -> c.result().equals("failed")).findFirst().orElseThrow();
    }

    void whileBroken(Step breaking, Step check, Step mending) throws Exception {
      breaking.run();
      try {
        check.run();
      } finally {
        mending.run();
      }
    }
  }

  private Site build() throws Exception {
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    LabAddresses addresses = LabAddresses.V4;
    NameService names =
        NameService.start(lab.router(), addresses.router(), addresses.guestOld(), cleanup);
    DemoHost old =
        new DemoHost(
            new HostPlan("old-host", lab.oldHost(), addresses.oldHost(), Lab.BRIDGE),
            folder.resolve("old"));
    DemoHost fresh =
        new DemoHost(
            new HostPlan("new-host", lab.newHost(), addresses.newHost(), Lab.BRIDGE),
            folder.resolve("new"));
    old.start(fresh.asRemote(GRANTED), names, cleanup);
    fresh.start(old.asRemote(GRANTED), names, cleanup);
    old.awaitReady();
    fresh.awaitReady();
    return new Site(lab, old, fresh);
  }

  private static void nft(Namespace host, String script) throws IOException {
    Tool.run(host.within("nft", "-f", "-"), script + "\n");
  }

  @Test
  void whatIsInTheWayIsNamedAndNothingIsChanged() throws Exception {
    Site site = build();
    expectSoundPlan(site.old().control().plan(request(Lab.GUEST_MAC)));

    Namespace newHost = site.lab().newHost();
    site.whileBroken(
        () ->
            nft(
                newHost,
                "table ip others { chain f { type filter hook forward priority 0; policy drop; };"
                    + " }"),
        () -> {
          Check check = site.refusedFor(Lab.GUEST_MAC, "new-host", "filters");
          assertThat(check.detail()).contains("table ip others, chain f: policy drop");
          assertThat(check.fix())
              .contains("--capture pcap", "nft insert rule ip others f iifname hf0 accept");
          expectRefusalByCommand(check);
        },
        () -> nft(newHost, "delete table ip others"));

    Check mac =
        site.refusedFor("52:54:00:99:99:99", "old-host", "old address owner", "guest port MAC");
    assertThat(mac.detail()).contains(Lab.GUEST_MAC + " answers for 10.1.0.10");

    Namespace router = site.lab().router();
    site.whileBroken(
        () -> router.ip("addr add 10.2.0.10/24 dev to-new"),
        () ->
            assertThat(site.refusedFor(Lab.GUEST_MAC, "new-host", "new address owner").detail())
                .contains(" answers for 10.2.0.10 on br0"),
        () -> router.ip("addr del 10.2.0.10/24 dev to-new"));

    expectTheGuestToStayReachableWhenArmedElsewhere(site);
    expectAlertWhenBothHostsHaveTheGuest(site);
  }

  private static void expectTheGuestToStayReachableWhenArmedElsewhere(Site site) {
    RequestRefused refused =
        catchThrowableOfType(
            RequestRefused.class, () -> site.fresh().control().arm(fromTheWrongHost()));
    assertThat(refused.checks())
        .filteredOn(check -> check.host().equals("old-host") && check.result().equals("failed"))
        .singleElement()
        .satisfies(check -> {
          assertThat(check.name()).isEqualTo("new address owner");
          assertThat(check.detail()).contains("the guest itself", Lab.GUEST_MAC, "10.1.0.10");
          assertThat(check.fix()).contains("arm at the host where the guest runs");
        });
  }

  private static void expectSoundPlan(MigrationPlan plan) {
    assertThat(plan.checks()).as("%s", plan.checks()).allMatch(c -> c.result().equals("ok"));
    for (String host : List.of("old-host", "new-host")) {
      assertThat(plan.checks())
          .filteredOn(check -> check.host().equals(host))
          .extracting(Check::name)
          .contains("privilege", "filters", "certificate", "path MTU");
      assertThat(plan.steps())
          .filteredOn(step -> step.host().equals(host))
          .extracting(MigrationPlan.Step::what)
          .contains("open the TUN hf0", "make the nft tables holdfast (bridge, inet, arp), empty");
    }
    assertThat(plan.checks())
        .extracting(Check::name)
        .contains(
            "old address owner",
            "guest port MAC",
            "new address owner",
            "control port",
            "clock",
            "DNS name");
  }

  private void expectRefusalByCommand(Check check) throws Exception {
    List<String> arm =
        new ArrayList<>(
            List.of("--socket", folder.resolve("old/control.sock").toString(), "--old"));
    arm.addAll(List.of("10.1.0.10", "--new", "10.2.0.10", "--remote", "new-host"));
    arm.addAll(List.of("--guest-port", Lab.OLD_PORT, "--guest-mac", Lab.GUEST_MAC));
    arm.addAll(List.of("--deliver", Lab.BRIDGE));
    List<String> command = new ArrayList<>(List.of("migration", "arm", "web1"));
    command.addAll(arm);
    Holdfast.Outcome refused = Holdfast.run(folder, command.toArray(String[]::new));
    refused.endsWith(4);
    assertThat(refused.err()).contains("nothing was changed", check.detail(), check.fix());
    command.add("--json");
    Holdfast.Outcome json = Holdfast.run(folder, command.toArray(String[]::new));
    json.endsWith(4);
    assertThat(json.err()).contains("\"checks\":[", "\"host\":\"new-host\"");
  }

  /** Released, but the guest was never stopped here: it goes on speaking on its old port. */
  private static void expectAlertWhenBothHostsHaveTheGuest(Site site) throws Exception {
    var control = site.old().control();
    assertThat(control.arm(request(Lab.GUEST_MAC)).alerts()).isEmpty();
    RequestRefused twice =
        catchThrowableOfType(
            RequestRefused.class, () -> site.fresh().control().arm(fromTheWrongHost()));
    assertThat(twice.getMessage()).contains("the guest itself");
    control.hold("web1");
    control.release("web1");
    await(() -> {
      try {
        Tool.run(site.lab().guest().within("ping", "-c1", "-W0.1", "10.1.0.1"));
      } catch (IOException notAnswered) {
        // its port is blocked
      }
      try {
        return control.show("web1").alerts().stream()
            .anyMatch(alert ->
                alert.startsWith("both hosts have the guest: " + Lab.GUEST_MAC)
                    && alert.contains("vnet3"));
      } catch (IOException | RequestRefused e) {
        throw new AssertionError(e);
      }
    });
    control.finish("web1", true);
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    for (int i = 0; i < 100; i++) {
      if (condition.getAsBoolean()) {
        return;
      }
      Thread.sleep(50);
    }
    throw new AssertionError("it has not come");
  }
}
