package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.Trace;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.time.Clock;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code replay record} and {@code replay diff} on real files. */
class ReplayCommandTest {
  @TempDir private Path folder;
  private Path capture;
  private Path fixture;

  private static Trace trace() {
    Trace trace = Trace.raw();
    for (int i = 0; i < 4; i++) {
      trace.add(
          PacketBuilder.of("10.9.0.2", "10.1.0.10")
              .tcp(40_000, 80, 1_000 + 50 * i, 1_001, 16, 512)
              .payload(50));
    }
    return trace;
  }

  @BeforeEach
  void write() throws IOException {
    capture = trace().write(folder.resolve("trace.pcapng"));
    fixture = folder.resolve("fixture.pcapng");
  }

  private CliRun record(String... more) {
    List<String> arguments = new ArrayList<>(List.of("replay", "record", capture.toString()));
    if (Arrays.stream(more).noneMatch(word -> word.startsWith("-o"))) {
      arguments.addAll(List.of("-o", fixture.toString()));
    }
    arguments.addAll(List.of(more));
    return CliRun.of(arguments.toArray(String[]::new));
  }

  private CliRun diff(Path a, Path b, String... more) {
    List<String> arguments = new ArrayList<>(List.of("replay", "diff", a.toString(), b.toString()));
    arguments.addAll(List.of(more));
    return CliRun.of(arguments.toArray(String[]::new));
  }

  // ---- record ----

