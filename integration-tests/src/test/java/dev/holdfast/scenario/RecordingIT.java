package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.ThisProgram;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.migration.CaptureRequest;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.scenario.Recorded.Shown;
import dev.holdfast.suite.SideBySide;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code holdfast capture} at both hosts of {@link TrafficLab}, while packets are held, released
 * and tunnelled: each one is in the files as often as it has passed a place, with what became of
 * it.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class RecordingIT {
  private static final int HELD = 5;
  private static final int LIVE = 7;
  private static final int ANSWERS = 3;
  private static final int HOPS = 3;
  private static final int PAYLOAD = 100;
  private static final int PACKET = 128;
  private static final int FRAME = 5 + 10 + PACKET;

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  private static List<Crafted> datagrams(boolean toGuest, int firstPort, int count) {
    IpAddress guest = LabAddresses.V4.guestOld();
    IpAddress peer = TrafficLab.SILENT4;
    List<Crafted> made = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      PacketBuilder packet =
          toGuest
              ? new PacketBuilder(peer, guest).udp(firstPort + i, 7_000)
              : new PacketBuilder(guest, peer).udp(7_000, firstPort + i);
      made.add(new Crafted("datagram " + i, Crafted.bytes(packet.ttl(64).payload(PAYLOAD))));
    }
    return made;
  }

  @SideBySide
  @ParameterizedTest
  @CsvSource({"tls, 4", "ipip, 6"})
  void whatPassesIsInTheFile(String encapsulation, int outer) throws Exception {
    LabAddresses underlay = outer == 4 ? LabAddresses.V4 : LabAddresses.V6;
    TrafficLab there = new TrafficLab(encapsulation, "tun", underlay, folder, cleanup);
    there.arm();
    DemoHost old = there.hosts.old();
    String[] ours = {"--migration", "web1", "--filter", "udp and host " + TrafficLab.SILENT4};
    Recorded left = recording(old, "old.pcapng", ours);
    Recorded right = recording(there.hosts.fresh(), "new.pcapng", ours);
    Recorded flow =
        recording(
            old,
            "flow.pcapng",
            "--flow",
            "udp %s:20001 %s:7000".formatted(TrafficLab.SILENT4, LabAddresses.V4.guestOld()),
            "--point",
            "inner",
            "--count",
            "1");
    Process piped = piped(old);

    List<Crafted> held = datagrams(true, 10_000, HELD);
    List<Crafted> live = datagrams(true, 20_000, LIVE);
    List<Crafted> answers = datagrams(false, 30_000, ANSWERS);
    there.hold();
    there.sendToGuest(held);
    right.await("held-in", HELD); // and no longer on their way there
    there.release();
    TrafficLab.awaitAt(there.guest, held, HOPS);
    left.await("held-out", HELD); // until the old host knows of the release, it holds
    there.guest.forget();
    there.sendToGuest(live);
    there.sendFromGuest(answers);
    TrafficLab.awaitAt(there.guest, live, HOPS);
    TrafficLab.awaitAt(there.client, answers, HOPS);

    String saidLeft = left.interrupt();
    String saidRight = right.interrupt();
    boolean tls = encapsulation.equals("tls");
    assertThat(places(left.packets()))
        .isEqualTo(
            with(
                tls,
                Map.of(
                    "inner-in",
                    HELD + LIVE,
                    "inner-out",
                    ANSWERS,
                    "held-in",
                    HELD,
                    "held-out",
                    HELD),
                "sent",
                HELD,
                LIVE,
                ANSWERS));
    assertThat(places(right.packets()))
        .isEqualTo(
            with(
                tls,
                Map.of(
                    "inner-in",
                    ANSWERS,
                    "inner-out",
                    HELD + LIVE,
                    "held-in",
                    HELD,
                    "held-out",
                    HELD),
                "received",
                HELD,
                LIVE,
                ANSWERS));
    comments(left.packets(), right.packets());
    bytes(left.packets(), held, tls, underlay);
    bytes(right.packets(), held, tls, underlay);
    assertThat(saidLeft)
        .contains("Capturing; Ctrl-C ends this.", left.packets().size() + " packets, ")
        .doesNotContain("lost");
    assertThat(saidRight).contains("held-in              5 packets");
    assertThat(flow.awaitEnd()).contains("1 packet, ");
    assertThat(flow.packets())
        .singleElement()
        .satisfies(one ->
            assertThat(one.comment()).contains("flow: udp 10.1.0.10:7000 - 10.9.0.77:20001"));
    assertThat(piped.waitFor(20, TimeUnit.SECONDS)).as("a capture whose reader has gone").isTrue();
    assertThat(Files.readString(folder.resolve("piped")))
        .contains("The reader of standard output has gone.", "status 0")
        .doesNotContain("\tat ");
    refusals(old);
    there.finish();
    there.hosts.nothingIsLeft();
  }

  private Recorded recording(DemoHost at, String name, String... options) throws Exception {
    Recorded begun = Recorded.begin(at, folder.resolve(name), options);
    cleanup.add("a capture", begun::close);
    return begun;
  }

  /** Its reader takes the begin, and goes. */
  private Process piped(DemoHost at) throws Exception {
    String capture =
        String.join(" ", ThisProgram.command()) + " capture -o - --socket " + at.control().socket();
    Process process =
        new ProcessBuilder(
                "bash", "-c", capture + " | head -c 100 >/dev/null; echo status ${PIPESTATUS[0]}")
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("piped").toFile())
            .start();
    cleanup.add("a pipe", process::destroyForcibly);
    while (!Files.readString(folder.resolve("piped")).contains("Capturing")) {
      assertThat(process.isAlive()).isTrue();
      Thread.sleep(10);
    }
    return process;
  }

  private static Map<String, Integer> places(List<Shown> packets) {
    return new TreeMap<>(
        packets.stream().collect(Collectors.toMap(Shown::place, packet -> 1, Integer::sum)));
  }

  /**
   * Staging goes by TLS whatever carries live packets.
   *
   * @param way of packets for the guest
   */
  private static Map<String, Integer> with(
      boolean tls, Map<String, Integer> others, String way, int held, int live, int answers) {
    Map<String, Integer> expected = new TreeMap<>(others);
    String back = way.equals("sent") ? "received" : "sent";
    expected.put("outer-tls-" + way, tls ? held + live : held);
    expected.put(tls ? "outer-tls-" + back : "outer-ip-" + back, answers);
    if (!tls) {
      expected.put("outer-ip-" + way, live);
    }
    return expected;
  }

  private static void comments(List<Shown> left, List<Shown> right) {
    assertThat(left)
        .allSatisfy(packet -> assertThat(packet.comment()).contains("; migration: web1, "));
    assertThat(of(left, "inner-in").subList(0, HELD))
        .allSatisfy(packet ->
            assertThat(packet.comment())
                .startsWith("verdict: held; rule: guest-is-paused (")
                .contains("migration: web1, holding", "flow: udp 10.1.0.10:7000 - 10.9.0.77:1000")
                .contains("active, to the guest"));
    assertThat(of(left, "inner-in").subList(HELD, HELD + LIVE))
        .allSatisfy(packet ->
            assertThat(packet.comment())
                .startsWith("verdict: tunnelled; rule: guest-is-there (")
                .contains("flow: udp 10.1.0.10:7000 - 10.9.0.77:2000"));
    assertThat(of(left, "held-out"))
        .allSatisfy(packet -> assertThat(packet.comment()).startsWith("verdict: delivered; "));
    assertThat(of(left, "inner-out"))
        .allSatisfy(packet ->
            assertThat(packet.comment())
                .startsWith("verdict: delivered; rule: guest-answers (")
                .contains(", from the guest"));
    assertThat(of(left, "outer-tls-sent").subList(0, HELD))
        .allSatisfy(
            packet -> assertThat(packet.comment()).contains("frame: stage on data connection "));
    assertThat(of(right, "inner-out").subList(0, HELD))
        .allSatisfy(packet ->
            assertThat(packet.comment())
                .startsWith("verdict: staged; ")
                // a packet may be there before the word that this is a hold
                .containsPattern("migration: web1, (armed|holding); "));
    assertThat(of(right, "inner-out").subList(HELD, HELD + LIVE))
        .allSatisfy(packet ->
            assertThat(packet.comment()).startsWith("verdict: delivered; rule: delivered ("));
    assertThat(of(right, "held-out"))
        .allSatisfy(packet ->
            assertThat(packet.comment())
                .startsWith("verdict: delivered; ")
                .contains("web1, redirecting"));
  }

  private static List<Shown> of(List<Shown> packets, String place) {
    return packets.stream().filter(packet -> packet.place().equals(place)).toList();
  }

  /** What is held is what was sent, but for the one hop before the old host, and its own. */
  private static void bytes(
      List<Shown> packets, List<Crafted> held, boolean tls, LabAddresses underlay) {
    List<String> sent =
        held.stream().map(packet -> Crafted.comparable(packet.after(2))).sorted().toList();
    for (String place : List.of("held-in", "held-out")) {
      assertThat(
              of(packets, place).stream()
                  .map(packet -> Crafted.comparable(packet.bytes()))
                  .sorted())
          .isEqualTo(sent);
    }
    for (Shown packet : packets) {
      boolean frame = packet.place().startsWith("outer-tls");
      boolean outer = packet.place().startsWith("outer-ip");
      assertThat(packet.linkType()).isEqualTo(frame ? 147 : 101);
      assertThat(packet.bytes()).hasSize(packet.original());
      if (frame) {
        boolean stage = packet.bytes()[4] == 5;
        assertThat(packet.original()).isEqualTo(stage ? FRAME + 8 : FRAME);
      } else if (outer) {
        int header = underlay == LabAddresses.V4 ? 20 : 40;
        assertThat(packet.original()).isEqualTo(header + PACKET);
        assertThat(
                TrafficLab.names(packet.bytes(), header == 20 ? 12 : 8, underlay.oldHost())
                    || TrafficLab.names(packet.bytes(), header == 20 ? 12 : 8, underlay.newHost()))
            .as("an outer source of ours")
            .isTrue();
      } else {
        assertThat(packet.original()).isEqualTo(PACKET);
      }
    }
    assertThat(tls || packets.stream().anyMatch(packet -> packet.place().startsWith("outer-ip")))
        .isTrue();
  }

  private static void refusals(DemoHost at) {
    refused(at, "The filter 'tcp port' is not understood: ", null, null, "tcp port", null);
    refused(at, "is not understood: ", null, null, "ether host 52:54:00:10:00:10", null);
    refused(at, "'nowhere:1' has no IP address", null, "tcp nowhere:1 10.9.0.2:2", null, null);
    refused(at, "no migration 'web9' on this host", "web9", null, null, null);
    refused(at, "A packet is cut to 1 to 131072 bytes.", null, null, null, 0);
  }

  private static void refused(
      DemoHost at,
      String says,
      @Nullable String migration,
      @Nullable String flow,
      @Nullable String filter,
      @Nullable Integer snapLength) {
    CaptureRequest request =
        new CaptureRequest(
            null,
            migration == null ? null : List.of(migration),
            flow == null ? null : List.of(flow),
            filter,
            snapLength,
            null,
            null,
            null,
            null);
    assertThatThrownBy(() -> at.control().capture(request))
        .isInstanceOf(RequestRefused.class)
        .hasMessageContaining(says);
  }
}
