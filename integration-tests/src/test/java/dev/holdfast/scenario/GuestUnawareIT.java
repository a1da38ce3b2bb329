package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.migration.ExplainRequest;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * A guest that nobody touches moves, in the demo's lab (drawn in {@code
 * dev.holdfast.redirector.demo.lab}): it has its old addresses and gateways for ever, and is
 * reached by its new ones.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class GuestUnawareIT {
  private static final List<LabAddresses> BOTH = List.of(LabAddresses.V4, LabAddresses.V6);
  private static final int SILENT_PORT = 41_000;
  private static final int BUSY_PORT = 42_000;
  private static final int DATAGRAM_PORT = 43_000;
  private static final String OLD_ROUTER = "fe80::aa";
  private static final String FOREIGN_PREFIX = "fd00:77::";

  private final Cleanup cleanup = new Cleanup();
  private final List<Talk> silent = new ArrayList<>();
  private final List<Talk> busy = new ArrayList<>();
  private final List<Talk> withPeer = new ArrayList<>();
  private final List<Talk> mapped = new ArrayList<>();

  @TempDir private Path folder;
  private Lab lab;
  private TwoHosts hosts;
  private GuestCable cable;
  private Namespace peer;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void aGuestThatNobodyTouchesIsReachedByItsNewAddresses() throws Exception {
    lab = Lab.build(LabOptions.plain().withPeer(true), cleanup);
    peer = Objects.requireNonNull(lab.peer());
    lab.guest().sysctl("net/ipv6/conf/eth0/accept_ra", "1"); // it would take an address
    cable = new GuestCable(lab);
    hosts = TwoHosts.start(lab, LabAddresses.V4, folder, cleanup);
    serve();
    String guest = guestConfiguration();

    arm("tls");
    assertThat(view().mapping()).isEqualTo("prepared");
    talkBefore();
    move();
    assertThat(view().mapping()).isEqualTo("on");
    oldConnectionsGoOn();
    newConnectionsAreMapped();
    rollBack();
    assertThat(guestConfiguration()).isEqualTo(guest);

    armWhereRoutersAdvertise("ipip");
    var forbidden = new ForbiddenPackets(LabAddresses.V4.guestOld(), LabAddresses.V6.guestOld());
    Tap tap = forbidden.watch(lab.client(), "eth0", null, null);
    cleanup.add("a tap", tap::close);
    AtomicInteger said = new AtomicInteger();
    Tap advertisements =
        counting(lab.guest(), "eth0", "icmp6 and ip6[40] == 134 and src " + OLD_ROUTER, said);
    cleanup.add("a tap", advertisements::close);
    move();
    theOldRouterIsRepeated(said);
    advertisements.close();
    // Not before: after a rollback the new addresses are nobody's.
    var ofNew = new ForbiddenPackets(LabAddresses.V4.guestNew(), LabAddresses.V6.guestNew());
    Tap tapOfNew = ofNew.watch(lab.client(), "eth0", null, null);
    cleanup.add("a tap", tapOfNew::close);
    oldConnectionsGoOn();
    aNewConnectionFromAnOldOnesPortDisturbsNothing();
    newConnectionsAreMapped();
    whatTheGuestBeginsIsMapped();
    theOldLanIsReached();
    nobodyElseCanHaveTheNewAddress();
    explains();
    theNewSiteRenumbers(false);
    aCrashBreaksNothing();
    tap.close();
    tapOfNew.close();
    assertThat(forbidden.seen()).as("resets and ICMP errors").isEmpty();
    assertThat(ofNew.seen()).as("resets and ICMP errors").isEmpty();

    aLeaseIsRenewedAtTheOldSite(1);
    end();
    aLeaseIsRenewedAtTheOldSite(0); // nor anywhere else
    aCrashBreaksNothing();
    unmap();
    theNewSiteRenumbers(true); // as ever, where nothing is mapped
    lab.guest().query("-6", "addr", "flush", "dev", "eth0", "dynamic");
    lab.guest().query("-6", "route", "flush", FOREIGN_PREFIX + "/64");
    assertThat(guestConfiguration()).isEqualTo(guest);
    hosts.nothingIsLeft();
  }

  // ---- the migration ----

  private void arm(String encapsulation) throws Exception {
    MigrationView armed = hosts.arm(TwoHosts.Untouched.guest(lab), encapsulation);
    assertThat(armed.guestUnaware()).isTrue();
    assertThat(armed.alerts()).anyMatch(alert -> alert.contains("unmap"));
  }

  private void move() throws Exception {
    hosts.hold();
    cable.unplug();
    Thread.sleep(300); // the pause
    cable.plugInAtNewHost();
    hosts.release();
  }

  private void rollBack() throws Exception {
    cable.unplug();
    cable.plugInAtOldHost();
    hosts.old().control().rollback(TwoHosts.NAME, false);
    assertThat(view().mapping()).isEqualTo("removed");
    mapped.clear(); // they are lost, and say nothing
    // The cable is a bridge: it has heard the old host announce the guest by the guest's own MAC.
    ping(lab.guest(), LabAddresses.V4.oldGateway());
    oldConnectionsGoOn();
    assertThat(tracked()).as("what connection tracking has of the guest").isEmpty();
  }

  private void end() throws Exception {
    for (List<Talk> each : List.of(silent, busy, withPeer)) {
      for (Talk talk : each) {
        talk.close();
      }
    }
    hosts.old().control().finish(TwoHosts.NAME, true);
    hosts.awaitDone(Duration.ofSeconds(30));
    assertThat(view().mapping()).isEqualTo("standing");
    assertThat(view().legal()).containsExactly("unmap");
    for (LabAddresses lan : BOTH) { // it is a LAN like others now
      try (Talk talk = Talk.open(lab.guest(), 0, lan.peer())) {
        assertThat(talk.say("neighbour")).isEqualTo(lan.guestNew() + " " + talk.port());
      }
    }
  }

  private void unmap() throws Exception {
    assertThatThrownBy(() -> hosts.fresh().control().unmap(TwoHosts.NAME, false))
        .isInstanceOf(RequestRefused.class)
        .hasMessageContaining("connections use 10.2.0.10, fd00:2::10");
    closeMapped();
    hosts.fresh().control().unmap(TwoHosts.NAME, true);
    assertThat(view().mapping()).isEqualTo("removed");
    assertThat(tracked()).as("what connection tracking has of the guest").isEmpty();
  }

  private void closeMapped() throws Exception {
    for (Talk talk : mapped) {
      talk.close();
    }
    mapped.clear();
  }

  private MigrationView view() throws Exception {
    return hosts.fresh().control().show(TwoHosts.NAME);
  }

  // ---- what must work ----

  private void serve() throws Exception {
    for (LabAddresses lan : BOTH) {
      Talk.serve(lab.guest(), lan.guestOld(), cleanup);
      Talk.serve(lab.client(), lan.client(), cleanup);
      Talk.serve(peer, lan.peer(), cleanup);
    }
  }

  private void talkBefore() throws Exception {
    for (LabAddresses lan : BOTH) {
      silent.add(open(SILENT_PORT, lan.guestOld()));
      busy.add(open(BUSY_PORT, lan.guestOld()));
      withPeer.add(Talk.open(peer, 0, lan.guestOld()));
      withPeer.add(Talk.open(lab.guest(), 0, lan.peer()));
    }
    for (Talk talk : withPeer) {
      cleanup.add("a connection", talk::close);
    }
    oldConnectionsGoOn();
    for (Talk talk : silent) {
      talk.say("once");
    }
  }

  private Talk open(int port, IpAddress to) throws Exception {
    Talk talk = Talk.open(lab.client(), port, to);
    cleanup.add("a connection", talk::close);
    return talk;
  }

  private void oldConnectionsGoOn() throws Exception {
    for (int i = 0; i < BOTH.size(); i++) {
      assertThat(busy.get(i).say("go on")).isEqualTo(BOTH.get(i).client() + " " + BUSY_PORT);
    }
    for (Talk talk : withPeer) {
      assertThat(talk.say("neighbour")).isNotEmpty();
    }
  }

  private void aNewConnectionFromAnOldOnesPortDisturbsNothing() throws Exception {
    for (int i = 0; i < BOTH.size(); i++) {
      LabAddresses lan = BOTH.get(i);
      Talk same = open(SILENT_PORT, lan.guestNew());
      mapped.add(same);
      assertThat(same.say("new"))
          .startsWith(lan.client() + " ")
          .isNotEqualTo(lan.client() + " " + SILENT_PORT);
      assertThat(silent.get(i).say("old")).isEqualTo(lan.client() + " " + SILENT_PORT);
      assertThat(Talk.datagram(lab.client(), DATAGRAM_PORT, lan.guestOld(), "old"))
          .isEqualTo(lan.client() + " " + DATAGRAM_PORT);
      assertThat(Talk.datagram(lab.client(), DATAGRAM_PORT, lan.guestNew(), "new"))
          .startsWith(lan.client() + " ");
    }
  }

  private void newConnectionsAreMapped() throws Exception {
    for (LabAddresses lan : BOTH) {
      Talk fresh = open(0, lan.guestNew());
      mapped.add(fresh);
      assertThat(fresh.say("new")).isEqualTo(lan.client() + " " + fresh.port());
      ping(lab.client(), lan.guestNew());
      try (Talk here = Talk.open(lab.newHost(), 0, lan.guestNew())) {
        assertThat(here.say("host")).isEqualTo(lan.newHost() + " " + here.port());
      }
    }
  }

  private void whatTheGuestBeginsIsMapped() throws Exception {
    for (LabAddresses lan : BOTH) {
      Talk out = Talk.open(lab.guest(), 0, lan.client());
      cleanup.add("a connection", out::close);
      mapped.add(out);
      assertThat(out.say("out")).isEqualTo(lan.guestNew() + " " + out.port());
      assertThat(Talk.datagram(lab.guest(), 0, lan.client(), "out"))
          .startsWith(lan.guestNew() + " ");
      ping(lab.guest(), lan.client());
    }
  }

  private void theOldLanIsReached() throws Exception {
    for (LabAddresses lan : BOTH) {
      try (Talk to = Talk.open(lab.guest(), 0, lan.peer());
          Talk from = Talk.open(peer, 0, lan.guestOld())) {
        assertThat(to.say("neighbour")).isEqualTo(lan.guestOld() + " " + to.port());
        assertThat(from.say("neighbour")).isEqualTo(lan.peer() + " " + from.port());
      }
    }
  }

  private static void ping(Namespace from, IpAddress to) throws Exception {
    assertThat(Tool.run(from.within("ping", "-n", "-c1", "-W10", to.toString())))
        .contains(" 1 received");
  }

  /** By duplicate address detection (RFC 4862 section 5.4). */
  private void nobodyElseCanHaveTheNewAddress() throws Exception {
    Namespace router = lab.router();
    router.sysctl("net/ipv6/conf/to-new/accept_dad", "1");
    router.sysctl("net/ipv6/conf/to-new/dad_transmits", "1");
    router.ip("addr add fd00:2::10/128 dev to-new");
    long end = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (!router.query("-6", "addr", "show", "dev", "to-new").contains("dadfailed")) {
      assertThat(System.nanoTime()).as("its detection fails").isLessThan(end);
      Thread.sleep(50);
    }
    router.ip("addr del fd00:2::10/128 dev to-new");
    for (String address : List.of("10.2.0.10", "fd00:2::10")) {
      router.query("neigh", "flush", "to", address);
      ping(router, IpAddress.parse(address));
      assertThat(router.query("neigh", "show", address))
          .contains(PacketWire.mac(lab.newHost(), Lab.BRIDGE).toString());
    }
  }

  private void explains() throws Exception {
    LabAddresses lan = LabAddresses.V4;
    assertThat(explained(lan.client(), lan.guestNew(), PacketView.SYN))
        .contains("delivered to the guest, whose address is 10.1.0.10");
    assertThat(explained(lan.guestOld(), lan.client(), PacketView.SYN))
        .contains("leaves at this site as 10.2.0.10");
    assertThat(explained(lan.guestOld(), lan.client(), PacketView.ACK))
        .contains("through the tunnel");
    assertThat(explained(lan.guestOld(), lan.peer(), PacketView.SYN))
        .contains("through the tunnel");
  }

  private String explained(IpAddress from, IpAddress to, int flags) throws Exception {
    ByteBuf packet = Unpooled.buffer();
    new PacketBuilder(from, to).tcp(40_000, 80, 1, 0, flags, 1_000).write(packet);
    byte[] bytes = new byte[packet.readableBytes()];
    packet.readBytes(bytes);
    return hosts
        .fresh()
        .control()
        .explain(new ExplainRequest(HexFormat.of().formatHex(bytes), false, null))
        .outcome();
  }

  // ---- what must not happen ----

  private void theNewSiteRenumbers(boolean expected) throws Exception {
    AtomicInteger offered = new AtomicInteger();
    AtomicInteger asked = new AtomicInteger();
    try (Tap guest = counting(lab.guest(), "eth0", "udp src port 67", offered);
        Tap router = counting(lab.router(), "to-new", "udp src port 68", asked)) {
      new DhcpLan(lab.router(), "to-new", LabAddresses.V4.newGateway(), lab.guest(), "eth0")
          .lease(MacAddress.parse(Lab.GUEST_MAC), IpAddress.parse("10.2.0.99"));
      assertThat(advertised()).as("an advertisement of the new site is taken").isEqualTo(expected);
    }
    assertThat(offered).as("what the new site's DHCP says to the guest").hasValue(expected ? 2 : 0);
    assertThat(asked).as("what the guest asks the new site's DHCP").hasValue(expected ? 2 : 0);
  }

  /** The guest asks the server of its lease itself (RFC 2131 section 4.4.5, RENEWING). */
  private void aLeaseIsRenewedAtTheOldSite(int expected) throws Exception {
    LabAddresses lan = LabAddresses.V4;
    AtomicInteger old = new AtomicInteger();
    AtomicInteger fresh = new AtomicInteger();
    String filter = "udp src port 68 and dst host " + lan.client();
    try (Tap atOld = counting(lab.router(), "to-old", filter + " and src " + lan.guestOld(), old);
        Tap atNew = counting(lab.router(), "to-new", filter, fresh)) {
      var from = new InetSocketAddress(lan.guestOld().toInetAddress(), 68);
      var to = new InetSocketAddress(lan.client().toInetAddress(), 67);
      try (DatagramSocket client = lab.guest().call(() -> new DatagramSocket(from))) {
        client.send(new DatagramPacket(new byte[300], 300, to));
      }
      Thread.sleep(500);
    }
    assertThat(old).as("renewals at the old site").hasValue(expected);
    assertThat(fresh).as("renewals at the new site").hasValue(0);
  }

  private static Tap counting(Namespace where, String device, String filter, AtomicInteger count)
      throws Exception {
    return Tap.open(where, device, filter, null, (epochNanos, headers) -> count.incrementAndGet());
  }

  /** A router of the new LAN advertises a prefix: does the guest take an address of it? */
  private boolean advertised() throws Exception {
    ByteBuf prefix = Unpooled.buffer(); // RFC 4861 section 4.6.2
    prefix.writeByte(3).writeByte(4).writeByte(64).writeByte(0xc0);
    prefix.writeInt(3600).writeInt(3600).writeInt(0);
    prefix.writeBytes(IpAddress.parse(FOREIGN_PREFIX).toBytes());
    advertise("to-new", "fe80::1", 0, prefix);
    for (int i = 0; i < 10; i++) {
      if (lab.guest().query("-6", "addr", "show", "dev", "eth0").contains("fd00:77:")) {
        return true;
      }
      Thread.sleep(100);
    }
    return false;
  }

  private void advertise(String device, String router, int lifetime, ByteBuf options)
      throws Exception {
    byte[] rest = new byte[8 + options.readableBytes()]; // two timers of hosts first, unspecified
    options.readBytes(rest, 8, rest.length - 8);
    ByteBuf frame = Unpooled.directBuffer(200);
    MacAddress mac = PacketWire.mac(lab.router(), device);
    Ethernet.writeHeader(frame, MacAddress.parse("33:33:00:00:00:01"), mac, Ethernet.TYPE_IPV6);
    new PacketBuilder(IpAddress.parse(router), IpAddress.parse("ff02::1"))
        .ttl(255)
        .icmp(134, 0, 64 << 24 | lifetime) // RFC 4861 section 4.2
        .payload(rest)
        .write(frame);
    boolean isSent =
        lab.router()
            .call(() -> {
              try (PacketSocket socket = PacketSocket.open(device, FrameFilter.NONE)) {
                return socket.send(frame);
              } finally {
                frame.release();
              }
            });
    assertThat(isSent).isTrue();
  }

  /** While it arms, the router of the old LAN advertises itself. */
  private void armWhereRoutersAdvertise(String encapsulation) throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    var router =
        new FutureTask<>(() -> {
          while (!over.get()) {
            advertise("to-old", OLD_ROUTER, 1800, Unpooled.EMPTY_BUFFER);
            Thread.sleep(100);
          }
          return null;
        });
    Thread.ofVirtual().start(router);
    arm(encapsulation);
    over.set(true);
    router.get();
  }

  /** The guest's IPv6 route would end with the lifetime that was last said. */
  private void theOldRouterIsRepeated(AtomicInteger said) throws Exception {
    long end = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (said.get() == 0) {
      assertThat(System.nanoTime()).as("it is not repeated").isLessThan(end);
      Thread.sleep(20);
    }
    assertThat(lab.guest().query("-6", "route", "show", "default"))
        .contains("via " + OLD_ROUTER + " dev eth0 proto ra");
  }

  private void aCrashBreaksNothing() throws Exception {
    hosts.fresh().kill();
    for (Talk talk : mapped) {
      assertThat(talk.say("nobody is there")).isNotEmpty();
    }
    hosts.fresh().startAgain();
    for (Talk talk : mapped) {
      assertThat(talk.say("somebody is there")).isNotEmpty();
    }
    newConnectionsAreMapped();
    if (view().state().equals("redirecting")) {
      oldConnectionsGoOn();
    }
  }

  /** Everything that somebody could have told the guest. */
  private String guestConfiguration() throws Exception {
    Namespace guest = lab.guest();
    return String.join(
            "\n",
            guest.query("addr", "show", "dev", "eth0"),
            guest.query("-4", "route", "show", "table", "all"),
            guest.query("-6", "route", "show", "table", "all"),
            guest.query("rule", "show"),
            guest.query("-6", "rule", "show"))
        .replaceAll(" (linkdown|dead)\\b", "")
        .replaceAll("(?m)^.* proto ra .*\\R?", ""); // it counts down
  }

  /** Lines of the new host's connection tracking that name the guest. */
  private List<String> tracked() throws Exception {
    List<String> found = new ArrayList<>();
    for (String family : List.of("ipv4", "ipv6")) {
      Tool.run(lab.newHost().within("conntrack", "-L", "-f", family))
          .lines()
          .filter(line -> line.matches(".*=(10\\.[12]\\.0\\.10|fd00:[12]::10) .*"))
          .forEach(found::add);
    }
    return found;
  }
}
