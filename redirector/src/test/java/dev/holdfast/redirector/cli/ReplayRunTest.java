package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.w3c.dom.Document;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code replay run} as a person calls it. */
class ReplayRunTest {
  private static final IpAddress GUEST = IpAddress.parse("10.1.0.10");
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final long EPOCH = 1_700_000_000_000_000_000L;

  @TempDir Path folder;
  private Path file = Path.of("");

  @BeforeEach
  void capture() throws IOException {
    file = folder.resolve("trace.pcapng");
    try (var writer = new PcapNgWriter(Files.newOutputStream(file), "a test")) {
      writer.describe("any", "", LinkLayer.RAW, 0);
      for (int i = 0; i < 20; i++) {
        boolean asks = i % 2 == 0;
        ByteBuf out = Unpooled.buffer();
        new PacketBuilder(asks ? PEER : GUEST, asks ? GUEST : PEER)
            .udp(asks ? 40_000 : 53, asks ? 53 : 40_000)
            .payload(50 + i)
            .write(out);
        writer.packet(0, EPOCH + i * 50_000_000L, out.nioBuffer(), out.readableBytes(), "");
      }
    }
  }

  private CliRun run(String options) {
    String text = "replay run " + file + (options.isEmpty() ? "" : " " + options);
    return CliRun.of(text.split(" "));
  }

