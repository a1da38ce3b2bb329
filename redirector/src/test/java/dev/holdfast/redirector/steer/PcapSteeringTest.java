package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What capture by pcap asks of the kernel: nft rules that drop, and nothing else. */
class PcapSteeringTest {
  private static SteeringPlan plan(@Nullable MacAddress guest) {
    return new SteeringPlan(
        "m1",
        List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00:1::10")),
        List.of(IpAddress.parse("10.2.0.10")),
        guest,
        "br0",
        MacAddress.parse("02:00:00:00:00:01"),
        "vnet3",
        List.of(IpPrefix.parse("10.1.0.2/24"), IpPrefix.parse("fd00:1::/64")),
        "hf0");
  }

  private static SteeringPlan plan() {
    return plan(MacAddress.parse("52:54:00:00:00:10"));
  }

  private static List<KernelChange> all() throws IOException {
    List<KernelChange> changes = new ArrayList<>();
    for (Steering steering :
        List.of(PcapSteering.atRedirector(plan()), PcapSteering.atEndpoint(plan()))) {
      changes.addAll(steering.shared());
      changes.addAll(steering.arm());
    }
    return changes;
  }

  @Test
  void nothingButNftIsAskedOfTheKernel() throws IOException {
    for (KernelChange change : all()) {
      List<Command> commands = new ArrayList<>(change.apply());
      commands.addAll(change.undo());
      assertThat(commands).allMatch(command -> command instanceof Command.Nft);
      assertThat(commands.toString())
          .as("no frame is changed or steered")
          .doesNotContain("ether daddr set", "meta mark", "notrack", "pkttype");
      assertThat(change.what()).isNotBlank();
      assertThat(change.undoWhat()).isNotBlank();
      if (change.undo().isEmpty()) {
        assertThat(change.undoWhat()).startsWith("nothing");
      }
    }
  }

  @Test
  void holdIsElementsAlone() {
    CaptureSteering steering = PcapSteering.atRedirector(plan());
    assertThat(steering.holdScript().lines())
        .allMatch(line -> line.startsWith("add element "))
        .contains("add element bridge holdfast_pcap captured4 { 10.1.0.10 }")
        .contains("add element netdev holdfast_pcap captured6 { fd00:1::10 }")
        .contains("add element bridge holdfast_pcap blocked { \"vnet3\" }");
    assertThat(steering.unholdScript()).as("strays stay ours").doesNotContain("netdev", "blocked");
    assertThat(steering.unblockScript()).contains("delete element bridge holdfast_pcap blocked");
  }

  @Test
  void theUndoTakesOutAllThatHoldPutsIn() throws IOException {
    CaptureSteering steering = PcapSteering.atRedirector(plan());
    String undo = steering.arm().getFirst().undo().toString();
    steering
        .holdScript()
        .lines()
        .forEach(line -> assertThat(undo).contains(line.replace("add element", "delete element")));
  }

  @Test
  void theGuestIsKnownByItsMacAtTheNewHost() throws IOException {
    String applied = PcapSteering.atEndpoint(plan()).arm().getFirst().apply().toString();
    assertThat(applied)
        .contains("netdev holdfast_pcap return4 { 52:54:00:00:00:10 . 10.1.0.10 }")
        .contains("bridge holdfast_pcap return6 { 52:54:00:00:00:10 . fd00:1::10 }")
        .contains("bridge holdfast_pcap kept6 { 52:54:00:00:00:10 . 0xfd000001");
    assertThatThrownBy(() -> PcapSteering.atEndpoint(plan(null)))
        .hasMessageContaining("--guest-mac");
  }

  @Test
  void anInterfacesNameIsMadeAChainsName() {
    assertThat(PcapTables.ingress("eth0@x.100").apply().toString())
        .contains("in_eth0_x.100 { type filter hook ingress device \"eth0@x.100\"");
  }
}
