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
import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.RequestRefused;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The demo's lab with two real daemons, whose wall clocks can be set, on a kernel that is made to
 * look like one before 6.17: it cannot forward IPv6 for one interface alone.
 *
 * <pre>
 *   old host 10.1.0.2 (br0, vnet3) --- router, DNS --- new host 10.2.0.2 (br0)
 * </pre>
 */
final class PreflightLab {
  static final String OLD = "old-host";
  static final String NEW = "new-host";

  private static final String GUEST = "web1";
  private static final List<String> GRANTED = List.of("10.1.0.0/24", "fd00:1::/64");
  private static final String SINCE_6_17 = "/proc/sys/net/ipv6/conf/all/force_forwarding";

  private final Path folder;
  private final Lab lab;
  private final NameService names;
  private final DemoHost old;
  private final DemoHost fresh;
  private final List<KernelSnapshot> kernels;
  private final List<String> records;

  /** A request; as it is made, it can be armed. */
  static final class Draft {
    String oldAddress = "10.1.0.10";
    String newAddress = "10.2.0.10";
    @Nullable String from;
    String guestPort = Lab.OLD_PORT;
    String guestMac = Lab.GUEST_MAC;
    String deliver = Lab.BRIDGE;
    @Nullable String dnsName = NameService.GUEST_NAME;
    String encapsulation = "tls";

    void ipv6() {
      oldAddress = "fd00:1::10";
      newAddress = "fd00:2::10";
      dnsName = null;
    }

    private MigrationRequest made() {
      return MigrationRequest.of(GUEST, List.of(oldAddress), List.of(newAddress), NEW, deliver)
          .from(from)
          .guestPort(guestPort)
          .guestMac(guestMac)
          .dnsName(dnsName)
          .encapsulation(encapsulation)
          .holdPolicy("queue")
          .flowListCommand("true")
          .request();
    }
  }

  /** A check that is not ok: who finds it, what it is, and words of why and of the fix. */
  record Finding(String host, String name, String result, String why, String fix) {
    static Finding failed(String host, String name, String why, String fix) {
      return new Finding(host, name, "failed", why, fix);
    }

    static Finding warning(String host, String name, String why, String fix) {
      return new Finding(host, name, "warning", why, fix);
    }

    boolean isFailed() {
      return result.equals("failed");
    }

    boolean is(Check check) {
      return check.host().equals(host)
          && check.name().equals(name)
          && check.result().equals(result)
          && check.detail().contains(why)
          && check.fix().contains(fix);
    }
  }

  private PreflightLab(Path folder, Lab lab, NameService names) throws Exception {
    this.folder = folder;
    this.lab = lab;
    this.names = names;
    LabAddresses v4 = LabAddresses.V4;
    old = host(OLD, lab.oldHost(), new HostPlan(OLD, lab.oldHost(), v4.oldHost(), Lab.BRIDGE));
    fresh = host(NEW, lab.newHost(), new HostPlan(NEW, lab.newHost(), v4.newHost(), Lab.BRIDGE));
    kernels = snapshots();
    records = names.records();
  }

  static PreflightLab build(Path folder, Cleanup cleanup) throws Exception {
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    LabAddresses v4 = LabAddresses.V4;
    NameService names = NameService.start(lab.router(), v4.router(), v4.guestOld(), cleanup);
    var made = new PreflightLab(folder, lab, names);
    made.old.start(made.fresh.asRemote(GRANTED), names, cleanup);
    made.fresh.start(made.old.asRemote(GRANTED), names, cleanup);
    made.old.awaitReady();
    made.fresh.awaitReady();
    return made;
  }