  @Test
  void theFirstLineSaysWhetherItWasGood() {
    CliRun run = run("--pause 100ms");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).startsWith("GOOD: 1 of 1 connection survived (" + file + ")\n");
    assertThat(run.out()).contains("survived  udp 10.1.0.10:53 - 10.9.0.2:40000");
    assertThat(run.err()).contains("the guest is taken to be 10.1.0.10; --old says otherwise.");
  }

  @Test
  void jsonHasTheSame() {
    CliRun run = run("--old 10.1.0.10 --move-at packet:9 --pause 100ms --json --digest");

    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode json = JsonMapper.shared().readTree(run.out());
    assertThat(json.path("version").asInt()).isEqualTo(1);
    assertThat(json.path("good").asBoolean()).isTrue();
    assertThat(json.path("verdicts").path("survived").asInt()).isEqualTo(1);
    assertThat(json.path("guests").path(0).path("moved").asBoolean()).isTrue();
    assertThat(json.path("guests").path(0).path("pausedAtMillis").asDouble()).isEqualTo(400.0);
    assertThat(json.path("sha256").asString()).hasSize(64);
    assertThat(run.out())
        .isEqualTo(run("--old 10.1.0.10 --move-at packet:9 --pause 100ms --json --digest").out());
  }

  @Test
  void junitAndTapAreWhatTheyAreCalled() throws Exception {
    CliRun junit = run("--pause 100ms --format junit");
    Document xml =
        DocumentBuilderFactory.newDefaultInstance()
            .newDocumentBuilder()
            .parse(new ByteArrayInputStream(junit.out().getBytes(StandardCharsets.UTF_8)));
    assertThat(xml.getDocumentElement().getTagName()).isEqualTo("testsuites");
    assertThat(xml.getElementsByTagName("testcase").getLength()).isEqualTo(4);
    assertThat(xml.getElementsByTagName("failure").getLength()).isZero();

    assertThat(run("--pause 100ms --format tap").out())
        .startsWith("TAP version 13\n1..4\nok 1 - ")
        .contains("ok 4 - " + file + ": udp 10.1.0.10:53 - 10.9.0.2:40000");
  }

  @Test
  void limitsThatAreNotKeptAreAFailure() throws IOException {
    Path limits = folder.resolve("limits.toml");
    Files.writeString(limits, "survived = 2\nmoved = true\n");

    CliRun run = run("--pause 100ms --expect " + limits);

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.out()).startsWith("NOT GOOD: ");
    assertThat(run.out()).contains("EXPECTED  survived 2, but found 1");
    CliRun xml = run("--pause 100ms --format junit --expect " + limits);
    assertThat(xml.exitCode()).isEqualTo(1);
    assertThat(xml.out()).contains("<failure message=\"found 1\"");
  }

  @Test
  void nothingIsNotGood() throws IOException {
    assertThat(run("--old 192.0.2.77").exitCode()).isEqualTo(1);
    CliRun late = run("--move-at 100h");
    assertThat(late.exitCode()).isEqualTo(1);
    assertThat(late.out()).startsWith("NOT GOOD").contains("EXPECTED  moved true, but found false");
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length - 7));
    CliRun damaged = run("--old 10.1.0.10 --pause 100ms --format tap");
    assertThat(damaged.exitCode()).isEqualTo(1);
    assertThat(damaged.out()).contains("not ok").contains("damaged at byte");
  }

  @Test
  void whatIsReplayedIsNotWrittenOver() throws IOException {
    byte[] before = Files.readAllBytes(file);

    CliRun run = run("--old 10.1.0.10 --force --write " + file);

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("is what is read");
    assertThat(Files.readAllBytes(file)).isEqualTo(before);
  }

  @Test
  void whatPassedCanBeWritten() throws IOException {
    Path out = folder.resolve("out.pcapng");

    assertThat(run("--pause 100ms --write " + out).exitCode()).isZero();

    int packets = 0;
    try (CaptureReader reader = CaptureReader.open(out)) {
      while (reader.next()) {
        packets++;
      }
      assertThat(reader.problem()).isNull();
    }
    assertThat(packets).isGreaterThan(20);
    CliRun again = run("--pause 100ms --write " + out);
    assertThat(again.exitCode()).isEqualTo(2);
    assertThat(again.err()).contains("out.pcapng exists already: give another name, or --force.");
    assertThat(run("--pause 100ms --force --write " + out).exitCode()).isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--move-at 12 | '12' is no point in a capture",
        "--move-at packet:x | is no point in a capture; write packet:340",
        "--move-at packet:0 | packets are counted from 1",
        "--delay 5 | '5' has no unit; write a number and us, ms, s, m or h",
        "--hold-bytes 64MB | did you mean",
        "--loss 120% | is no likelihood",
        "--loss 60% --reorder 60% --encapsulation ipip | at most 100% together",
        "--reorder 1% | are for --encapsulation ipip",
        "--duplicate 1% --encapsulation tls | are for --encapsulation ipip",
        "--json --format tap | contradict each other",
        "--outage 14s | is no outage",
        "--mtu 100 | 576 to 65535",
        "--encapsulation gre | is no encapsulation: tls or ipip",
        "--hold keep | is no policy: queue or drop",
        "--hold-bytes many | is not a size",
        "--format xml | is no format: text, json, junit or tap",
        "--old 10.1.0 | --old:",
        "--guest 10.1.0.10 | is no guest",
        "--guest 10.1.0.10@1s+1s --old 10.1.0.10 | not both",
        "--expect /none/limits.toml | There is no file",
        "--expect /etc | /etc is a directory",
        "--write /none/out.pcapng | There is no directory /none.",
        "--write /etc | /etc is a directory: give a file's name.",
        "--write /proc/out.pcapng | No file can be made in /proc",
        "--pause 999999999h | is longer than a year",
        "--guest 10.1.0.10@1s+1s --guest 10.1.0.10@2s+1s | is given twice",
      })
  void wrongUsageIsSaid(String options, String words) {
    CliRun run = run(options);

    assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
    assertThat(run.err()).contains(words).doesNotContain("\tat ");
    assertThat(run.err()).as("nothing was read before").doesNotContain("is taken to be");
  }

  @Test
  void theDefaultsOfTheHelpAreTheRealOnes() {
    CliRun usual = run("--old 10.1.0.10 --move-at 200ms --digest --json");
    CliRun said =
        run(
            "--old 10.1.0.10 --move-at 200ms --digest --json --pause 1s --delay 10ms"
                + " --peer-delay 5ms --hold-age 300s --hold-bytes 64MiB --stall 1s --settle 2m");
    assertThat(usual.exitCode()).as(usual.err()).isZero();
    assertThat(said.out()).isEqualTo(usual.out());
  }

  @Test
  @Timeout(30)
  void aPipeIsReadOnceOrRefused() throws Exception {
    Path pipe = folder.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    for (String options : List.of("", "--old 10.1.0.10", "--move-at 200ms")) {
      CliRun run = CliRun.of(("replay run " + pipe + " " + options).strip().split(" "));
      assertThat(run.exitCode()).isEqualTo(2);
      assertThat(run.err())
          .startsWith(pipe + " is no regular file and can be read only once: give --old and");
    }
    byte[] whole = Files.readAllBytes(file);
    Thread.ofVirtual()
        .start(() -> {
          try {
            Files.write(pipe, whole);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
    CliRun run =
        CliRun.of(
            ("replay run " + pipe + " --old 10.1.0.10 --move-at 200ms --pause 100ms").split(" "));
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).startsWith("GOOD: 1 of 1 connection survived (" + pipe + ")\n");
  }

  @Test
  void aDiskThatIsFullIsAFailureAndNoWrongUsage() {
    CliRun run = run("--old 10.1.0.10 --pause 100ms --force --write /dev/full");
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains("/dev/full cannot be written: ", "No space left on device");
  }

  @Test
  void oneConnectionCanBeNamedInTheLimits() throws IOException {
    Path limits = folder.resolve("limits.toml");
    Files.writeString(
        limits,
        """
        [flows]
        "udp 10.1.0.10:53 - 10.9.0.2:40000" = "survived"
        "udp 10.1.0.10:53 - 10.9.0.2:40000 packet:1" = "survived"
        "udp 10.1.0.10:53 - 10.9.0.2:40000 packet:2" = "survived"
        """);
    CliRun run = run("--old 10.1.0.10 --pause 100ms --format tap --expect " + limits);
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.out())
        .containsOnlyOnce("not ok")
        .contains("10.9.0.2:40000 packet:2 survived\n# found not in the capture");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "survive = 2 | 'survive' is no limit",
        "survived = 'two' | limits.toml:1:1: 'survived' is to be a whole number",
      })
  void mistakesInLimitsAreSaid(String toml, String words) throws IOException {
    Path limits = folder.resolve("limits.toml");
    Files.writeString(limits, toml.replace("\\n", "\n").replace("'two'", "\"two\""));

    CliRun run = run("--expect " + limits);

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(words).contains("limits.toml");
  }

  @Test
  void filesThatAreNoCapturesAreSaid() throws IOException {
    Path text = Files.writeString(folder.resolve("text"), "no capture");
    Path empty = Files.writeString(folder.resolve("empty"), "");

    assertThat(CliRun.of("replay", "run", text.toString()).err()).contains("no capture file");
    assertThat(CliRun.of("replay", "run", empty.toString()).err()).contains("is empty");
    CliRun none = CliRun.of("replay", "run", "/none/trace.pcap");
    assertThat(none.err()).contains("There is no file /none/trace.pcap.");
    assertThat(none.exitCode()).isEqualTo(2);
  }

  @Test
  void namesThatTheLocaleCannotReadAreSaid() {
    for (String name : List.of("lat\ufffd.pcap", "zero\0.pcap")) {
      for (CliRun run :
          List.of(
              CliRun.of("replay", "run", name),
              CliRun.of("replay", "record", file.toString(), "-o", name),
              CliRun.of("capture", "-o", name))) {
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err())
            .containsIgnoringCase(
                "the name '" + name + "' cannot be read in the locale's character set")
            .doesNotContain("Exception");
      }
    }
  }

  @Test
  void whoseCaptureItIsIsAsked() throws IOException {
    Path both = folder.resolve("both.pcapng");
    try (var writer = new PcapNgWriter(Files.newOutputStream(both), "a test")) {
      writer.describe("any", "", LinkLayer.RAW, 0);
      ByteBuf out = Unpooled.buffer();
      new PacketBuilder(PEER, GUEST).udp(53, 53).payload(3).write(out);
      writer.packet(0, EPOCH, out.nioBuffer(), out.readableBytes(), "");
    }

    CliRun run = CliRun.of("replay", "run", both.toString());

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("Give it with --old; the busiest are 10.1.0.10, 10.9.0.2.");
  }
}
