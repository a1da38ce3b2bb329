package dev.holdfast.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.guest.Guest;
import dev.holdfast.guest.GuestContents;
import dev.holdfast.guest.GuestImage;
import dev.holdfast.guest.Qemu;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.host.NameService;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The lab with its two daemons and the guest, which runs at host-a in the beginning. */
final class QemuLab {
  /** What the lab itself runs in the guest. */
  static final List<String> PROGRAMS = List.of("ip", "ss");

  static final String NAME = "web1";

  private static final Duration ENDED_WITHIN = Duration.ofSeconds(60);

  /** A FIN is sent again within two round trips (RFC 8985 section 7.2). */
  private static final Duration LATE_WITHIN = Duration.ofMillis(300);

  /** What joins the two sites' bridges to one LAN; for comparison. */
  private static final String L2 = "l2";

  /**
   * One of the two sites.
   *
   * @param port the guest's, when it is here
   */
  record Site(DemoHost daemon, Namespace machine, IpAddress address, String port) {}

  private final Lab lab;

  private final Path folder;
  private final Cleanup cleanup;
  private final Site a;
  private final Site b;
  private final Guest guest;
  private static final Set<IpAddress> GUEST =
      Set.of(
          LabAddresses.V4.guestOld(),
          LabAddresses.V4.guestNew(),
          LabAddresses.V6.guestOld(),
          LabAddresses.V6.guestNew());

  private final ForbiddenPackets forbidden = new ForbiddenPackets(GUEST.toArray(IpAddress[]::new));
  private final Set<Integer> closed = new HashSet<>();
  private long ending = Long.MAX_VALUE;
  private final Tap tap;
  private final List<KernelSnapshot> before;
  private final List<Qemu> expected = new ArrayList<>();
  private int places;
  private boolean isAware = true;
  private boolean isPrepared;

  /**
   * Builds it, boots the guest and starts the daemons.
   *
   * @param disk arguments of QEMU for what the guest has beside its card, at host-a
   */
  QemuLab(
      LabOptions options, Path folder, GuestContents contents, List<String> disk, Cleanup cleanup)
      throws Exception {
    this.folder = folder;
    this.cleanup = cleanup;
    long begun = System.nanoTime();
    GuestImage image = GuestImage.make(folder, contents);
    long made = System.nanoTime();
    lab = Lab.build(options, cleanup);
    // The lab's own guest is a namespace at the end of these.
    lab.oldHost().ip("link del " + Lab.OLD_PORT);
    lab.newHost().ip("link del " + Lab.NEW_PORT);
    // One LAN for both sites, below, must not make it answer on the wrong side.
    lab.router().sysctl("net/ipv4/conf/all/arp_ignore", "1");
    before = List.of(KernelSnapshot.of(lab.oldHost()), KernelSnapshot.of(lab.newHost()));
    LabAddresses v4 = LabAddresses.V4;
    a = site("host-a", lab.oldHost(), v4.oldHost(), Lab.OLD_PORT);
    b = site("host-b", lab.newHost(), v4.newHost(), Lab.NEW_PORT);
    NameService names = NameService.start(lab.router(), v4.router(), v4.guestOld(), cleanup);
    List<String> granted = List.of(v4.oldLan(), LabAddresses.V6.oldLan());
    a.daemon.start(b.daemon.asRemote(granted), names, cleanup);
    b.daemon.start(a.daemon.asRemote(granted), names, cleanup);
    guest = Guest.start(image, place(a, disk));
    cleanup.add("the guest", guest::close);
    long up = System.nanoTime();
    guest.must("ip route add default via " + v4.oldGateway() + " dev eth0");
    guest.must("ip -6 route add default via " + LabAddresses.V6.oldGateway() + " dev eth0");
    guest.must(
        "echo '#!/bin/busybox sh' >/tmp/count; echo \""
            + LineClient.SERVICE.replace("$", "\\$").replace("\"", "\\\"")
            + "\" >>/tmp/count; chmod +x /tmp/count");
    guest.serve(LineClient.PORT, "/tmp/count");
    a.daemon.awaitReady();
    b.daemon.awaitReady();
    tap = forbidden.watch(lab.client(), "eth0", null, null);
    cleanup.add("a tap", tap::close);
    System.out.printf(
        Locale.ROOT,
        "guest: image in %.1f s, up in %.1f s; daemons ready after %.1f s%n",
        (made - begun) / 1e9,
        (up - made) / 1e9,
        (System.nanoTime() - begun) / 1e9);
  }

