package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.ThisProgram;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.load.Phase;
import dev.holdfast.redirector.demo.load.Workload;
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two daemons, driven through the command line alone in a topology that is not the demo's ({@link
 * OtherLab} draws it): other addresses, prefix lengths, ports and interface names, no DNS.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class TwoDaemonsIT {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Cleanup cleanup = new Cleanup();
  private final List<Process> daemons = new ArrayList<>();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** A host: where it runs and what its config has of its own. */
  private record Site(
      Namespace machine, String name, String endpoint, String uplink, int connections) {}

  private Path config(Site site) {
    return folder.resolve(site.name() + ".toml");
  }

  private Path certificate(Site site) {
    return folder.resolve(site.name() + ".crt");
  }

  private String socket(Site site) {
    return folder.resolve(site.name() + ".sock").toString();
  }

  private Holdfast.Outcome holdfast(String... arguments) throws Exception {
    return Holdfast.run(folder, arguments);
  }

  /** A command for the daemon of {@code site}. */
  private Holdfast.Outcome ask(Site site, String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.add("--socket");
    all.add(socket(site));
    return holdfast(all.toArray(String[]::new));
  }

  private void writeConfig(Site site) throws Exception {
    Path key = folder.resolve(site.name() + ".key");
    holdfast(
            "cert",
            "init",
            "--name",
            site.name(),
            "--cert",
            certificate(site).toString(),
            "--key",
            key.toString())
        .endsWith(0);
    Files.writeString(
        config(site),
        """
        [daemon]
        name    = "%1$s"
        control = "%1$s.sock"
        state   = "%1$s.state"
        pins    = "%1$s.pins"
        [tunnel]
        listen = "%2$s"
        uplink = "%3$s"
        device = "steer%1$s"
        connections = %4$d
        [identity]
        certificate = "%1$s.crt"
        key         = "%1$s.key"
        [drain]
        time-wait = "1s"
        after     = "1s"
        """
            .formatted(site.name(), site.endpoint(), site.uplink(), site.connections()));
  }

  private void trust(Site here, Site other) throws Exception {
    holdfast(
            "cert",
            "trust",
            certificate(other).toString(),
            "--name",
            other.name(),
            "--endpoint",
            other.endpoint(),
            "--addresses",
            "192.168.77.32/27",
            "--append",
            config(here).toString())
        .endsWith(0);
    holdfast("config", "check", config(here).toString()).endsWith(0);
  }

  private void start(Site site) throws Exception {
    ask(site, "status").endsWith(3);
    List<String> command = new ArrayList<>(site.machine().within());
    command.addAll(ThisProgram.command());
    command.addAll(List.of("run", "--config", config(site).toString()));
    Path log = folder.resolve(site.name() + ".log");
    Process daemon =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    daemons.add(daemon);
    cleanup.add("the daemon of " + site.name(), () -> stop(daemon));
    while (!Files.exists(Path.of(socket(site)))) {
      assertThat(daemon.isAlive()).as("the daemon runs:%n%s", Files.readString(log)).isTrue();
      Thread.sleep(20);
    }
    ask(site, "status").endsWith(0);
  }

  private static void stop(Process daemon) throws IOException, InterruptedException {
    daemon.destroy();
    if (!daemon.waitFor(10, TimeUnit.SECONDS)) {
      daemon.destroyForcibly();
      throw new IOException("it did not end after SIGTERM");
    }
  }

  @Test
  void aGuestMovesByTheCommandLine() throws Exception {
    var lab = new OtherLab(cleanup);
    var alpha = new Site(lab.alpha(), "alpha", "192.168.77.5:9911", "lanbr", 3);
    var beta = new Site(lab.beta(), "beta", "192.168.98.5:9922", "virbr7", 2);
    writeConfig(alpha);
    writeConfig(beta);
    trust(alpha, beta);
    trust(beta, alpha);
    KernelSnapshot alphaBefore = KernelSnapshot.of(lab.alpha());
    KernelSnapshot betaBefore = KernelSnapshot.of(lab.beta());
    start(alpha);
    start(beta);

    var forbidden = new ForbiddenPackets(IpAddress.parse(OtherLab.OLD));
    for (Tap tap :
        List.of(
            forbidden.watch(lab.client(), "c0", null, null),
            forbidden.watch(lab.guest(), "enp1s0", null, null))) {
      cleanup.add("a tap", tap::close);
    }
    Workload workload =
        Workload.open(
            lab.guest(),
            IpAddress.parse(OtherLab.OLD),
            List.of(new Clients(lab.client(), IpAddress.parse("172.20.4.9"), 16)),
            false,
            11,
            cleanup);

    String[] arm = arm(lab);
    arm[1] = "plan";
    assertThat(ask(alpha, arm).endsWith(0).out()).contains(OtherLab.OLD);
    ask(alpha, "migration", "show", "shop").endsWith(4); // a plan stores nothing
    arm[1] = "arm";
    ask(alpha, arm).endsWith(0);
    ask(alpha, arm).endsWith(4); // the name is taken
    assertThat(ask(alpha, "migration", "list", "--json").endsWith(0).out())
        .contains("\"armed\"")
        .contains("\"redirector\"");
    assertThat(ask(beta, "migration", "list", "--json").endsWith(0).out()).contains("\"endpoint\"");
    for (Site each : List.of(alpha, beta)) { // the lower figure of the two
      assertThat(ask(each, "migration", "show", "shop").endsWith(0).out())
          .contains("connections  1 up", "2 up, ")
          .doesNotContain("3 up");
    }
    ask(beta, "migration", "release", "shop").endsWith(4); // nothing is held

    workload.enter(Phase.DURING);
    ask(alpha, "migration", "hold", "shop").endsWith(0);
    lab.unplug();
    Thread.sleep(Duration.ofMillis(500)); // the pause
    lab.plugInAtBeta();
    ask(beta, "migration", "release", "shop").endsWith(0);
    workload.enter(Phase.AFTER);
    assertThat(workload.awaitMoved(LIMIT, moved -> {})).as("connections that stall").isZero();
    assertThat(ask(alpha, "flow", "list", "--remaining", "--json").endsWith(0).out())
        .contains(OtherLab.OLD + ":");
    assertThat(Workload.echo(lab.client(), IpAddress.parse(OtherLab.NEW), Duration.ofSeconds(5)))
        .as("a new connection to the new address")
        .isTrue();
    List<ConnectionResult> results = workload.finish(LIMIT);
    assertThat(results)
        .hasSize(16)
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));

    ask(alpha, "wait", "shop", "--for", "done", "--timeout", "60s").endsWith(0);
    assertThat(ask(alpha, "migration", "show", "shop", "--json").endsWith(0).out())
        .contains("\"done\"");
    for (Process daemon : daemons) {
      stop(daemon);
    }
    assertThat(alphaBefore.differences(KernelSnapshot.of(lab.alpha()), line -> false)).isEmpty();
    assertThat(betaBefore.differences(KernelSnapshot.of(lab.beta()), line -> false)).isEmpty();
    cleanup.close(); // the taps have read everything then
    assertThat(forbidden.seen()).isEmpty();
  }

  private static String[] arm(OtherLab lab) {
    return new String[] {
      "migration",
      "arm",
      "shop",
      "--old",
      OtherLab.OLD,
      "--new",
      OtherLab.NEW,
      "--remote",
      "beta",
      "--guest-port",
      "tap12",
      "--guest-mac",
      OtherLab.GUEST_MAC,
      "--deliver",
      "virbr7",
      "--encapsulation",
      "tls",
      "--flow-list-command",
      String.join(" ", lab.guest().within("ss", "-Htn"))
    };
  }
}
