package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.tunnel.packet.PacketBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReplayLiveTest {
  @TempDir private Path folder;
  private String file = "";

  @BeforeEach
  void write() throws IOException {
    file = capture("10.9.0.2");
  }

  private String capture(String peer) throws IOException {
    Path path = folder.resolve(peer + ".pcapng");
    try (var writer = new PcapNgWriter(Files.newOutputStream(path), "test")) {
      int any = writer.describe("any", "", LinkLayer.RAW, 0);
      ByteBuf bytes = Unpooled.buffer();
      int unused = PacketBuilder.of(peer, "10.1.0.10").udp(1, 53).payload(9).write(bytes);
      writer.packet(any, 1, bytes.nioBuffer(), bytes.readableBytes(), "");
    }
    return path.toString();
  }

  private CliRun live(String capture, String more) {
    List<String> arguments =
        new ArrayList<>(List.of("replay", "run", capture, "--old", "10.1.0.10", "--live"));
    for (String word : more.split(" ")) {
      if (!word.isEmpty()) {
        arguments.add(word);
      }
    }
    return CliRun.of(arguments.toArray(String[]::new));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--peer-interface p0 | --live needs --peer-interface and --guest-interface",
        "--peer-interface p0 --guest-interface p0 | need an interface each",
        "P --guest-interface-after p0 | need an interface each",
        "P --speed 2 --pps 100 | Give one of --speed, --pps and --as-fast-as-possible",
        "P --pps 5 --as-fast-as-possible | Give one of --speed, --pps and --as-fast-as-possible",
        "P --speed 0 | --speed is a number from 0.001 to 1000, not '0'",
        "P --speed -1 | --speed is a number from 0.001 to 1000, not '-1'",
        "P --speed 2x | not '2x'",
        "P --speed 1e3 | not '1e3'",
        "P --pps 10000001 | --pps is a number from 0.001 to 10000000",
        "P --map 10.9.0.2 | --map: '10.9.0.2' is no pair of addresses",
        "P --map 10.9.0.2=fd00::1 | not of one address family",
        "P --map 10.9.0.2=10.1.1.1,10.9.0.2=10.1.1.2 | 10.9.0.2 is mapped twice",
        "P --map 10.9.0.2=10.1.0.10 | which is in the capture as well",
        "P --guest-mac 01:00:00:00:00:00 | is the MAC address of no single machine",
        "P --guest-mac nonsense | is not a MAC address",
        "P --guest-gateway nonsense | neither a MAC address nor an IP address",
        "P --guest-gateway 10.1.0.1,10.1.0.2 | one IP address of each address family",
        "P --peer-gateway 02:00:00:00:00:01,10.1.0.2 | is one MAC address",
        "P --loss 1% | --loss is for a replay that is not live",
        "P --encapsulation ipip | --encapsulation is for a replay that is not live",
        "P --digest | --digest is for a replay that is not live",
        "P --guest 10.1.0.10@1s+1s --guest 10.1.0.11@1s+1s | Give --guest, or --old",
      })
  void whatDoesNotGoTogetherIsSaid(String more, String said) {
    CliRun run = live(file, more.replace("P", "--peer-interface p0 --guest-interface g0"));
    assertThat(run.err()).contains(said);
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void theyAreOptionsOfALiveReplay() {
    CliRun run = CliRun.of("replay", "run", file, "--old", "10.1.0.10", "--speed", "2");
    assertThat(run.err()).contains("--speed needs --live.");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
  }

  private Surroundings allowed(String effective) throws IOException {
    Path status = Files.writeString(folder.resolve("status"), "CapEff:\t" + effective + "\n");
    return new Surroundings(
        (config, version) -> {
          throw new IOException("no daemon in this test");
        },
        CliRun.CLOCK,
        ZoneId.of("UTC"),
        Map.of(),
        status);
  }

  private CliRun in(Surroundings surroundings, String capture, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "replay",
                "run",
                capture,
                "--old",
                "10.1.0.10",
                "--live",
                "--peer-interface",
                "nope0",
                "--guest-interface",
                "nope1"));
    arguments.addAll(List.of(more));
    return CliRun.in(surroundings, arguments.toArray(String[]::new));
  }

  @Test
  void theCapabilityIsNamed() throws IOException {
    CliRun run = in(allowed("0000000000001000"), file);
    assertThat(run.err()).contains("A live replay needs CAP_NET_RAW").contains("run it as root");
    assertThat(run.exitCode()).isEqualTo(ExitCode.REFUSED);
  }

  @Test
  void anInterfaceThatIsNotThereIsNamed() throws IOException {
    CliRun run = in(allowed("0000000000002000"), file);
    assertThat(run.err()).contains("There is no interface nope0");
    assertThat(run.exitCode()).isEqualTo(ExitCode.FAILED);
  }

  @Test
  void addressesOfOthersAreRefusedUnlessMapped() throws IOException {
    String others = capture("8.8.8.8");
    CliRun run = in(allowed("0000000000002000"), others);
    assertThat(run.err()).contains("8.8.8.8, which may be somebody's on the Internet");
    assertThat(run.exitCode()).isEqualTo(ExitCode.REFUSED);
    assertThat(in(allowed("0000000000002000"), others, "--map", "8.8.8.8=10.77.0.8").err())
        .contains("There is no interface nope0");
    assertThat(in(allowed("0000000000002000"), others, "--any-address").err())
        .contains("There is no interface nope0");
  }
}
