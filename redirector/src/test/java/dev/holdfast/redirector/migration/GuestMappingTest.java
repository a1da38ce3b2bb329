package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmRequest;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowEntry;
import dev.holdfast.tunnel.endpoint.EndpointOptions;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A guest that does not know its new addresses: what is asked, what stands, what is told. */
class GuestMappingTest {
  @TempDir private Path folder;

  private static MigrationRecord record(String name, Role role, String old, String fresh) {
    return new MigrationRecord(
            new UUID(0, name.hashCode()).toString(),
            name,
            7,
            role,
            MigrationState.ARMED,
            "host-a",
            List.of(old),
            List.of(fresh),
            "52:54:00:10:00:10",
            "",
            null,
            "br0",
            List.of("10.1.0.0/24"),
            "tls",
            4,
            "symmetric",
            "queue",
            null,
            List.of(),
            null,
            "",
            0,
            null,
            List.of(),
            null,
            null,
            null,
            null)
        .ofUnaware(true);
  }

  private static MigrationRecord done(String name) {
    return record(name, Role.ENDPOINT, "10.1.0.10", "10.2.0.10")
        .entering(MigrationState.HOLDING, 1)
        .entering(MigrationState.REDIRECTING, 2)
        .entering(MigrationState.DRAINING, 3)
        .entering(MigrationState.DONE, 4);
  }

  @Test
  void aMappingOutlivesItsMigrationAtTheEndpointAlone() {
    MigrationRecord armed = record("web", Role.ENDPOINT, "10.1.0.10", "10.2.0.10");
    assertThat(GuestMapping.label(armed)).isEqualTo("prepared");
    MigrationRecord released =
        armed.entering(MigrationState.HOLDING, 1).entering(MigrationState.REDIRECTING, 2);
    assertThat(GuestMapping.label(released)).isEqualTo("on");
    assertThat(GuestMapping.label(released.entering(MigrationState.ROLLED_BACK, 3)))
        .isEqualTo("removed");
    MigrationRecord done = done("web");
    assertThat(GuestMapping.label(done)).isEqualTo("standing");
    assertThat(done.isOver()).isFalse();
    assertThat(GuestMapping.label(done.unmapped(5))).isEqualTo("removed");
    assertThat(done.unmapped(5).isOver()).isTrue();
    assertThat(done.ofUnaware(false).isOver()).isTrue();
    MigrationRecord redirector = record("web", Role.REDIRECTOR, "10.1.0.10", "10.2.0.10");
    assertThat(GuestMapping.label(redirector)).isNull();
  }

