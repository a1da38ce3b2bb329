package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.load.Phase;
import dev.holdfast.redirector.demo.load.Workload;
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.scenario.Sites.Site;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
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

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void aGuestMovesByTheCommandLine() throws Exception {
    var lab = new OtherLab(cleanup);
    var sites = new Sites(folder, cleanup);
    var alpha = new Site(lab.alpha(), "alpha", "192.168.77.5:9911", "lanbr", 3);
    var beta = new Site(lab.beta(), "beta", "192.168.98.5:9922", "virbr7", 2);
    sites.writeConfig(alpha, telling("alpha"));
    sites.writeConfig(beta, telling("beta"));
    sites.trust(alpha, beta, OtherLab.GRANTED);
    sites.trust(beta, alpha, OtherLab.GRANTED);
    KernelSnapshot alphaBefore = KernelSnapshot.of(lab.alpha());
    KernelSnapshot betaBefore = KernelSnapshot.of(lab.beta());
    sites.start(alpha);
    sites.start(beta);

    var forbidden = new ForbiddenPackets(IpAddress.parse(OtherLab.OLD));
    for (Tap tap :
        List.of(
            forbidden.watch(lab.client(), "c0", IpAddress.parse("172.20.4.9"), null),
            forbidden.watch(lab.guest(), "enp1s0", IpAddress.parse(OtherLab.OLD), null))) {
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
    assertThat(sites.ask(alpha, arm).endsWith(0).out()).contains(OtherLab.OLD);
    sites.ask(alpha, "migration", "show", "shop").endsWith(4); // a plan stores nothing
    arm[1] = "arm";
    sites.ask(alpha, arm).endsWith(0);
    sites.ask(alpha, arm).endsWith(4); // the name is taken
    assertThat(sites.ask(alpha, "migration", "list", "--json").endsWith(0).out())
        .contains("\"armed\"")
        .contains("\"redirector\"");
    assertThat(sites.ask(beta, "migration", "list", "--json").endsWith(0).out())
        .contains("\"endpoint\"");
    for (Site each : List.of(alpha, beta)) { // the lower figure of the two
      assertThat(sites.ask(each, "migration", "show", "shop").endsWith(0).out())
          .contains("connections  1 up", "2 up, ")
          .doesNotContain("3 up");
    }
    sites.ask(beta, "migration", "release", "shop").endsWith(4); // nothing is held
    explains(sites, alpha, "armed", "The guest on this host gets it as ever");

    workload.enter(Phase.DURING);
    sites.ask(alpha, "migration", "hold", "shop").endsWith(0);
    sites.ask(alpha, "migration", "hold", "shop").endsWith(0); // said twice
    lab.unplug();
    explains(sites, alpha, "holding", "It is kept in the hold queue while the guest is paused");
    Thread.sleep(Duration.ofMillis(500)); // the pause
    lab.plugInAtBeta();
    sites.ask(beta, "migration", "release", "shop").endsWith(0);
    workload.enter(Phase.AFTER);
    assertThat(workload.awaitMoved(LIMIT, moved -> {})).as("connections that stall").isZero();
    explains(sites, alpha, "redirecting|draining", "It goes through the tunnel to beta");
    explains(
        sites, beta, "redirecting|draining", "It is delivered to the guest", "--out-of-tunnel");
    assertThat(sites.ask(alpha, "flow", "list", "--remaining", "--json").endsWith(0).out())
        .contains(OtherLab.OLD + ":");
    assertThat(Workload.echo(lab.client(), IpAddress.parse(OtherLab.NEW), Duration.ofSeconds(5)))
        .as("a new connection to the new address")
        .isTrue();
    long closing = epochMillis();
    List<ConnectionResult> results = workload.finish(LIMIT);
    long closed = epochMillis();
    assertThat(results)
        .hasSize(16)
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));

    sites.ask(alpha, "wait", "shop", "--for", "done", "--timeout", "60s").endsWith(0);
    // drain.time-wait is 1 s: not before the last connection has ended, and soon after it
    String shown = sites.ask(alpha, "migration", "show", "shop", "--json").endsWith(0).out();
    assertThat(Sites.entered(shown, "done")).isBetween(closing + 1_000, closed + 2_000);
    for (String each : List.of("alpha", "beta")) {
      awaitTold(each, "armed", "holding", "redirecting", "draining", "done");
    }
    assertThat(sites.ask(alpha, "migration", "show", "shop").endsWith(0).out())
        .containsPattern("redirecting +ok +[0-9.]+ m?s +/bin/sh -c ");
    sites.stop();
    assertThat(alphaBefore.differences(KernelSnapshot.of(lab.alpha()), line -> false)).isEmpty();
    assertThat(betaBefore.differences(KernelSnapshot.of(lab.beta()), line -> false)).isEmpty();
    cleanup.close(); // the taps have read everything then
    Set<Integer> ports =
        results.stream().map(each -> each.client().getPort()).collect(Collectors.toSet());
    assertThat(forbidden.seen(ports, closing * 1_000_000)).isEmpty();
  }

  /** A hook of the user's own that writes down which states it hears of. */
  private String telling(String host) {
    return """
    [[hook]]
    events  = ["armed", "holding", "redirecting", "draining", "done", "rolled-back"]
    command = ["/bin/sh", "-c", "echo $HOLDFAST_EVENT >> %s"]
    """
        .formatted(folder.resolve(host + ".told"));
  }

  /** Hooks run when they can, and in order. */
  private void awaitTold(String host, String... states) throws Exception {
    Path told = folder.resolve(host + ".told");
    long deadline = epochMillis() + 10_000;
    while (Files.readAllLines(told).size() < states.length && epochMillis() < deadline) {
      Thread.sleep(20);
    }
    assertThat(Files.readAllLines(told)).as(host).containsExactly(states);
  }

  /** What the daemon says of a packet for the guest, and that it says so by its state. */
  private static void explains(Sites sites, Site at, String states, String outcome, String... more)
      throws Exception {
    List<String> asked =
        new ArrayList<>(
            List.of("explain", "tcp", "172.20.4.9:40000", OtherLab.OLD + ":80", "--flags", "A"));
    asked.addAll(List.of(more));
    assertThat(sites.ask(at, asked.toArray(String[]::new)).endsWith(0).out())
        .containsPattern("shop: this host is its (redirector|endpoint), and it is (" + states + ")")
        .contains("IPv4 tcp 172.20.4.9:40000 > " + OtherLab.OLD + ":80, flags [.]", outcome);
  }

  private static long epochMillis() {
    return SystemClock.INSTANCE.epochNanos() / 1_000_000;
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
