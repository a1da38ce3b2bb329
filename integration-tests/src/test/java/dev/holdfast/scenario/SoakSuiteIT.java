package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.host.NameService;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.load.Phase;
import dev.holdfast.redirector.demo.load.Workload;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.packet.IpAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * The guest moves back and forth between two daemons that run all the time: each is the redirector
 * in one round and the endpoint in the next.
 *
 * <pre>
 *   round 1   connections of generation 0 --------- move --- drain ---
 *   round 2          connections of generation 1 -------------- move --- drain ---
 *                    (made to the next address, while the last one still drains)
 * </pre>
 *
 * <p>Every move gives the guest another address; a generation lives through one move, as the
 * product promises. None of its connections is lost, and what the daemons and the kernel hold does
 * not grow.
 */
@Tag("suite-soak")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class SoakSuiteIT {
  private static final String NAME = "soak";
  private static final int CONNECTIONS = 16;
  private static final double SHORTEST_MILLIS = 50;
  private static final double LONGEST_MILLIS = 5_000;
  private static final Duration MOVED_WITHIN = Duration.ofSeconds(60);
  private static final Duration ENDED_WITHIN = Duration.ofSeconds(10);
  private static final Duration DONE_WITHIN = Duration.ofSeconds(40);

  /** After so many rounds, classes are loaded and buffers made: the first figures. */
  private static final int WARM = 6;

  private final Cleanup cleanup = new Cleanup();
  private final List<Generation> open = new CopyOnWriteArrayList<>();

  @TempDir private Path folder;

  private final Thread told = Thread.ofPlatform().name("cleanup").unstarted(this::closeAll);

  /** However long it takes, it may be told to end. */
  @BeforeEach
  void beTold() {
    Runtime.getRuntime().addShutdownHook(told);
  }

  private void closeAll() {
    open.forEach(each -> each.cleanup().close());
    cleanup.close();
  }

  @AfterEach
  void takeDown() {
    Runtime.getRuntime().removeShutdownHook(told);
    closeAll();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** A host, and how the guest gets to it. */
  private record Site(DemoHost host, String port, String lan, Cleanup.Step plugIn) {
    IpAddress address(int generation) {
      return IpAddress.parse(lan + (100 + generation % 100));
    }
  }

  /** Connections that were made to one of the guest's addresses. */
  private record Generation(Workload workload, Cleanup cleanup) {}

  private Generation open(Lab lab, IpAddress address, long seed) throws Exception {
    var own = new Cleanup();
    var clients = List.of(new Clients(lab.client(), LabAddresses.V4.client(), CONNECTIONS));
    var generation = new Generation(Workload.openAt(lab.guest(), address, clients, seed, own), own);
    open.add(generation);
    return generation;
  }

  @Test
  void nothingIsLostAndNothingGrows() throws Exception {
    SuiteState state = SuiteState.of("soak", "rounds");
    int minutes = Integer.getInteger("holdfast.minutes", 40);
    long seed = Long.getLong("holdfast.seed", System.nanoTime() & 0xffff_ffffL);
    int before = state.lines().size();
    long spent = state.lines().stream().mapToLong(SoakSuiteIT::millisOf).sum();
    Duration left = Duration.ofMinutes(minutes).minusMillis(spent);
    System.out.printf(
        "soak: seed %d, %d minutes, of which %d rounds have taken %d s already%n",
        seed, minutes, before, spent / 1000);

    LabAddresses v4 = LabAddresses.V4;
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    var cable = new GuestCable(lab);
    Site a =
        new Site(
            new DemoHost(
                new HostPlan("host-a", lab.oldHost(), v4.oldHost(), Lab.BRIDGE),
                folder.resolve("a")),
            Lab.OLD_PORT,
            "10.1.0.",
            cable::plugInAtOldHost);
    Site b =
        new Site(
            new DemoHost(
                new HostPlan("host-b", lab.newHost(), v4.newHost(), Lab.BRIDGE),
                folder.resolve("b")),
            Lab.NEW_PORT,
            "10.2.0.",
            cable::plugInAtNewHost);
    NameService names = NameService.start(lab.router(), v4.router(), a.address(0), cleanup);
    List<String> granted = List.of("10.1.0.0/24", "10.2.0.0/24");
    a.host().start(b.host().asRemote(granted), names, cleanup);
    b.host().start(a.host().asRemote(granted), names, cleanup);
    a.host().awaitReady();
    b.host().awaitReady();
    lab.guest()
        .ip(
            "addr del 10.1.0.10/24 dev eth0",
            "addr add " + a.address(0) + "/24 dev eth0",
            "route replace default via 10.1.0.1 dev eth0 quickack 1");
    var figures = new SoakFigures(lab, a.host(), b.host());
    var random = new Random(seed);

    Generation now = open(lab, a.address(0), seed);
    long end = System.nanoTime() + left.toNanos();
    int round = 0;
    while (System.nanoTime() < end || round <= WARM) {
      round++;
      long begun = System.nanoTime();
      Site from = round % 2 == 1 ? a : b;
      Site to = round % 2 == 1 ? b : a;
      double pause =
          SHORTEST_MILLIS * Math.pow(LONGEST_MILLIS / SHORTEST_MILLIS, random.nextDouble());
      String where = to.host().plan().name();
      String label = "round %d, to %s, pause %.0f ms".formatted(round, where, pause);
      now = move(lab, cable, from, to, round, pause, seed, now, label);
      state.add("%d ms, %s".formatted((System.nanoTime() - begun) / 1_000_000, label));
      if (round == WARM) {
        figures.first();
      }
    }
    now.cleanup().close();
    figures.last(before + round);
    figures.assertFlat();
  }

  private static long millisOf(String line) {
    return Long.parseLong(line.substring(0, line.indexOf(' ')));
  }

  /** One move, and the end of what was there before it; gives the generation that comes after. */
  private Generation move(
      Lab lab,
      GuestCable cable,
      Site from,
      Site to,
      int round,
      double pause,
      long seed,
      Generation now,
      String label)
      throws Exception {
    IpAddress old = from.address(round - 1);
    IpAddress fresh = to.address(round);
    Workload workload = now.workload();
    from.host().control().arm(request(lab, from, to, old, fresh, round % 3 == 0 ? "ipip" : "tls"));
    workload.enter(Phase.DURING);
    from.host().control().hold(NAME);
    cable.unplug();
    Thread.sleep(Duration.ofNanos((long) (pause * 1e6)));
    to.plugIn().run();
    lab.guest()
        .ip(
            "addr add " + old + "/32 dev eth0 preferred_lft 0",
            "addr del " + old + "/24 dev eth0",
            "addr add " + fresh + "/24 dev eth0",
            "route replace default via " + to.lan() + "1 dev eth0 quickack 1");
    to.host().control().release(NAME);
    workload.enter(Phase.AFTER);
    Generation next = open(lab, fresh, seed + round);
    int waiting = workload.awaitMoved(MOVED_WITHIN, moved -> {});
    assertThat(waiting).as("%s: connections that stall", label).isZero();
    List<ConnectionResult> results = workload.finish(ENDED_WITHIN);
    assertThat(results)
        .as("%s", label)
        .hasSize(CONNECTIONS)
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));
    now.cleanup().close();
    open.remove(now);
    awaitDone(from, label);
    awaitDone(to, label);
    lab.guest().ip("addr del " + old + "/32 dev eth0");
    return next;
  }

  private static MigrationRequest request(
      Lab lab, Site from, Site to, IpAddress old, IpAddress fresh, String encapsulation) {
    Namespace guest = lab.guest();
    return new MigrationRequest(
        NAME,
        List.of(old.toString()),
        List.of(fresh.toString()),
        to.host().plan().name(),
        null,
        from.port(),
        Lab.GUEST_MAC,
        Lab.BRIDGE,
        NameService.GUEST_NAME,
        List.of(),
        encapsulation,
        "queue",
        String.join(" ", guest.within("ss", "-Htn")),
        null);
  }

  private static void awaitDone(Site site, String label) throws Exception {
    long end = System.nanoTime() + DONE_WITHIN.toNanos();
    while (true) {
      MigrationView view = site.host().control().show(NAME);
      if (MigrationState.ofLabel(view.state()).isEnded()) {
        assertThat(view.state()).as("%s", label).isEqualTo(MigrationState.DONE.label());
        return;
      }
      assertThat(System.nanoTime())
          .as(
              "%s: %s at %s; remaining: %s%n%s",
              label,
              view.state(),
              site.host().plan().name(),
              site.host().control().flows(NAME, true),
              site.host().endOfLog())
          .isLessThan(end);
      Thread.sleep(50);
    }
  }
}