  @Test
  void aFixtureIsMadeAndDescribed() throws IOException {
    CliRun run = record("--old", "10.1.0.10");
    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.out())
        .isEqualTo(
            """
            written    %s
            packets    4 of 4, %s
            stand-ins  2 addresses, 0 MAC addresses
            guest      192.0.2.10
            """
                .formatted(fixture, Amounts.bytes(Files.size(fixture))));
    assertThat(Trace.read(Files.readAllBytes(fixture))).hasSize(4);
    assertThat(diff(fixture, fixture).exitCode()).isZero();
  }

  @Test
  void aNameThatEndsInGzIsPackedAndEqualEachTime() throws IOException {
    Path packed = folder.resolve("fixture.pcapng.gz");
    assertThat(record("-o", packed.toString()).exitCode()).isZero();
    byte[] first = Files.readAllBytes(packed);
    assertThat(record("-o" + packed, "--force").exitCode()).isZero();
    assertThat(Files.readAllBytes(packed)).isEqualTo(first);
    assertThat(record().exitCode()).isZero();
    assertThat(diff(packed, fixture).exitCode()).isZero();
  }

  @Test
  void jsonTellsTheSame() {
    JsonNode json = JsonMapper.shared().readTree(record("--json", "--count", "2").out());
    assertThat(json.get("schema").asString()).isEqualTo("holdfast.replay-record/1");
    assertThat(json.get("packetsRead").asInt()).isEqualTo(2);
    assertThat(json.get("packetsWritten").asInt()).isEqualTo(2);
    assertThat(json.get("leftOut").isEmpty()).isTrue();
    assertThat(json.get("problems").isEmpty()).isTrue();
  }

  @Test
  void nothingIsOverwrittenUnasked() throws IOException {
    Files.writeString(fixture, "mine");
    CliRun run = record();
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("exists already: give another name, or --force.");
    assertThat(fixture).hasContent("mine");
    assertThat(record("--force").exitCode()).isZero();
    CliRun same = record("-o" + capture, "--force");
    assertThat(same.exitCode()).isEqualTo(2);
    assertThat(same.err()).contains("is what is read");
    onlyThese("fixture.pcapng", "trace.pcapng");
  }

  private void onlyThese(String... names) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(each -> each.getFileName().toString())).containsExactlyInAnyOrder(names);
    }
  }

  @Test
  void everythingBeforeTheDamageIsUsed() throws IOException {
    byte[] whole = Files.readAllBytes(capture);
    Files.write(capture, Arrays.copyOf(whole, whole.length - 60));
    CliRun run = record();
    assertThat(run.exitCode()).isEqualTo(5);
    assertThat(run.err())
        .contains("trace.pcapng is damaged at byte", "Everything before that is in the fixture.");
    assertThat(Trace.read(Files.readAllBytes(fixture))).hasSize(3);
    JsonNode json = JsonMapper.shared().readTree(record("--json", "--force").out());
    assertThat(json.get("problems").get(0).get("offset").asLong()).isPositive();
  }

  @Test
  void aCaptureWithoutPacketsGivesNoFile() throws IOException {
    Trace.raw().frame(new byte[40]).write(capture);
    CliRun run = record();
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err())
        .isEqualTo("Nothing was written: none of 1 packet can be taken (1 not-ip).\n");
    onlyThese("trace.pcapng");
    Trace.raw().write(capture);
    assertThat(record().err()).isEqualTo("Nothing was written: there are no packets.\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--old 10.1.0.300|--old: '10.1.0.300' is not an IP address.",
        "--old 10.1.0.1,10.1.0.2|are of one family",
        "--keep-address 10.1.0.0/40|--keep-address: prefix length 40",
        "--from 7|'--from': '7' is no point in a capture; write packet:340",
        "--until packet:0|'--until': packets are counted from 1",
        "--flow nonsense|--flow: 'nonsense' is no flow",
        "--count 0|--count must be at least 1.",
        "-o /nowhere/x.pcapng|There is no directory /nowhere.",
        "-o /tmp|is a directory",
        "-o /proc/x.pcapng|No file can be made in /proc",
        "-o - --json|where --json would be"
      })
  void wrongUsageIsToldInASentence(String line) {
    String[] parts = line.split("\\|");
    CliRun run = record(parts[0].split(" "));
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(parts[1]);
  }

  @Test
  void whatIsNotThereIsWrongUsage() {
    CliRun run = CliRun.of("replay", "record", folder + "/none", "-o", fixture.toString());
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).isEqualTo("There is no file " + folder + "/none.\n");
    CliRun many =
        CliRun.of(
            Stream.concat(
                    Stream.of("replay", "record", "-o", fixture.toString()),
                    Stream.generate(capture::toString).limit(65))
                .toArray(String[]::new));
    assertThat(many.exitCode()).isEqualTo(2);
    assertThat(many.err()).contains("65 files are more than the 64");
  }

  @Test
  void standardOutputHasTheFixtureAlone() throws IOException {
    var bytes = new ByteArrayOutputStream();
    PrintStream before = System.out;
    CliRun run;
    try {
      System.setOut(new PrintStream(bytes, true, StandardCharsets.ISO_8859_1));
      run = record("-o", "-");
    } finally {
      System.setOut(before);
    }
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains("packets    4 of 4");
    assertThat(Trace.read(bytes.toByteArray())).hasSize(4);
  }

  // ---- diff ----

  private Path changed() throws IOException {
    Trace other = Trace.raw();
    for (int i = 0; i < 4; i++) {
      other.add(
          PacketBuilder.of("10.9.0.2", "10.1.0.10")
              .ttl(i == 3 ? 63 : 64)
              .tcp(40_000, 80, 1_000 + 50 * i, i == 1 ? 1_002 : 1_001, 16, 512)
              .payload(50));
    }
    return other.write(folder.resolve("other.pcapng"));
  }

  @Test
  void theFirstDifferenceIsShown() throws IOException {
    Path other = changed();
    CliRun run = diff(capture, other);
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).isEmpty();
    assertThat(run.out())
        .isEqualTo(
            """
            packet 2 (A) / 2 (B), flow tcp 10.9.0.2:40000 > 10.1.0.10:80
              tcp.ack_raw  1001 -> 1002
            1 more: --all

            A          4 IP packets, %s
            B          4 IP packets, %s
            same       2 packets
            different  2 changed
            """
                .formatted(capture, other));
    assertThat(diff(capture, other, "--all").out()).contains("  ip.ttl  64 -> 63\n");
    assertThat(diff(capture, other, "--all", "--limit", "1").out()).contains("\n1 more\n");
    assertThat(diff(capture, other, "--ignore", "ttl,tcp.ack_raw").exitCode()).isZero();
    assertThat(diff(capture, other, "--streams").out())
        .contains("same       1 stream of TCP (200 B), 0 packets", "different  none");
  }

  @Test
  void jsonHasEachField() throws IOException {
    JsonNode json = JsonMapper.shared().readTree(diff(capture, changed(), "--json", "--all").out());
    assertThat(json.get("schema").asString()).isEqualTo("holdfast.replay-diff/1");
    assertThat(json.get("same").asBoolean()).isFalse();
    assertThat(json.get("counts").get("changed").asInt()).isEqualTo(2);
    JsonNode first = json.get("differences").get(0);
    assertThat(first.get("packetA").asInt()).isEqualTo(2);
    assertThat(first.get("fields").get(0).toString())
        .isEqualTo("{\"name\":\"tcp.ack_raw\",\"a\":\"1001\",\"b\":\"1002\",\"offset\":null}");
  }

  @Test
  void eachKindIsShownAsText() throws IOException {
    byte[] broken = Trace.bytes(PacketBuilder.of("10.9.0.2", "10.1.0.10").udp(1, 2).payload(40));
    broken[40] = 9;
    Path a =
        Trace.raw()
            .add(PacketBuilder.of("10.9.0.2", "10.1.0.10").udp(1, 2).payload(40))
            .add(PacketBuilder.of("10.9.0.2", "10.1.0.10").udp(3, 2))
            .write(folder.resolve("a"));
    Path b =
        Trace.raw()
            .add(broken)
            .add(PacketBuilder.of("fd00::2", "fd00::1").udp(4, 2))
            .write(folder.resolve("b"));
    assertThat(diff(a, b, "--all").out())
        .contains(
            "packet 1 (A) / 1 (B), flow udp 10.9.0.2:1 > 10.1.0.10:2\n"
                + "  udp.checksum.status  Good -> Bad\n"
                + "  udp.payload  at byte 12\n"
                + "    A  1c 23 2a 31 38 3f 46 4d [54]",
            "packet 2 (A) is missing in B, flow udp 10.9.0.2:3 > 10.1.0.10:2\n",
            "packet 2 (B) is not in A, flow udp [fd00::2]:4 > [fd00::1]:2\n",
            "different  1 changed, 1 extra, 1 missing\n");
  }

  @Test
  void aCaptureThatCannotBeReadToItsEndIsNotTheSame() throws IOException {
    byte[] bytes = Files.readAllBytes(capture);
    Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(bytes, bytes.length - 60));
    CliRun run = diff(cut, cut);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("is damaged at byte");
    CliRun whole = diff(capture, cut);
    assertThat(whole.exitCode()).as("the last packet may be behind the damage").isEqualTo(2);
    assertThat(whole.out())
        .contains(
            "same       3 packets\n",
            "different  none before the damage\n",
            "undecided  1 that may be behind the damage of the other\n");
    assertThat(diff(cut, capture, "--streams").exitCode()).isEqualTo(2);
    JsonNode json = JsonMapper.shared().readTree(diff(capture, cut, "--json").out());
    assertThat(json.get("same").asBoolean()).isFalse();
    assertThat(json.get("undecided").asInt()).isOne();
    assertThat(json.get("counts").isEmpty()).isTrue();
    CliRun changed = diff(cut, changed());
    assertThat(changed.exitCode()).as("packet 2 differs, before the damage").isEqualTo(1);
    assertThat(changed.out()).contains("packet 2 (A) / 2 (B)", "different  1 changed\n");
    assertThat(changed.err()).contains("is damaged at byte");
    assertThat(diff(folder.resolve("none"), capture).exitCode()).isEqualTo(2);
    assertThat(diff(capture, capture, "--ignore", "nothing").exitCode()).isEqualTo(2);
    assertThat(diff(capture, capture, "--time", "5").exitCode()).isEqualTo(2);
    assertThat(diff(capture, capture, "--limit", "0").exitCode()).isEqualTo(2);
  }

  // ---- progress ----

  /** Time goes on by a second at each look. */
  private static final class Seconds implements Clock {
    private long now;

    @Override
    public long nanoTime() {
      return now += 1_000_000_000L;
    }

    @Override
    public long epochNanos() {
      return now;
    }
  }

  @Test
  void longReadingTellsHowFarItIs() {
    List<String> said = new ArrayList<>();
    var progress = new Progress(new Seconds(), 2_000, said::add);
    int due = 0;
    for (int i = 1; i <= 100_000; i++) {
      if (progress.isDue()) {
        due++;
        progress.at(i, i / 100);
      }
    }
    assertThat(due).isEqualTo(12);
    assertThat(said)
        .hasSize(4)
        .first()
        .isEqualTo("24,576 packets, 12 % of 2.0 KiB, 8,192 packets/s");
    said.clear();
    progress = new Progress(new Seconds(), 0, said::add);
    for (int i = 1; i < 4; i++) {
      progress.at(1_000L * i, 3L << 20);
    }
    assertThat(said).containsExactly("3,000 packets, 3.0 MiB, 1,000 packets/s");
  }

  @Test
  void theSummaryIsValidJson() {
    assertThat(Json.line(new ReplayDiff.Shown.FieldEntry("a", "b", "c", null))).contains("null");
  }
}
