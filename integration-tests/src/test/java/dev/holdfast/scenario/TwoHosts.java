package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.host.NameService;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
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
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The daemons of a lab's two hosts, and the guest's migration from one to the other, driven step by
 * step. What the lab is like is the test's business: it may have been rebuilt in any way.
 */
final class TwoHosts {
  static final String NAME = "web1";

  private static final Duration PAUSE = Duration.ofMillis(500);
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final LabAddresses addresses;
  private final DemoHost old;
  private final DemoHost fresh;
  private final List<KernelSnapshot> before;
  private final Lab lab;
  private final NameService names;

  private TwoHosts(Lab lab, LabAddresses addresses, DemoHost old, DemoHost fresh, NameService names)
      throws Exception {
    this.lab = lab;
    this.names = names;
    this.addresses = addresses;
    this.old = old;
    this.fresh = fresh;
    this.before = List.of(KernelSnapshot.of(lab.oldHost()), KernelSnapshot.of(lab.newHost()));
  }

  /** Both daemons on their hosts' bridges, as the lab has them. */
  static TwoHosts start(Lab lab, LabAddresses addresses, Path folder, Cleanup cleanup)
      throws Exception {
    return start(
        lab,
        addresses,
        new HostPlan("old-host", lab.oldHost(), addresses.oldHost(), Lab.BRIDGE),
        new HostPlan("new-host", lab.newHost(), addresses.newHost(), Lab.BRIDGE),
        folder,
        cleanup);
  }

  /** Both daemons, where and with what uplink the plans say. */
  static TwoHosts start(
      Lab lab,
      LabAddresses addresses,
      HostPlan oldPlan,
      HostPlan newPlan,
      Path folder,
      Cleanup cleanup)
      throws Exception {
    var old = new DemoHost(oldPlan, folder.resolve("old"));
    var fresh = new DemoHost(newPlan, folder.resolve("new"));
    NameService names =
        NameService.start(lab.router(), addresses.router(), addresses.guestOld(), cleanup);
    List<String> granted = List.of(LabAddresses.V4.oldLan(), LabAddresses.V6.oldLan());
    var both = new TwoHosts(lab, addresses, old, fresh, names);
    old.unrehearsed(); // nothing is measured here
    fresh.unrehearsed();
    old.start(fresh.asRemote(granted), names, cleanup);
    fresh.start(old.asRemote(granted), names, cleanup);
    old.awaitReady();
    fresh.awaitReady();
    return both;
  }

  DemoHost old() {
    return old;
  }

  DemoHost fresh() {
    return fresh;
  }

  NameService names() {
    return names;
  }

  /** A request with the lab's ports and bridges. */
  MigrationRequest request(String encapsulation) {
    return request(encapsulation, null, Lab.OLD_PORT, Lab.BRIDGE);
  }

  MigrationRequest request(
      String encapsulation, @Nullable String from, @Nullable String guestPort, String deliver) {
    return MigrationRequest.of(
            NAME,
            List.of(addresses.guestOld().toString()),
            List.of(addresses.guestNew().toString()),
            fresh.plan().name(),
            deliver)
        .from(from)
        .guestPort(guestPort)
        .guestMac(Lab.GUEST_MAC)
        .dnsName(NameService.GUEST_NAME)
        .encapsulation(encapsulation)
        .holdPolicy("queue")
        .flowListCommand(String.join(" ", lab.guest().within("ss", "-Htn")))
        .request();
  }

  /** A guest that nobody touches, with addresses of both families. */
  record Untouched(
      String name,
      Namespace machine,
      String port,
      String mac,
      List<IpAddress> olds,
      List<IpAddress> news) {

    /** The lab's own guest. */
    static Untouched guest(Lab lab) {
      return new Untouched(
          NAME,
          lab.guest(),
          Lab.OLD_PORT,
          Lab.GUEST_MAC,
          List.of(LabAddresses.V4.guestOld(), LabAddresses.V6.guestOld()),
          List.of(LabAddresses.V4.guestNew(), LabAddresses.V6.guestNew()));
    }
  }

