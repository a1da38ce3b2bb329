package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * A guest moves, learns there that its neighbours are at the new host's MAC, and is rolled back
 * without its card ever losing the carrier, as under QEMU: what it then sends to its gateway and to
 * its neighbours must reach them at once, and not when its kernel doubts what it knows.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class GuestReturnIT {
  private static final List<LabAddresses> BOTH = List.of(LabAddresses.V4, LabAddresses.V6);

  /** An entry that is wrong stays so for 8 s at least: 5 s of delay and three probes. */
  private static final Duration SOON = Duration.ofSeconds(3);

  private final Cleanup cleanup = new Cleanup();
  private final List<Talk> talks = new ArrayList<>();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void aGuestThatIsBackSendsToItsNeighboursAtOnce() throws Exception {
    Lab lab = Lab.build(LabOptions.plain().withPeer(true), cleanup);
    Namespace peer = Objects.requireNonNull(lab.peer());
    GuestCable cable = new GuestCable(lab);
    TwoHosts hosts = TwoHosts.start(lab, LabAddresses.V4, folder, cleanup);
    for (LabAddresses lan : BOTH) {
      Talk.serve(lab.guest(), lan.guestOld(), cleanup);
      Talk.serve(peer, lan.peer(), cleanup);
      Talk.serve(lab.oldHost(), lan.oldHost(), cleanup);
    }
    for (LabAddresses lan : BOTH) {
      open(lab.client(), lan.guestOld());
      open(peer, lan.guestOld());
      open(lab.guest(), lan.peer());
      open(lab.guest(), lan.oldHost());
    }
    hosts.arm(TwoHosts.Untouched.guest(lab), "tls");
    hosts.hold();
    cable.carryToNewHost();
    hosts.release();
    MacAddress there = PacketWire.mac(lab.newHost(), Lab.BRIDGE);
    lab.guest().query("neigh", "flush", "dev", "eth0"); // as if it had been there for long
    sayAll();
    for (IpAddress each : neighbours()) {
      assertThat(known(lab.guest(), each)).as("%s at the new host", each).isEqualTo(there);
    }

    AtomicInteger lost = new AtomicInteger();
    Tap tap =
        Tap.open(
            lab.guest(),
            "eth0",
            "ether dst " + there,
            null,
            (epochNanos, headers) -> lost.incrementAndGet());
    cleanup.add("a tap", tap::close);
    cable.carryToOldHost();
    hosts.old().control().rollback(TwoHosts.NAME, false);
    lost.set(0); // what it said before it was told
    long from = System.nanoTime();
    sayAll();
    Duration took = Duration.ofNanos(System.nanoTime() - from);
    tap.close();
    assertThat(took).as("until all are answered").isLessThan(SOON);
    assertThat(lost).as("frames to the new host's MAC").hasValue(0);
    assertThat(known(lab.guest(), LabAddresses.V4.oldGateway()))
        .isEqualTo(PacketWire.mac(lab.router(), "to-old"));
    for (Talk talk : talks) {
      talk.close();
    }
    hosts.nothingIsLeft();
  }

  private void open(Namespace from, IpAddress to) throws Exception {
    Talk talk = Talk.open(from, 0, to);
    cleanup.add("a connection", talk::close);
    talks.add(talk);
  }

  private void sayAll() throws Exception {
    for (Talk talk : talks) {
      talk.say("go on");
    }
  }

  private static List<IpAddress> neighbours() {
    return BOTH.stream()
        .flatMap(lan -> List.of(lan.oldGateway(), lan.peer(), lan.oldHost()).stream())
        .toList();
  }

  private static MacAddress known(Namespace guest, IpAddress neighbour) throws Exception {
    String shown = guest.query("neigh", "show", neighbour.toString());
    assertThat(shown).contains("lladdr ");
    return MacAddress.parse(shown.split("lladdr ", 2)[1].split(" ", 2)[0]);
  }
}