  private DemoHost host(String name, Namespace machine, HostPlan plan) throws IOException {
    setClock(name, 0);
    var host = new DemoHost(plan, folder.resolve(name));
    List<String> command = new ArrayList<>();
    // ip netns exec gives the command mounts of its own: nobody else sees this one.
    String hide = "[ ! -e %1$s ] || mount --bind /dev/null %1$s; exec \"$@\"".formatted(SINCE_6_17);
    command.addAll(List.of("sh", "-ec", hide, machine.name()));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(
        List.of("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(DaemonByItsClock.class.getName());
    command.add(clock(name).toString());
    host.runs(command);
    return host;
  }

  private Path clock(String host) {
    return folder.resolve(host + ".clock").toAbsolutePath();
  }

  /** How far the host's clock is ahead of the machine's from now on. */
  void setClock(String host, long seconds) throws IOException {
    Path next = folder.resolve("next.clock");
    Files.writeString(next, seconds + "\n");
    Files.move(next, clock(host), StandardCopyOption.ATOMIC_MOVE);
  }

  Namespace machine(String host) {
    return host.equals(OLD) ? lab.oldHost() : lab.newHost();
  }

  Namespace router() {
    return lab.router();
  }

  NameService names() {
    return names;
  }

  /** The old host's file with the DNS key. */
  Path keyFile() {
    return folder.resolve(OLD).resolve("tsig.key");
  }

  static void nft(Namespace machine, String script) throws IOException {
    Tool.run(machine.within("nft", "-f", "-"), script + "\n");
  }

  /** Nobody reaches the new host's port, and what was connected is connected no longer. */
  void closeControlPort() throws Exception {
    nft(
        lab.newHost(),
        """
        table inet closed {
          chain in {
            type filter hook input priority 0;
            tcp dport 4754 reject with tcp reset
            tcp sport 4754 reject with tcp reset
          }
        }
        """);
    long end = System.nanoTime() + 10_000_000_000L;
    while (old.control().status().remotes().getFirst().up()) {
      assertThat(System.nanoTime()).as("the control channel goes").isLessThan(end);
      Thread.sleep(20);
    }
  }

  void openControlPort() throws IOException {
    nft(lab.newHost(), "delete table inet closed");
  }

  private List<KernelSnapshot> snapshots() throws Exception {
    return List.of(KernelSnapshot.of(lab.oldHost()), KernelSnapshot.of(lab.newHost()));
  }

  /** Neither plan nor arm has left anything, nor has the failure. */
  void isAsItWas() throws Exception {
    List<KernelSnapshot> now = snapshots();
    for (int host = 0; host < now.size(); host++) {
      assertThat(kernels.get(host).differences(now.get(host), line -> false)).isEmpty();
    }
    assertThat(old.control().list()).allMatch(PreflightLab::isRolledBack);
    assertThat(fresh.control().list()).allMatch(PreflightLab::isRolledBack);
    assertThat(names.records()).isEqualTo(records);
  }

  private static boolean isRolledBack(MigrationView migration) {
    return migration.state().equals(MigrationState.ROLLED_BACK.label());
  }

  private static MigrationRequest request(Consumer<Draft> change) {
    var draft = new Draft();
    change.accept(draft);
    return draft.made();
  }

  /** The plan has these findings and no others, and arming is refused for those that failed. */
  void finds(Consumer<Draft> change, List<Finding> findings) throws Exception {
    List<Check> unused = planHas(change, findings);
    if (findings.stream().anyMatch(Finding::isFailed)) {
      RequestRefused refused = refusal(change);
      assertThat(refused.checks())
          .as("%s", refused)
          .filteredOn(check -> check.result().equals("failed"))
          .isNotEmpty()
          .allSatisfy(check -> assertThat(findings).anyMatch(finding -> finding.is(check)))
          .allSatisfy(
              check -> assertThat(refused.getMessage()).contains(check.detail(), check.fix()));
    }
  }

  private List<Check> planHas(Consumer<Draft> change, List<Finding> findings) throws Exception {
    List<Check> checks = old.control().plan(request(change)).checks();
    List<Check> wrong = checks.stream().filter(check -> !check.result().equals("ok")).toList();
    assertThat(wrong)
        .allSatisfy(check -> assertThat(findings).anyMatch(finding -> finding.is(check)));
    assertThat(findings)
        .allSatisfy(finding -> assertThat(wrong).as("%s", finding).anyMatch(finding::is));
    return checks;
  }

  private RequestRefused refusal(Consumer<Draft> change) {
    RequestRefused refused =
        catchThrowableOfType(RequestRefused.class, () -> old.control().arm(request(change)));
    assertThat(refused).as("arming is refused").isNotNull();
    assertThat(refused.kind()).isEqualTo(RequestRefused.Kind.REFUSED);
    return refused;
  }

  /** Every check of the plan is ok, and each of those that found something before is among them. */
  void isSound(Consumer<Draft> change, List<Finding> before) throws Exception {
    List<Check> checks = planHas(change, List.of());
    for (Finding finding : before) {
      assertThat(checks)
          .as("%s", finding)
          .anyMatch(
              check -> check.host().equals(finding.host()) && check.name().equals(finding.name()));
    }
  }

  /** The plan has only warnings, and arming finds out. */
  void armIsRefusedFor(Consumer<Draft> change, List<Finding> planned, Finding finding)
      throws Exception {
    List<Check> unused = planHas(change, planned);
    RequestRefused refused = refusal(change);
    assertThat(refused.checks())
        .as("%s", refused)
        .filteredOn(check -> check.result().equals("failed"))
        .isNotEmpty()
        .allMatch(finding::is);
    assertThat(refused.getMessage()).contains(finding.why(), finding.fix());
  }

  /**
   * Arms, and takes it back.
   *
   * @param warnings the alerts that the migration has, and no others
   */
  void armsWith(Consumer<Draft> change, List<Finding> warnings) throws Exception {
    MigrationView armed = old.control().arm(request(change));
    assertThat(armed.alerts()).hasSameSizeAs(warnings);
    for (Finding warning : warnings) {
      assertThat(armed.alerts())
          .anySatisfy(alert ->
              assertThat(alert)
                  .contains(
                      warning.host() + ", " + warning.name() + ": ", warning.why(), warning.fix()));
    }
    old.control().rollback(armed.id(), false);
  }
}