  MigrationView arm(Untouched guest, String encapsulation) throws Exception {
    return arm(
        MigrationRequest.of(
                guest.name(),
                guest.olds().stream().map(IpAddress::toString).toList(),
                guest.news().stream().map(IpAddress::toString).toList(),
                fresh.plan().name(),
                Lab.BRIDGE)
            .guestPort(guest.port())
            .guestMac(guest.mac())
            .encapsulation(encapsulation)
            .holdPolicy("queue")
            .flowListCommand(String.join(" ", guest.machine().within("ss", "-Htn")))
            .unaware()
            .request());
  }

  MigrationView arm(MigrationRequest request) throws Exception {
    return old.control().arm(request);
  }

  void hold() throws Exception {
    assertThat(old.control().hold(NAME).state()).isEqualTo(MigrationState.HOLDING.label());
  }

  void release() throws Exception {
    assertThat(fresh.control().release(NAME).state()).isEqualTo(MigrationState.REDIRECTING.label());
  }

  /**
   * Moves the guest from its old port to its new one, within half a second, while {@code clients}
   * have connections with it: all survive, nobody is sent a reset or an error, and in the end
   * nothing is left on either host.
   *
   * @param takeNewAddresses what the guest does once it is at the new host
   */
  void move(
      MigrationRequest request,
      List<Clients> clients,
      Cleanup.Step takeNewAddresses,
      Cleanup cleanup)
      throws Exception {
    var forbidden = new ForbiddenPackets(addresses.guestOld());
    List<Tap> taps =
        List.of(
            forbidden.watch(lab.client(), "eth0", addresses.client(), null),
            forbidden.watch(lab.router(), "to-old", null, null),
            forbidden.watch(lab.guest(), "eth0", addresses.guestOld(), null));
    for (Tap tap : taps) {
      cleanup.add("a tap", tap::close);
    }
    Workload workload =
        Workload.open(lab.guest(), addresses.guestOld(), clients, false, 1, cleanup);
    arm(request);
    GuestCable cable = new GuestCable(lab);
    workload.enter(Phase.DURING);
    hold();
    cable.unplug();
    Thread.sleep(PAUSE);
    cable.plugInAtNewHost();
    takeNewAddresses.run();
    release();
    workload.enter(Phase.AFTER);
    workload.awaitMoved(LIMIT, moved -> {});
    assertThat(Workload.echo(lab.client(), addresses.guestNew(), Duration.ofSeconds(5)))
        .as("a new connection to the new address")
        .isTrue();
    long ending = SystemClock.INSTANCE.epochNanos();
    List<ConnectionResult> results = workload.finish(Duration.ofSeconds(10));
    assertThat(results)
        .isNotEmpty()
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));
    awaitDone(Duration.ofSeconds(30));
    for (Tap tap : taps) {
      tap.close();
    }
    Set<Integer> closed =
        results.stream().map(each -> each.client().getPort()).collect(Collectors.toSet());
    assertThat(forbidden.seen(closed, ending)).as("resets and ICMP errors").isEmpty();
    nothingIsLeft();
  }

  /** Waits until the migration has ended at both hosts. */
  void awaitDone(Duration limit) throws Exception {
    long end = System.nanoTime() + limit.toNanos();
    while (true) {
      MigrationView here = old.control().show(NAME);
      MigrationView there = fresh.control().show(NAME);
      if (isDone(here) && isDone(there)) {
        return;
      }
      assertThat(System.nanoTime())
          .as(
              "%s at the old host, %s at the new one; remaining: %s%n%s",
              here.state(), there.state(), old.control().flows(NAME, true), old.endOfLog())
          .isLessThan(end);
      Thread.sleep(50);
    }
  }

  private static boolean isDone(MigrationView view) {
    return view.state().equals(MigrationState.DONE.label());
  }

  /** Ends both daemons; neither host's kernel is other than it was. */
  void nothingIsLeft() throws Exception {
    old.stop();
    fresh.stop();
    List<String> left = new ArrayList<>();
    left.addAll(before.get(0).differences(KernelSnapshot.of(lab.oldHost()), line -> false));
    left.addAll(before.get(1).differences(KernelSnapshot.of(lab.newHost()), line -> false));
    assertThat(left).as("left behind").isEmpty();
  }
}
