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
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
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
 *                    (made to the next addresses, while the last ones still drain)
 * </pre>
 *
 * <p>Every move gives the guest other addresses, one of each family; a generation lives through one
 * move, as the product promises. In twelve rounds every encapsulation meets every capture, of which
 * the hosts' configurations have one each and the requests at times the other. None of its
 * connections is lost, nobody is sent a reset or an error, and what the daemons and the kernel hold
 * does not grow.
 *
 * <p>A run that was cut off is gone on with by new daemons: the rounds and their time count, and
 * {@link SoakFigures} judges each run's daemons for themselves.
 */
@Tag("suite-soak")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class SoakSuiteIT {
  private static final String NAME = "soak";

  /** With what the build takes before it, this is within a suite's 40 minutes. */
  private static final int MINUTES = 36;

  /** Of each family. */
  private static final int CONNECTIONS = 8;

  private static final double SHORTEST_MILLIS = 50;
  private static final double LONGEST_MILLIS = 5_000;
  private static final Duration MOVED_WITHIN = Duration.ofSeconds(60);
  private static final Duration ENDED_WITHIN = Duration.ofSeconds(10);
  private static final Duration DONE_WITHIN = Duration.ofSeconds(40);
  private static final Duration TOLD_EVERY = Duration.ofMinutes(1);

  /** After so many rounds, classes are loaded and buffers made: the first figures. */
  private static final int WARM = 12;

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

  /** A host, the LANs there, and how the guest gets to it. */
  private record Site(DemoHost host, String port, String v4Lan, String v6Lan, Cleanup.Step plugIn) {
    Addresses addresses(int generation) {
      int number = 100 + generation % 100;
      return new Addresses(IpAddress.parse(v4Lan + number), IpAddress.parse(v6Lan + number));
    }

    /** The one way to capture that its configuration does not say. */
    String otherCapture() {
      return host.plan().capture().equals("tun") ? "pcap" : "tun";
    }
  }

  /** The guest's. */
  private record Addresses(IpAddress v4, IpAddress v6) {
    List<IpAddress> both() {
      return List.of(v4, v6);
    }

    List<String> words() {
      return List.of(v4.toString(), v6.toString());
    }
  }

  /** Connections that were made to one pair of the guest's addresses. */
  private record Generation(List<Workload> workloads, Cleanup cleanup) {
    void enter(Phase phase) {
      workloads.forEach(each -> each.enter(phase));
    }
  }

  private Generation open(Lab lab, Addresses addresses, long seed) throws Exception {
    var generation = new Generation(new ArrayList<>(), new Cleanup());
    open.add(generation);
    for (IpAddress each : addresses.both()) {
      LabAddresses lan = each.isV4() ? LabAddresses.V4 : LabAddresses.V6;
      var clients = List.of(new Clients(lab.client(), lan.client(), CONNECTIONS));
      generation
          .workloads()
          .add(Workload.openAt(lab.guest(), each, clients, seed, generation.cleanup()));
    }
    return generation;
  }

  @Test
  void nothingIsLostAndNothingGrows() throws Exception {
    SuiteState state = SuiteState.of("soak", "rounds");
    int minutes = Integer.getInteger("holdfast.minutes", MINUTES);
    long seed = Long.getLong("holdfast.seed", System.nanoTime() & 0xffff_ffffL);
    int before = state.lines().size();
    long spent = state.lines().stream().mapToLong(SoakSuiteIT::millisOf).sum();
    System.out.printf(
        "soak: seed %d, %d minutes, of which %d rounds have taken %d s already%n",
        seed, minutes, before, spent / 1000);

    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    var cable = new GuestCable(lab);
    LabAddresses v4 = LabAddresses.V4;
    Site a =
        new Site(
            host("host-a", lab.oldHost(), v4.oldHost(), "tun"),
            Lab.OLD_PORT,
            "10.1.0.",
            "fd00:1::",
            cable::plugInAtOldHost);
    Site b =
        new Site(
            host("host-b", lab.newHost(), v4.newHost(), "pcap"),
            Lab.NEW_PORT,
            "10.2.0.",
            "fd00:2::",
            cable::plugInAtNewHost);
    Addresses first = a.addresses(0);
    NameService names = NameService.start(lab.router(), v4.router(), first.v4(), cleanup);
    List<String> granted = List.of("10.1.0.0/24", "10.2.0.0/24", "fd00:1::/64", "fd00:2::/64");
    a.host().start(b.host().asRemote(granted), names, cleanup);
    b.host().start(a.host().asRemote(granted), names, cleanup);
    a.host().awaitReady();
    b.host().awaitReady();
    lab.guest()
        .ip(
            "addr del 10.1.0.10/24 dev eth0",
            "addr add " + first.v4() + "/24 dev eth0",
            "addr del fd00:1::10/64 dev eth0",
            "addr add " + first.v6() + "/64 dev eth0 nodad",
            "route replace default via 10.1.0.1 dev eth0 quickack 1",
            "route replace default via fd00:1::1 dev eth0 quickack 1");
    var figures = new SoakFigures(lab, a.host(), b.host(), SuiteState.of("soak", "figures"));
    var random = new Random(seed);

    Generation now = open(lab, first, seed);
    long begun = System.nanoTime();
    long end = begun + Duration.ofMinutes(minutes).minusMillis(spent).toNanos();
    long toldAt = begun;
    int round = 0;
    while (System.nanoTime() < end || round <= WARM) {
      SuiteState.requireTime((before + round) + " rounds");
      round++;
      long roundBegun = System.nanoTime();
      Site from = round % 2 == 1 ? a : b;
      Site to = round % 2 == 1 ? b : a;
      double pause =
          SHORTEST_MILLIS * Math.pow(LONGEST_MILLIS / SHORTEST_MILLIS, random.nextDouble());
      var move = new Round(round, from, to, pause);
      now = move(lab, cable, move, seed, now);
      state.add("%d ms, %s".formatted((System.nanoTime() - roundBegun) / 1_000_000, move.label()));
      boolean isDue = System.nanoTime() - toldAt >= TOLD_EVERY.toNanos();
      if (isDue || round == WARM) {
        toldAt = System.nanoTime();
        long seconds = spent / 1000 + (toldAt - begun) / 1_000_000_000;
        String held = round < WARM ? "not warm yet" : figures.take(before + round);
        System.out.printf(
            "soak: %d:%02d of %d minutes, %d rounds, no connection lost; %s%n",
            seconds / 60, seconds % 60, minutes, before + round, held);
      }
    }
    now.cleanup().close();
    String last = figures.take(before + round);
    System.out.printf("soak: %d rounds, no connection lost; %s%n", before + round, last);
    figures.assertFlat();
  }

  private DemoHost host(String name, Namespace machine, IpAddress address, String capture)
      throws Exception {
    var plan = new HostPlan(name, machine, address, Lab.BRIDGE, 4, capture);
    return new DemoHost(plan, folder.resolve(name));
  }

  private static long millisOf(String line) {
    return Long.parseLong(line.substring(0, line.indexOf(' ')));
  }

  /** One move, and what varies in it. */
  private record Round(int number, Site from, Site to, double pause) {
    String encapsulation() {
      return number % 3 == 0 ? "ipip" : "tls";
    }

    /** On the old host; the new one does as it is configured. Null: so does the old one. */
    @Nullable String capture() {
      return (number - 1) % 4 < 2 ? null : from.otherCapture();
    }

    Addresses old() {
      return from.addresses(number - 1);
    }

    Addresses fresh() {
      return to.addresses(number);
    }

    String label() {
      return "round %d, to %s, %s, captured by %s, pause %.0f ms"
          .formatted(
              number,
              to.host().plan().name(),
              encapsulation(),
              Objects.requireNonNullElse(capture(), from.host().plan().capture()),
              pause);
    }
  }

  /** One move, and the end of what was there before it; gives the generation that comes after. */
  private Generation move(Lab lab, GuestCable cable, Round round, long seed, Generation now)
      throws Exception {
    Site from = round.from();
    Site to = round.to();
    Addresses old = round.old();
    Addresses fresh = round.fresh();
    var forbidden = new ForbiddenPackets(old.v4(), old.v6(), fresh.v4(), fresh.v6());
    List<Tap> taps =
        List.of(
            forbidden.watch(lab.client(), "eth0", LabAddresses.V4.client(), null),
            forbidden.watch(lab.client(), "eth0", LabAddresses.V6.client(), null),
            forbidden.watch(lab.guest(), "eth0", old.v4(), null),
            forbidden.watch(lab.guest(), "eth0", old.v6(), null),
            forbidden.watch(lab.router(), "to-old", null, null));
    taps.forEach(tap -> now.cleanup().add("a tap", tap::close));
    from.host().control().arm(request(lab, round));
    now.enter(Phase.DURING);
    from.host().control().hold(NAME);
    cable.unplug();
    Thread.sleep(Duration.ofNanos((long) (round.pause() * 1e6)));
    to.plugIn().run();
    lab.guest()
        .ip(
            "addr add " + old.v4() + "/32 dev eth0 preferred_lft 0",
            "addr del " + old.v4() + "/24 dev eth0",
            "addr add " + fresh.v4() + "/24 dev eth0",
            "route replace default via " + to.v4Lan() + "1 dev eth0 quickack 1",
            "addr change " + old.v6() + "/64 dev eth0 preferred_lft 0 noprefixroute",
            "addr add " + fresh.v6() + "/64 dev eth0 nodad",
            "route replace default via " + to.v6Lan() + "1 dev eth0 quickack 1");
    to.host().control().release(NAME);
    now.enter(Phase.AFTER);
    Generation next = open(lab, fresh, seed + round.number());
    for (Workload workload : now.workloads()) {
      int waiting = workload.awaitMoved(MOVED_WITHIN, moved -> {});
      assertThat(waiting).as("%s: connections that stall", round.label()).isZero();
    }
    long ending = SystemClock.INSTANCE.epochNanos();
    List<ConnectionResult> results = new ArrayList<>();
    for (Workload workload : now.workloads()) {
      results.addAll(workload.finish(ENDED_WITHIN));
    }
    assertThat(results)
        .as("%s", round.label())
        .hasSize(2 * CONNECTIONS)
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));
    awaitDone(from, round.label());
    awaitDone(to, round.label());
    for (Tap tap : taps) {
      tap.close();
    }
    Set<Integer> closed =
        results.stream().map(each -> each.client().getPort()).collect(Collectors.toSet());
    assertThat(forbidden.seen(closed, ending))
        .as("%s: resets and ICMP errors", round.label())
        .isEmpty();
    now.cleanup().close();
    open.remove(now);
    lab.guest()
        .ip("addr del " + old.v4() + "/32 dev eth0", "addr del " + old.v6() + "/64 dev eth0");
    return next;
  }

  private static MigrationRequest request(Lab lab, Round round) {
    Namespace guest = lab.guest();
    return MigrationRequest.of(
            NAME,
            round.old().words(),
            round.fresh().words(),
            round.to().host().plan().name(),
            Lab.BRIDGE)
        .guestPort(round.from().port())
        .guestMac(Lab.GUEST_MAC)
        .dnsName(NameService.GUEST_NAME)
        .dnsAddresses(List.of(round.fresh().v4().toString()))
        .encapsulation(round.encapsulation())
        .holdPolicy("queue")
        .flowListCommand(String.join(" ", guest.within("ss", "-Htn")))
        .capture(round.capture())
        .request();
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