  /**
   * What a guest may be given any time before it moves. What it sends from its old address goes to
   * its old gateway's MAC, wherever it is: at host-b Holdfast takes such frames by their source,
   * and at host-a, should it come back, they are right from its first instruction on.
   */
  private void prepareRoutes(LabAddresses lan) throws Exception {
    String ip = lan.guestOld().isV4() ? "ip" : "ip -6";
    guest.must("ping -c 1 -W 5 " + lan.oldGateway());
    guest.must(
        "%1$s neigh replace %2$s dev eth0 nud permanent lladdr $(%1$s neigh show %2$s | sed"
                .formatted(ip, lan.oldGateway())
            + " 's/.*lladdr //' | cut -d' ' -f1)");
    guest.must(
        "%s route add default via %s dev eth0 onlink table 100".formatted(ip, lan.oldGateway()));
    guest.must(ip + " rule add from " + lan.guestOld() + " lookup 100");
  }

  private Site site(String name, Namespace machine, IpAddress address, String port)
      throws IOException {
    var plan = new HostPlan(name, machine, address, Lab.BRIDGE);
    return new Site(new DemoHost(plan, folder.resolve(name)), machine, address, port);
  }

  private Guest.Place place(Site site, List<String> more) {
    boolean first = places++ == 0;
    return new Guest.Place(
        site.machine.name(),
        Lab.BRIDGE,
        site.port,
        MacAddress.parse(Lab.GUEST_MAC),
        first
            ? List.of(LabAddresses.V4.guestOld() + "/24", LabAddresses.V6.guestOld() + "/64")
            : List.of(),
        folder.resolve("qemu" + places),
        more);
  }

  Site a() {
    return a;
  }

  Site b() {
    return b;
  }

  Guest guest() {
    return guest;
  }

  /** Where clients run. */
  Namespace clientMachine() {
    return lab.client();
  }

  Path folder() {
    return folder;
  }

  /** A QEMU that waits for the guest there; it goes with the lab, if not before. */
  Qemu expectAt(Site site, List<String> more) throws Exception {
    Qemu there = guest.expectAt(place(site, more));
    expected.add(there);
    cleanup.add("QEMU at " + site.daemon.plan().name(), there::close);
    return there;
  }

  /** A client at its own machine; {@code guest} is one of the guest's addresses. */
  LineClient client(IpAddress address, Duration interval) throws Exception {
    LineClient client = LineClient.connect(lab.client(), address, interval);
    cleanup.add("a client", client::close);
    return client;
  }

  /**
   * Ends connections in good order. Over a long way a FIN may come twice, and then the guest's
   * kernel resets what it has closed ({@link ForbiddenPackets}): watched where the guest is, so
   * that it can be told from resets of others.
   */
  void finish(LineClient... clients) throws Exception {
    Guest.Place at = guest.qemu().place();
    Site site = at.host().equals(a.machine.name()) ? a : b;
    Tap atGuest = forbidden.watchEnd(site.machine, at.tap(), GUEST, null);
    cleanup.add("a tap at the guest", atGuest::close);
    ending = Math.min(ending, SystemClock.INSTANCE.epochNanos());
    for (LineClient each : clients) {
      int port = each.port();
      each.finish();
      closed.add(port);
    }
    Thread.sleep(LATE_WITHIN);
    atGuest.close();
  }

  /** A hook at that site, for that QEMU, which watches. */
  HookProcess hook(Site site, Path monitor, String... more) throws Exception {
    HookProcess hook = HookProcess.start(site.daemon, monitor, NAME, folder, List.of(more));
    cleanup.add("a hook", hook::close);
    return hook;
  }

  // ---- Holdfast ----

  /** Arms at host-a; the guest is told what it may be told in advance. */
  void arm(String encapsulation) throws Exception {
    arm(encapsulation, true);
  }

  /**
   * The same.
   *
   * @param aware whether the guest gets its new addresses; else nobody touches it
   */
  void arm(String encapsulation, boolean aware) throws Exception {
    isAware = aware;
    if (aware && !isPrepared) {
      isPrepared = true;
      prepareRoutes(LabAddresses.V4);
      prepareRoutes(LabAddresses.V6);
    }
    listFlows();
    MigrationRequest.Draft draft = request(encapsulation);
    var unused = a.daemon.control().arm((aware ? draft : draft.unaware()).request());
  }

