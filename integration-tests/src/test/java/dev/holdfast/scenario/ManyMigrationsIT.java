package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.load.Phase;
import dev.holdfast.redirector.demo.load.Workload;
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.scenario.Sites.Site;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.SolicitedNode;
import dev.holdfast.tunnel.time.SystemClock;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three migrations of one host at once ({@link ManyGuestsLab} draws it), each with addresses of
 * both families, one with two of each: two of them to the same host, by TLS and by IP-in-IP, the
 * third to another host and captured by pcap; each has a name with all its addresses. One comes to
 * its end, one is taken back, while the first goes on. What happens to one is nothing to the
 * others, the connections of all of them survive, and the old LAN is told who has which address, by
 * the schedule of its RFCs.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class ManyMigrationsIT {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String GRANTED = "192.168.77.32/27,fd77::/64";
  private static final List<String> ENCAPSULATIONS = List.of("tls", "ipip", "ipip");
  private static final List<String> CAPTURES = List.of("tun", "tun", "pcap");

  /** Connections of each address. */
  private static final int EACH = 4;

  private final Cleanup cleanup = new Cleanup();
  private final List<List<Workload>> workloads = new ArrayList<>();

  /** The peers' ports of connections that came to their end. */
  private final Set<Integer> closed = new HashSet<>();

  @TempDir private Path folder;
  private ManyGuestsLab lab;
  private ManyNames names;
  private ControlClient here;
  private NeighbourLog log;
  private MacAddress alphaMac;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Tag("suite-ways")
  @Test
  void eachIsItsOwn() throws Exception {
    lab = new ManyGuestsLab(cleanup);
    names = new ManyNames(lab.hub(), cleanup);
    var sites = new Sites(folder, cleanup);
    var alpha = new Site(lab.alpha(), "alpha", "192.168.77.5:9911", "lanbr", 2);
    var beta = new Site(lab.beta(), "beta", "192.168.98.5:9922", "virbr7", 2);
    var gamma = new Site(lab.gamma(), "gamma", "192.168.120.5:9933", "br9", 2);
    List<Site> all = List.of(alpha, beta, gamma);
    for (Site site : all) {
      sites.writeConfig(site, site.equals(alpha) ? names.config(folder) : "");
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
    here = control(sites, alpha);
    List<ControlClient> there = List.of(control(sites, beta), control(sites, gamma));

    var forbidden =
        new ForbiddenPackets(
            ManyGuestsLab.GUESTS.stream()
                .flatMap(guest -> guest.olds().stream())
                .map(IpAddress::parse)
                .toArray(IpAddress[]::new));
    var peers = Set.of(ManyGuestsLab.CLIENT4, ManyGuestsLab.CLIENT6);
    Tap tap = forbidden.watchEnd(lab.client(), "c0", addresses(peers), null);
    cleanup.add("a tap", tap::close);
    for (int i = 0; i < ManyGuestsLab.COUNT; i++) {
      Set<IpAddress> olds = addresses(ManyGuestsLab.GUESTS.get(i).olds());
      Tap own = forbidden.watchEnd(lab.guest(i), "enp1s0", olds, null);
      cleanup.add("a guest's tap", own::close);
    }
    log = new NeighbourLog(lab.hub(), "hub-a");
    cleanup.add("a log of neighbours", log::close);
    alphaMac = mac(lab.alpha(), "lanbr");
    for (int i = 0; i < ManyGuestsLab.COUNT; i++) {
      workloads.add(connect(i));
      assertThat(here.arm(request(i)).encapsulation()).isEqualTo(ENCAPSULATIONS.get(i));
      assertThat(names.ttlOf(i)).as("lowered at arm").isEqualTo(List.of(1L, 1L));
    }

    // The first is held alone: what is counted for it is nobody else's.
    enter(0, Phase.DURING);
    here.hold("move0");
    lab.unplug(0);
    await(() -> here.show("move0").held().packets() > 0, "packets are held");
    for (int i = 1; i < ManyGuestsLab.COUNT; i++) {
      assertThat(here.show("move" + i).held().total()).as("held for move%d", i).isZero();
      enter(i, Phase.DURING);
      here.hold("move" + i);
      lab.unplug(i);
    }
    // In another order than that in which they were held.
    for (int i : new int[] {2, 0, 1}) {
      lab.plugInAtNewHost(i);
      assertThat(there.get(i == 2 ? 1 : 0).release("move" + i).state()).isEqualTo("redirecting");
      enter(i, Phase.AFTER);
    }
    for (int i = 0; i < ManyGuestsLab.COUNT; i++) {
      awaitMoved(i);
      MigrationView shown = here.show("move" + i);
      assertThat(shown.traffic().toGuestPackets()).as("move%d", i).isPositive();
      assertThat(shown.traffic().fromGuestPackets()).as("move%d", i).isPositive();
      assertThat(here.flows("move" + i, false))
          .filteredOn(flow -> flow.protocol().equals("tcp")) // what peers are told is there too
          .hasSize(EACH * ManyGuestsLab.GUESTS.get(i).olds().size());
    }

    for (int i = 0; i < ManyGuestsLab.COUNT; i++) {
      awaitName(i, ManyGuestsLab.GUESTS.get(i).news());
    }

    for (String old : ManyGuestsLab.GUESTS.get(0).olds()) {
      assertThat(log.announced(old, alphaMac)).as("the bridge has its frames anyway").isEmpty();
    }
    long ending = SystemClock.INSTANCE.epochNanos();
    finish(2);
    await(() -> here.show("move2").state().equals("done"), "the third is done");
    MigrationView done = here.show("move2");

    takeBackWhileNeighboursAsk(1);
    awaitName(1, ManyGuestsLab.GUESTS.get(1).olds());
    awaitName(0, ManyGuestsLab.GUESTS.get(0).news());
    assertGoesOn(0);
    MigrationView back = here.show("move1");
    assertGoesOn(0);
    assertThat(here.show("move1").traffic())
        .as("while another's packets are tunnelled")
        .isEqualTo(back.traffic());
    assertThat(here.show("move2").traffic()).isEqualTo(done.traffic());
    assertThat(here.show("move0").drops().keySet())
        .as("drops of the one that goes on")
        .isSubsetOf("replaced"); // of what was held, by its retransmission

    finish(1);
    finish(0);
    await(() -> here.show("move0").state().equals("done"), "the first is done");
    for (int i : new int[] {0, 1, 2}) {
      await(() -> names.ttlOf(i).equals(List.of(2L, 2L)), "the first TTL of name " + i);
      assertThat(names.of(i))
          .isEqualTo(
              addresses(
                  i == 1
                      ? ManyGuestsLab.GUESTS.get(i).olds()
                      : ManyGuestsLab.GUESTS.get(i).news()));
    }
    for (String old : List.of("fd77::40", "fd77::41")) {
      assertThat(lab.alpha().query("-6", "maddr", "show", "dev", "lanbr"))
          .doesNotContain(SolicitedNode.groupOf(IpAddress.parse(old)).toString());
    }
    sites.stop();
    for (int i = 0; i < all.size(); i++) {
      var after = KernelSnapshot.of(all.get(i).machine());
      assertThat(before.get(i).differences(after, line -> false)).as(all.get(i).name()).isEmpty();
    }
    cleanup.close(); // the taps have read everything then
    assertThat(forbidden.seen(closed, ending)).isEmpty();
  }

  /**
   * Somebody on the old LAN asks for the guest all the time. From the first word in the guest's
   * name on, its own or ours, nobody hears any more that this host has its addresses.
   */
  private void takeBackWhileNeighboursAsk(int number) throws Exception {
    ManyGuestsLab.Guest guest = ManyGuestsLab.GUESTS.get(number);
    MacAddress mac = MacAddress.parse(guest.mac());
    try (AutoCloseable asking = log.asking("192.168.77.1", "fd77::1", guest.olds())) {
      for (String old : guest.olds()) {
        await(() -> at(old).contains(alphaMac), "an answer for " + old);
      }
      lab.unplug(number);
      lab.plugInAtOldHost(number);
      here.rollback("move" + number, false);
      assertThat(here.show("move" + number).state()).isEqualTo("rolled-back");
      for (String old : guest.olds()) {
        await(() -> at(old).contains(mac), "an answer of the guest for " + old);
        awaitAnnounced(old, mac);
        List<MacAddress> at = at(old);
        List<MacAddress> sinceHeld = at.subList(at.indexOf(alphaMac), at.size());
        assertThat(sinceHeld.lastIndexOf(alphaMac))
            .as("who says that he has %s: %s", old, sinceHeld)
            .isLessThan(sinceHeld.indexOf(mac));
      }
    }
  }

  private List<MacAddress> at(String old) {
    return log.of(old).stream().map(NeighbourLog.Said::at).toList();
  }

  /** RFC 5227 section 2.3: twice, 2 s apart; RFC 4861 section 7.2.6: three times, 1 s apart. */
  private void awaitAnnounced(String old, MacAddress mac) throws Exception {
    boolean v4 = IpAddress.parse(old).isV4();
    int rounds = v4 ? 2 : 3;
    long apart = (v4 ? 2_000_000_000L : 1_000_000_000L) - 50_000_000; // the tap is elsewhere
    await(() -> log.announced(old, mac).size() >= rounds, old + " is announced");
    List<NeighbourLog.Said> announced = log.announced(old, mac);
    assertThat(announced).hasSize(rounds);
    for (int i = 1; i < rounds; i++) {
      assertThat(announced.get(i).epochNanos() - announced.get(i - 1).epochNanos())
          .as("from one announcement of %s to the next", old)
          .isGreaterThan(apart);
    }
  }

  /** Both families of its name, of which the migration has as many as it has old addresses. */
  private void awaitName(int number, List<String> wanted) throws Exception {
    await(() -> names.of(number).equals(addresses(wanted)), names.nameOf(number) + " is " + wanted);
  }

  private static Set<IpAddress> addresses(Collection<String> texts) {
    return texts.stream().map(IpAddress::parse).collect(Collectors.toSet());
  }

  private static MacAddress mac(Namespace machine, String device) throws Exception {
    String path = "/sys/class/net/" + device + "/address";
    return MacAddress.parse(Tool.run(machine.within("cat", path)).strip());
  }

  private ControlClient control(Sites sites, Site site) {
    return new ControlClient(sites.config(site).resolveSibling(site.name() + ".sock"));
  }

  /** A workload for each old address, so that one that is forgotten stalls. */
  private List<Workload> connect(int number) throws Exception {
    List<Workload> opened = new ArrayList<>();
    for (String old : ManyGuestsLab.GUESTS.get(number).olds()) {
      IpAddress service = IpAddress.parse(old);
      var peer = service.isV4() ? ManyGuestsLab.CLIENT4 : ManyGuestsLab.CLIENT6;
      var clients = List.of(new Clients(lab.client(), IpAddress.parse(peer), EACH));
      long seed = 100L * number + opened.size();
      opened.add(Workload.openAt(lab.guest(number), service, clients, seed, cleanup));
    }
    return opened;
  }

  private MigrationRequest request(int number) {
    ManyGuestsLab.Guest guest = ManyGuestsLab.GUESTS.get(number);
    return MigrationRequest.of(
            "move" + number, guest.olds(), guest.news(), guest.remote(), guest.deliver())
        .guestPort(guest.port())
        .guestMac(guest.mac())
        .dnsName(names.nameOf(number))
        .encapsulation(ENCAPSULATIONS.get(number))
        .flowListCommand(String.join(" ", lab.guest(number).within("ss", "-Htn")))
        .capture(CAPTURES.get(number))
        .request();
  }

  private void enter(int number, Phase phase) {
    workloads.get(number).forEach(each -> each.enter(phase));
  }

  private void awaitMoved(int number) throws Exception {
    for (Workload each : workloads.get(number)) {
      assertThat(each.awaitMoved(LIMIT, moved -> {})).as("connections that stall").isZero();
    }
  }

  /** Its connections move on, and it is they that are tunnelled. */
  private void assertGoesOn(int number) throws Exception {
    long soFar = here.show("move" + number).traffic().toGuestPackets();
    await(
        () -> here.show("move" + number).traffic().toGuestPackets() > soFar + 10,
        "packets of another migration are tunnelled");
    assertThat(here.show("move" + number).state()).isIn("redirecting", "draining");
  }

  /** Every connection ends, and none was harmed. */
  private void finish(int number) throws Exception {
    for (Workload workload : workloads.get(number)) {
      List<ConnectionResult> results = workload.finish(LIMIT);
      assertThat(results)
          .hasSize(EACH)
          .allSatisfy(one -> assertThat(one.outcome()).as("%s", one).isEqualTo(Outcome.SURVIVED));
      results.forEach(one -> closed.add(one.client().getPort()));
    }
  }

  private interface Condition {
    boolean isMet() throws Exception;
  }

  private static void await(Condition condition, String what) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.isMet()) {
      assertThat(System.nanoTime() - end).as("does not come: %s", what).isNegative();
      Thread.sleep(20);
    }
  }
}
