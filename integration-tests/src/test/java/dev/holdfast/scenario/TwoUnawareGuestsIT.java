package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.tunnel.packet.IpAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two guests that nobody touches move to one host: the lab's guest, and the machine that was its
 * neighbour on the old LAN. A client speaks to both from the same ports, both speak to it from the
 * same port, and they speak to each other, by old addresses and by new ones. One of them goes back
 * while the other stays.
 *
 * <pre>
 *   client -- router -- old host br0 -- vnet3 - cable - guest    later new host vnet7 - cable
 *                    |              \- vnet4 - second           later new host vnet4
 *                    \- new host br0
 * </pre>
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class TwoUnawareGuestsIT {
  private static final List<LabAddresses> BOTH = List.of(LabAddresses.V4, LabAddresses.V6);
  private static final int SILENT_PORT = 41_000;
  private static final int BUSY_PORT = 42_000;
  private static final int OUT_PORT = 44_000;
  private static final String SECOND_PORT = "vnet4";

  private final Cleanup cleanup = new Cleanup();
  private final List<Talk> silent = new ArrayList<>();
  private final List<Talk> busy = new ArrayList<>();

  @TempDir private Path folder;
  private Lab lab;
  private TwoHosts hosts;
  private TwoHosts.Untouched first;
  private TwoHosts.Untouched second;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void neitherIsTakenForTheOther() throws Exception {
    lab = Lab.build(LabOptions.plain().withPeer(true), cleanup);
    GuestCable cable = new GuestCable(lab);
    hosts = TwoHosts.start(lab, LabAddresses.V4, folder, cleanup);
    Namespace machine = Objects.requireNonNull(lab.peer());
    first = TwoHosts.Untouched.guest(lab);
    second =
        new TwoHosts.Untouched(
            "web2",
            machine,
            SECOND_PORT,
            PacketWire.mac(machine, "eth0").toString(),
            List.of(LabAddresses.V4.peer(), LabAddresses.V6.peer()),
            List.of(IpAddress.parse("10.2.0.11"), IpAddress.parse("fd00:2::11")));
    for (int i = 0; i < BOTH.size(); i++) {
      Talk.serve(lab.client(), BOTH.get(i).client(), cleanup);
      for (TwoHosts.Untouched guest : guests()) {
        Talk.serve(guest.machine(), guest.olds().get(i), cleanup);
      }
    }
    for (TwoHosts.Untouched guest : guests()) {
      hosts.arm(guest, guest == first ? "tls" : "ipip");
    }
    talkBefore();
    var forbidden =
        new ForbiddenPackets(
            guests().stream().flatMap(guest -> guest.olds().stream()).toArray(IpAddress[]::new));
    Tap tap = forbidden.watch(lab.client(), "eth0", null, null);
    cleanup.add("a tap", tap::close);

    for (TwoHosts.Untouched guest : guests()) {
      hosts.old().control().hold(guest.name());
    }
    cable.unplug();
    carrySecond(lab.oldHost(), lab.newHost());
    cable.plugInAtNewHost();
    for (TwoHosts.Untouched guest : guests()) {
      hosts.fresh().control().release(guest.name());
    }
    oldConnectionsGoOn();
    fromTheSamePorts();
    toTheSamePort();
    toEachOther();
    oldConnectionsGoOn();

    carrySecond(lab.newHost(), lab.oldHost());
    hosts.old().control().rollback(second.name(), false);
    oldConnectionsGoOn();
    newConnections(first);
    for (int i = 0; i < BOTH.size(); i++) {
      say(lab.guest(), 0, second.olds().get(i), first.olds().get(i));
      say(second.machine(), 0, first.olds().get(i), second.olds().get(i));
      say(second.machine(), 0, first.news().get(i), second.olds().get(i));
    }
    for (Talk talk : silent) {
      talk.say("still");
    }
    tap.close();
    assertThat(forbidden.seen()).as("resets and ICMP errors").isEmpty();

    for (List<Talk> each : List.of(silent, busy)) {
      for (Talk talk : each) {
        talk.close();
      }
    }
    hosts.old().control().finish(first.name(), true);
    hosts.awaitDone(Duration.ofSeconds(30));
    hosts.fresh().control().unmap(first.name(), true);
    hosts.nothingIsLeft();
  }

  private List<TwoHosts.Untouched> guests() {
    return List.of(first, second);
  }

  /** With its cable's end at the host. */
  private static void carrySecond(Namespace from, Namespace to) throws Exception {
    from.ip("link set " + SECOND_PORT + " netns " + to);
    to.sysctl("net/ipv6/conf/" + SECOND_PORT + "/disable_ipv6", "1");
    to.ip("link set " + SECOND_PORT + " master " + Lab.BRIDGE, "link set " + SECOND_PORT + " up");
  }

  private Talk open(Namespace from, int port, IpAddress to) throws Exception {
    Talk talk = Talk.open(from, port, to);
    cleanup.add("a connection", talk::close);
    return talk;
  }

  /** The client from the same two ports to each, and the guests to each other. */
  private void talkBefore() throws Exception {
    for (int i = 0; i < BOTH.size(); i++) {
      for (TwoHosts.Untouched guest : guests()) {
        silent.add(open(lab.client(), SILENT_PORT, guest.olds().get(i)));
        busy.add(open(lab.client(), BUSY_PORT, guest.olds().get(i)));
      }
      busy.add(open(lab.guest(), 0, second.olds().get(i)));
      busy.add(open(second.machine(), 0, first.olds().get(i)));
    }
    for (Talk talk : silent) {
      talk.say("once");
    }
    oldConnectionsGoOn();
  }

  private void oldConnectionsGoOn() throws Exception {
    for (Talk talk : busy) {
      talk.say("go on");
    }
  }

  /** From the ports of the old connections to both guests' new addresses. */
  private void fromTheSamePorts() throws Exception {
    for (TwoHosts.Untouched guest : guests()) {
      for (int i = 0; i < BOTH.size(); i++) {
        Talk same = open(lab.client(), SILENT_PORT, guest.news().get(i));
        assertThat(same.say(guest.name()))
            .startsWith(BOTH.get(i).client() + " ")
            .isNotEqualTo(BOTH.get(i).client() + " " + SILENT_PORT);
      }
    }
    for (int i = 0; i < silent.size(); i++) {
      IpAddress client = BOTH.get(i / 2).client();
      assertThat(silent.get(i).say("old")).isEqualTo(client + " " + SILENT_PORT);
    }
    newConnections(first);
    newConnections(second);
  }

  private void newConnections(TwoHosts.Untouched guest) throws Exception {
    for (int i = 0; i < BOTH.size(); i++) {
      say(lab.client(), 0, guest.news().get(i), BOTH.get(i).client());
      assertThat(Talk.datagram(lab.client(), 0, guest.news().get(i), "new"))
          .startsWith(BOTH.get(i).client() + " ");
    }
  }

  /** Both guests from one port to the client, whose kernel must see two machines. */
  private void toTheSamePort() throws Exception {
    for (int i = 0; i < BOTH.size(); i++) {
      for (TwoHosts.Untouched guest : guests()) {
        Talk out = open(guest.machine(), OUT_PORT, BOTH.get(i).client());
        assertThat(out.say("out")).isEqualTo(guest.news().get(i) + " " + OUT_PORT);
      }
    }
  }

  private void toEachOther() throws Exception {
    for (int i = 0; i < BOTH.size(); i++) {
      for (TwoHosts.Untouched from : guests()) {
        TwoHosts.Untouched to = from == first ? second : first;
        say(from.machine(), 0, to.olds().get(i), from.olds().get(i));
        say(from.machine(), 0, to.news().get(i), from.news().get(i));
      }
    }
  }

  private static void say(Namespace from, int port, IpAddress to, IpAddress seen) throws Exception {
    try (Talk talk = Talk.open(from, port, to)) {
      assertThat(talk.say("hello")).isEqualTo(seen + " " + talk.port());
    }
  }
}
