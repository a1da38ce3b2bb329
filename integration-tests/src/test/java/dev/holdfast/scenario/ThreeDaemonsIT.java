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
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two guests of one host move at once, to different hosts ({@link TwoGuestsLab} draws it): what is
 * done for one is nothing to the other.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class ThreeDaemonsIT {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String GRANTED = "192.168.77.32/27";

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void twoGuestsMoveAtOnceToDifferentHosts() throws Exception {
    var lab = new TwoGuestsLab(cleanup);
    var sites = new Sites(folder, cleanup);
    var alpha = new Site(lab.alpha(), "alpha", "192.168.77.5:9911", "lanbr");
    var beta = new Site(lab.beta(), "beta", "192.168.98.5:9922", "virbr7");
    var gamma = new Site(lab.gamma(), "gamma", "192.168.120.5:9933", "br9");
    List<Site> all = List.of(alpha, beta, gamma);
    for (Site site : all) {
      sites.writeConfig(site, "");
    }
    for (Site other : List.of(beta, gamma)) {
      sites.trust(alpha, other, GRANTED);
      sites.trust(other, alpha, GRANTED);
    }
    List<KernelSnapshot> before = new ArrayList<>();
    for (Site site : all) {
      before.add(KernelSnapshot.of(site.machine()));
      sites.start(site);
    }
    List<Workload> workloads = new ArrayList<>();
    List<ForbiddenPackets> forbidden = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      IpAddress old = IpAddress.parse(TwoGuestsLab.GUESTS.get(i).old());
      var seen = new ForbiddenPackets(old);
      forbidden.add(seen);
      for (Tap tap :
          List.of(
              seen.watch(lab.client(), "c0", IpAddress.parse("172.20.4.9"), null),
              seen.watch(lab.guest(i), "enp1s0", old, null))) {
        cleanup.add("a tap", tap::close);
      }
      workloads.add(
          Workload.open(
              lab.guest(i),
              old,
              List.of(new Clients(lab.client(), IpAddress.parse("172.20.4.9"), 8)),
              false,
              20 + i,
              cleanup));
    }

    arm(sites, alpha, lab, 0, "beta", "virbr7", "tls");
    arm(sites, alpha, lab, 1, "gamma", "br9", "ipip");
    for (Workload each : workloads) {
      each.enter(Phase.DURING);
    }
    sites.ask(alpha, "migration", "hold", "move0").endsWith(0);
    lab.unplug(0);
    sites.ask(alpha, "migration", "hold", "move1").endsWith(0);
    lab.unplug(1);
    sites.ask(gamma, "migration", "release", "move0").endsWith(4); // another host's
    lab.plugInAgain(1);
    sites.ask(gamma, "migration", "release", "move1").endsWith(0);
    String other = sites.ask(alpha, "migration", "show", "move0", "--json").endsWith(0).out();
    assertThat(Sites.state(other)).as("the other guest is still paused").isEqualTo("holding");
    lab.plugInAgain(0);
    sites.ask(alpha, "migration", "release", "move0").endsWith(0);

    for (Workload each : workloads) {
      each.enter(Phase.AFTER);
    }
    for (Workload each : workloads) {
      assertThat(each.awaitMoved(LIMIT, moved -> {})).as("connections that stall").isZero();
    }
    long ending = SystemClock.INSTANCE.epochNanos();
    Set<Integer> closed = new HashSet<>();
    for (Workload each : workloads) {
      List<ConnectionResult> results = each.finish(LIMIT);
      results.forEach(one -> closed.add(one.client().getPort()));
      assertThat(results)
          .hasSize(8)
          .allSatisfy(one -> assertThat(one.outcome()).as("%s", one).isEqualTo(Outcome.SURVIVED));
    }
    for (String name : List.of("move0", "move1")) {
      sites.ask(alpha, "wait", name, "--for", "done", "--timeout", "60s").endsWith(0);
    }
    sites.stop();
    for (int i = 0; i < all.size(); i++) {
      var after = KernelSnapshot.of(all.get(i).machine());
      assertThat(before.get(i).differences(after, line -> false)).as(all.get(i).name()).isEmpty();
    }
    cleanup.close(); // the taps have read everything then
    assertThat(forbidden).allSatisfy(seen -> assertThat(seen.seen(closed, ending)).isEmpty());
  }

  private static void arm(
      Sites sites,
      Site alpha,
      TwoGuestsLab lab,
      int number,
      String remote,
      String deliver,
      String encapsulation)
      throws Exception {
    TwoGuestsLab.Guest guest = TwoGuestsLab.GUESTS.get(number);
    sites
        .ask(
            alpha,
            "migration",
            "arm",
            "move" + number,
            "--old",
            guest.old(),
            "--new",
            guest.fresh(),
            "--remote",
            remote,
            "--guest-port",
            guest.oldPort(),
            "--guest-mac",
            guest.mac(),
            "--deliver",
            deliver,
            "--encapsulation",
            encapsulation,
            "--flow-list-command",
            String.join(" ", lab.guest(number).within("ss", "-Htn")))
        .endsWith(0);
  }
}
