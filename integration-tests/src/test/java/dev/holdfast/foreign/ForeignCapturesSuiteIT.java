package dev.holdfast.foreign;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What dumpcap and tshark capture, and what editcap, mergecap, text2pcap, randpkt and tcprewrite
 * make of it: all of it is read, as many packets as capinfos counts.
 *
 * <p>Debian's package of tcpreplay has programs alone, and none of its sample captures.
 */
@Tag("suite-wire")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class ForeignCapturesSuiteIT {
  /** Of a fixture: as in {@code WireSuiteIT}, but for sums of quotes that are whole here. */
  private static final String BAD =
      "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0"
          + " || udp.checksum.status == 0 || icmp.checksum.status == 0"
          + " || icmpv6.checksum.status == 0";

  @TempDir private Path folder;
  private PingLab lab;

  @BeforeEach
  void build() throws Exception {
    lab = new PingLab();
  }

  @AfterEach
  void takeDown() throws Exception {
    lab.close();
  }

  private Path path(String name) {
    return folder.resolve(name);
  }

  private String run(String... command) throws IOException {
    return Tool.run(List.of(command));
  }

  /** Two interfaces into one pcapng file. */
  private Path captured() throws Exception {
    Path file = path("dumpcap.pcapng");
    lab.capture(
        path("words"),
        "File: ",
        List.of("dumpcap", "-q", "-i", "left0", "-i", "lo", "-w", file.toString()));
    return file;
  }

  /** As many packets as capinfos counts. */
  private ReadCapture isReadWhole(Path file) throws IOException {
    String[] columns = run("capinfos", "-c", "-M", "-T", "-r", file.toString()).strip().split("\t");
    ReadCapture read = ReadCapture.of(file);
    assertThat(read.frames()).as("%s", file).isEqualTo(Long.parseLong(columns[1])).isPositive();
    return read;
  }

  @Test
  void dumpcapsInterfaces() throws Exception {
    ReadCapture read = isReadWhole(captured());
    assertThat(read.frames()).isGreaterThanOrEqualTo(46);
    assertThat(read.linkTypes()).containsExactly(1);
    assertThat(read.hasNanos()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"-i any, 113", "-i any -y LINUX_SLL2, 276", "-i left0, 1", "-i left0 -F pcap, 1"})
  void tsharksCaptures(String options, int linkType) throws Exception {
    Path file = path("tshark.pcapng");
    List<String> command = new ArrayList<>(List.of("tshark", "-q", "-l", "-w", file.toString()));
    command.addAll(List.of(options.split(" ")));
    lab.capture(path("words"), "Capturing on", command);
    assertThat(isReadWhole(file).linkTypes()).containsExactly(linkType);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "editcap -F pcapng IN OUT",
        "editcap -F pcap IN OUT",
        "editcap -F nsecpcap IN OUT",
        "editcap -F modpcap IN OUT",
        "editcap -a 3:look IN OUT",
        "editcap --capture-comment whose IN OUT",
        "editcap --inject-secrets tls,SECRETS IN OUT",
        "editcap -s 60 IN OUT",
        "editcap -L -C 14 -T rawip IN OUT",
        "editcap -t 0.000000001 IN OUT",
        "editcap -r IN OUT 5-9",
        "editcap -D 2 -I 20 IN OUT",
        "mergecap -w OUT IN IN",
        "mergecap -a -F pcap -w OUT IN IN",
        "mergecap -I none -w OUT IN IN",
        "reordercap IN OUT",
        "tcprewrite --infile=IN --outfile=OUT --pnat=10.71.0.0/16:10.72.0.0/16"
      })
  void whatOthersMakeOfIt(String line) throws Exception {
    Path in = captured();
    if (line.startsWith("tcprewrite")) { // it reads one interface alone
      Path one = path("one.pcap");
      var unused = run("tcpdump", "-r", in.toString(), "-w", one.toString());
      in = one;
    }
    Path out = path("out");
    Path secrets =
        Files.writeString(
            path("secrets"), "CLIENT_RANDOM " + "00".repeat(32) + " " + "00".repeat(48) + "\n");
    var unused =
        run(
            line.replace("SECRETS", secrets.toString())
                .replace("OUT", out.toString())
                .replace("IN", in.toString())
                .split(" "));
    assertThat(isReadWhole(out).frames()).isPositive();
  }

  @ParameterizedTest
  @ValueSource(strings = {"ether", "rawip", "rawip4", "null", "loop", "linux-sll", "fddi"})
  void otherLinkTypes(String type) throws Exception {
    Path out = path("out");
    var unused = run("editcap", "-T", type, captured().toString(), out.toString());
    assertThat(isReadWhole(out).linkTypes()).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "arp",
        "dns",
        "eth",
        "icmp",
        "ip",
        "ipv6",
        "sctp",
        "tcp",
        "udp",
        "usb-linux",
        "tr"
      })
  void packetsOfRandomBytes(String type) throws Exception {
    Path out = path("random");
    var unused = run("randpkt", "-b", "2000", "-c", "500", "-t", type, out.toString());
    assertThat(isReadWhole(out).frames()).isEqualTo(500);
  }

  @Test
  void textThatBecameACapture() throws Exception {
    Path in = captured();
    Path text =
        Files.writeString(
            path("text"),
            run(
                "tshark",
                "-n",
                "-x",
                "-r",
                in.toString(),
                "-o",
                "ip.defragment:FALSE",
                "-o",
                "ipv6.defragment:FALSE")); // else what was put together is there once more
    for (String options : List.of("-F pcap", "-F pcapng", "-F nsecpcap", "-l 101")) {
      Path out = path("out");
      List<String> command = new ArrayList<>(List.of("text2pcap", "-q"));
      command.addAll(List.of(options.split(" ")));
      command.addAll(List.of(text.toString(), out.toString()));
      var unused = Tool.run(command);
      assertThat(isReadWhole(out).frames()).isEqualTo(ReadCapture.of(in).frames());
    }
  }

  @Test
  void tsharkFindsNoFaultWithAFixture() throws Exception {
    Path in = captured();
    Path fixture = path("fixture.pcapng");
    assertThat(ReadCapture.fixture(in, fixture).keySet()).isSubsetOf("not-ip", "icmp-control");
    assertThat(isReadWhole(fixture).frames()).isGreaterThanOrEqualTo(42);
    String faults =
        run(
            "tshark",
            "-n",
            "-r",
            fixture.toString(),
            "-o",
            "ip.check_checksum:TRUE",
            "-o",
            "tcp.check_checksum:TRUE",
            "-o",
            "udp.check_checksum:TRUE",
            "-Y",
            BAD);
    assertThat(faults).isEmpty();
    // In fragments and whole, the sums are seen to be right.
    assertThat(run("tshark", "-n", "-r", fixture.toString(), "-Y", "icmp.checksum.status == 1"))
        .isNotEmpty();
    assertThat(run("tshark", "-n", "-r", fixture.toString(), "-Y", "icmpv6.checksum.status == 1"))
        .isNotEmpty();
  }
}
