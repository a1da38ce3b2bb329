package dev.holdfast.foreign;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Tool;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What tcpdump captures, in all the ways that it has of one link. */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class TcpdumpCapturesIT {

  /** Of what tcpdump says; sums are hexadecimal digits and may end in "bad". */
  private static final Pattern FAULT = Pattern.compile("incorrect|wrong|(?<![0-9a-f])bad[ -]");

  @TempDir private Path folder;

  private Path capture(String... options) throws Exception {
    Path file = folder.resolve("capture.pcap");
    List<String> tcpdump =
        new ArrayList<>(
            List.of("tcpdump", "-Zroot", "-U", "--immediate-mode", "-w", file.toString()));
    tcpdump.addAll(Arrays.asList(options));
    try (var lab = new PingLab()) {
      lab.capture(folder.resolve("words"), "listening on", tcpdump);
    }
    return file;
  }

  private static long counted(Path file) throws IOException {
    return Tool.run(List.of("tcpdump", "-nn", "-r", file.toString())).lines().count();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "-i left0 | 1 | false | 40",
        "-i left0 --time-stamp-precision=nano | 1 | true | 40",
        "-i left0 -s 60 | 1 | false | 40",
        "-i any | 276 | false | 46",
        "-i any -y LINUX_SLL | 113 | false | 46",
        "-i any -y LINUX_SLL2 --time-stamp-precision=nano | 276 | true | 46",
        "-i lo | 1 | false | 6"
      })
  void isReadWhole(String options, int linkType, boolean nanos, int least) throws Exception {
    Path file = capture(options.split(" "));
    ReadCapture read = ReadCapture.of(file);
    assertThat(read.frames()).isEqualTo(counted(file)).isGreaterThanOrEqualTo(least);
    assertThat(read.linkTypes()).containsExactly(linkType);
    assertThat(read.hasNanos()).isEqualTo(nanos);
    assertThat(read.description()).contains(nanos ? "nanoseconds" : "microseconds");
    packedIsTheSame(file, read);
  }

  private void packedIsTheSame(Path file, ReadCapture read) throws IOException {
    Path packed = folder.resolve("capture.pcap.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
      Files.copy(file, out);
    }
    assertThat(ReadCapture.of(packed).frames()).isEqualTo(read.frames());
    assertThat(ReadCapture.diff(file, packed).isSame()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"left0, 1", "any, 276"})
  void tcpdumpFindsNoFaultWithAFixture(String device, int linkType) throws Exception {
    Path file = capture("-i", device);
    Path fixture = folder.resolve("fixture.pcapng");
    // ARP and neighbour discovery are about addresses.
    assertThat(ReadCapture.fixture(file, fixture).keySet()).isSubsetOf("not-ip", "icmp-control");
    ReadCapture read = ReadCapture.of(fixture);
    assertThat(read.linkTypes()).containsExactly(linkType);
    assertThat(read.frames()).isEqualTo(counted(fixture)).isGreaterThanOrEqualTo(36);
    List<String> printed =
        Tool.run(List.of("tcpdump", "-nn", "-e", "-vv", "-r", fixture.toString())).lines().toList();
    assertThat(printed).noneMatch(line -> FAULT.matcher(line).find());
    assertThat(printed).noneMatch(line -> line.contains("10.71.") || line.contains("fd71:"));
    assertThat(printed).anyMatch(line -> line.contains("192.0.2.1 > 192.0.2.2"));
    assertThat(printed).anyMatch(line -> line.contains("2001:db8::1 > 2001:db8::2"));
  }

  @Test
  void aPacketThatWasDroppedOnItsWayIsFoundMissing() throws Exception {
    Path file = capture("-i", "left0");
    Path fewer = folder.resolve("fewer.pcap");
    String unused =
        Tool.run(
            List.of(
                "tcpdump",
                "-r",
                file.toString(),
                "-w",
                fewer.toString(),
                "not (icmp[0] == 8 and icmp[6:2] == 2 and ip[2:2] == 84)"));
    var result = ReadCapture.diff(file, fewer);
    assertThat(result.counts().keySet()).isEqualTo(Set.of("missing"));
    assertThat(result.counts().get("missing")).isEqualTo(1L);
    assertThat(result.first().getFirst().flow()).isEqualTo("icmp 10.71.0.1 > 10.71.0.2");
  }
}