  @Test
  void whatStandsIsNotForgotten() throws IOException {
    MigrationRecord standing = done("web");
    MigrationRecord past = done("past").unmapped(5);
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(standing);
      journal.record(past);
      assertThat(journal.forgetEnded(List.of(standing.id(), past.id()))).containsExactly(past.id());
    }
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      assertThat(journal.records()).containsExactly(standing);
      journal.endLive(9); // its kernel objects were undone by cleanup
      assertThat(journal.records()).containsExactly(standing.unmapped(9));
    }
  }

  @Test
  void cleanupLeavesNoMappingOfOneThatWasAlive() throws IOException {
    MigrationRecord released =
        record("web", Role.ENDPOINT, "10.1.0.10", "10.2.0.10")
            .entering(MigrationState.HOLDING, 1)
            .entering(MigrationState.REDIRECTING, 2);
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(released);
      journal.endLive(9);
      assertThat(journal.records()).allMatch(MigrationRecord::isOver);
    }
  }

  @Test
  void nobodyElseHasItsAddresses() {
    MigrationRecord standing = done("web");
    MigrationRecord onward = record("on", Role.REDIRECTOR, "10.2.0.10", "10.3.0.10");
    assertThatThrownBy(() -> GuestMapping.requireFree(standing, onward))
        .isInstanceOf(RequestRefused.class)
        .hasMessageContaining("10.2.0.10 is mapped here by migration web")
        .hasMessageContaining("holdfast migration unmap web");
    MigrationRecord again = record("again", Role.ENDPOINT, "10.1.0.10", "10.2.0.11");
    assertThatThrownBy(() -> GuestMapping.requireFree(standing, again))
        .hasMessageContaining("10.1.0.10 is mapped here");
    assertThatCode(() -> GuestMapping.requireFree(standing.unmapped(5), again))
        .doesNotThrowAnyException();
    MigrationRecord other = record("other", Role.ENDPOINT, "10.1.0.11", "10.2.0.11");
    assertThatCode(() -> GuestMapping.requireFree(standing, other)).doesNotThrowAnyException();
  }

  private static List<IpAddress> addresses(String... texts) {
    return Stream.of(texts).map(IpAddress::parse).toList();
  }

  private static List<String> mistakes(List<IpAddress> olds, List<IpAddress> news, boolean direct) {
    List<String> mistakes = new ArrayList<>();
    GuestMapping.checkRequest(olds, news, direct, mistakes);
    return mistakes;
  }

  @Test
  void addressesComeInPairs() {
    List<IpAddress> olds = addresses("10.1.0.10", "fd00:1::10");
    assertThat(mistakes(olds, addresses("fd00:2::10", "10.2.0.10"), false)).isEmpty();
    assertThat(mistakes(olds, addresses("10.2.0.10"), false))
        .singleElement()
        .asString()
        .contains("give as many of both");
    assertThat(mistakes(olds, addresses("10.2.0.10", "10.2.0.11"), false)).hasSize(1);
    assertThat(mistakes(olds, addresses("fd00:2::10", "10.2.0.10"), true))
        .singleElement()
        .asString()
        .contains("--return-path symmetric");
  }

  private static List<String> wrong(
      Config.Capture capture, String returnPath, List<byte[]> advertisements) {
    List<String> wrong = new ArrayList<>();
    GuestMapping.checkGrant(
        "host-b",
        capture,
        new ArmRequest(
            1,
            new UUID(0, 1),
            "web",
            7,
            false,
            addresses("10.1.0.10"),
            addresses("10.2.0.10"),
            null,
            "br0",
            "tls",
            returnPath,
            List.of(),
            "",
            1,
            "",
            true,
            advertisements),
        wrong);
    return wrong;
  }

  @Test
  void whatARemoteHostAsksForIsCheckedAgain() {
    assertThat(wrong(Config.Capture.TUN, "symmetric", List.of())).isEmpty();
    assertThat(wrong(Config.Capture.PCAP, "symmetric", List.of()))
        .singleElement()
        .asString()
        .contains("host-b captures by pcap", "(capture tun)");
    assertThat(wrong(Config.Capture.TUN, "direct", List.of())).hasSize(1);
    assertThat(wrong(Config.Capture.TUN, "symmetric", List.of(new byte[56])))
        .containsExactly("what is to be repeated to the guest are no router advertisements");
  }

  @Test
  void anEarlierVersionIsNotAsked() {
    MigrationRecord unaware = record("web", Role.REDIRECTOR, "10.1.0.10", "10.2.0.10");
    assertThatThrownBy(() -> GuestMapping.requireCapable(unaware, "holdfast 0.0.9", List.of()))
        .isInstanceOf(RequestRefused.class)
        .hasMessageContaining("host-a (holdfast 0.0.9) is of a version that cannot map");
    assertThatCode(
            () -> {
              GuestMapping.requireCapable(unaware.ofUnaware(false), "holdfast 0.0.9", List.of());
              GuestMapping.requireCapable(
                  unaware, "holdfast", EndpointOptions.DEFAULT.capabilities());
            })
        .doesNotThrowAnyException();
  }

  @Test
  void onlyItsOwnConnectionsWithPortsAreTracked() {
    IpAddress guest = IpAddress.parse("10.1.0.10");
    IpAddress guest6 = IpAddress.parse("fd00:1::10");
    IpAddress peer = IpAddress.parse("10.9.0.2");
    String entries =
        GuestMapping.entries(
            List.of(
                new FlowEntry(6, guest, 80, peer, 40_000),
                new FlowEntry(17, guest6, 53, IpAddress.parse("fd00:9::2"), 5_000),
                new FlowEntry(1, guest, 0, peer, 7),
                new FlowEntry(6, guest, 80, guest6, 40_000), // no packet has both families
                new FlowEntry(6, peer, 80, guest, 40_000)),
            List.of(guest, guest6));
    assertThat(entries.lines())
        .containsExactly(
            "-A -t 432000 -u SEEN_REPLY,ASSURED -s 10.9.0.2 -d 10.1.0.10 -r 10.1.0.10 -q 10.9.0.2"
                + " -p tcp --sport 40000 --dport 80 --reply-port-src 80 --reply-port-dst 40000"
                + " --state ESTABLISHED",
            "-A -t 300 -u SEEN_REPLY,ASSURED -s fd00:9::2 -d fd00:1::10 -r fd00:1::10 -q fd00:9::2"
                + " -p udp --sport 5000 --dport 53 --reply-port-src 53 --reply-port-dst 5000");
  }
}