  private MigrationRequest.Draft request(String encapsulation) {
    LabAddresses v4 = LabAddresses.V4;
    LabAddresses v6 = LabAddresses.V6;
    return MigrationRequest.of(
            NAME,
            List.of(v4.guestOld().toString(), v6.guestOld().toString()),
            List.of(v4.guestNew().toString(), v6.guestNew().toString()),
            b.daemon.plan().name(),
            Lab.BRIDGE)
        .guestPort(a.port)
        .guestMac(Lab.GUEST_MAC)
        .dnsName(NameService.GUEST_NAME)
        .dnsAddresses(List.of(v4.guestNew().toString()))
        .encapsulation(encapsulation)
        .holdPolicy("queue")
        .flowListCommand("cat " + flows());
  }

  private Path flows() {
    return folder.resolve("flows");
  }

  /**
   * The guest's own list of its connections, for the daemons. It is fetched through the serial port
   * that tests use too, so not by the daemons themselves: it is as old as its last fetch.
   */
  void listFlows() throws Exception {
    Path next = folder.resolve("flows.next");
    Files.writeString(next, guest.must("ss -Htn") + "\n");
    Files.move(next, flows(), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Makes the guest aware of where it is, if it is to be. */
  void takeAddresses(Site site) throws Exception {
    if (!isAware) {
      return;
    }
    tell(site == a ? GuestCable.oldAddresses("") : GuestCable.newAddresses(""));
  }

  /**
   * Tells a guest that keeps its addresses as much as one is told that gets others. An emulated
   * processor needs some tenths of a second for that, and its clients wait meanwhile.
   */
  void tellAsMuch() throws Exception {
    List<String> lines = new ArrayList<>();
    for (LabAddresses lan : List.of(LabAddresses.V4, LabAddresses.V6)) {
      lines.add("addr replace " + lan.inLan(lan.guestOld()) + " dev eth0");
      lines.add("route replace default via " + lan.oldGateway() + " dev eth0");
      lines.add("addr replace " + lan.inLan(lan.guestOld()) + " dev eth0");
    }
    lines.add(lines.getFirst());
    tell(lines);
  }

  private void tell(List<String> lines) throws Exception {
    guest.must("printf '%s\\n' | ip -batch -".formatted(String.join("\\n", lines)));
  }

  String state(Site site) throws Exception {
    return site.daemon.control().show(NAME).state();
  }

  /** Waits until the migration is so at a site. */
  void await(Site site, MigrationState state) throws Exception {
    long deadline = System.nanoTime() + ENDED_WITHIN.toNanos();
    while (!state(site).equals(state.label())) {
      assertThat(System.nanoTime())
          .as(
              "%s and not %s at %s; remaining: %s%n%s",
              state(site),
              state.label(),
              site.daemon.plan().name(),
              site.daemon.control().flows(NAME, true),
              site.daemon.endOfLog())
          .isLessThan(deadline);
      Thread.sleep(20);
    }
  }

  /** Waits until the migration has ended by itself; what a mapping leaves is taken away. */
  void awaitDone() throws Exception {
    await(a, MigrationState.DONE);
    await(b, MigrationState.DONE);
    if (!isAware) {
      var unused = b.daemon.control().unmap(NAME, false);
    }
  }

  // ---- one LAN for both sites, without Holdfast ----

  /** Joins the two sites' bridges, so that a guest may keep its address. */
  void joinSites() throws IOException {
    join(a, b);
    join(b, a);
  }

  private static void join(Site here, Site there) throws IOException {
    here.machine.ip(
        // such a MAC that the bridge does not take it for its own
        "link add %s address fe:00:00:00:00:77 type vxlan id 77 local %s remote %s dstport 4789"
            .formatted(L2, here.address, there.address),
        "link set " + L2 + " master " + Lab.BRIDGE + " up");
  }

  /** Takes that back. */
  void partSites() throws IOException {
    for (Site site : List.of(a, b)) {
      site.machine.ip("link del " + L2);
    }
  }

  // ---- the end ----

  /** Nobody has been sent a reset, or an ICMP error but Packet Too Big. */
  void nothingForbidden() throws Exception {
    tap.close();
    assertThat(forbidden.seen(closed, ending)).as("resets and ICMP errors").isEmpty();
  }

  /**
   * Ends every QEMU and the daemons: neither host's kernel is other than it was before they came.
   */
  void nothingIsLeft() throws Exception {
    guest.close();
    for (Qemu each : expected) {
      each.close();
    }
    a.daemon.stop();
    b.daemon.stop();
    List<String> left = new ArrayList<>();
    left.addAll(before.get(0).differences(KernelSnapshot.of(a.machine), line -> false));
    left.addAll(before.get(1).differences(KernelSnapshot.of(b.machine), line -> false));
    assertThat(left).as("left behind").isEmpty();
  }
}
