package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.PcapNgBlocks;
import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.redirector.migration.CaptureRequest;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class CaptureCommandTest {
  @TempDir private Path folder;
  private final FakeService service = new FakeService();
  private Path socket;
  private ControlServer server;

  @BeforeEach
  void start() throws IOException {
    socket = folder.resolve("c.sock");
    server = new ControlServer(socket, service);
    server.start();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private CliRun capture(String... more) {
    return CliRun.at(socket, "capture", more);
  }

  private CliRun toStream(OutputStream out, String... more) {
    Surroundings here = CliRun.SURROUNDINGS;
    Surroundings with =
        new Surroundings(
            here.daemon(),
            here.clock(),
            here.zone(),
            here.environment(),
            here.processStatus(),
            InputStream.nullInputStream(),
            out);
    List<String> arguments = new ArrayList<>(List.of("capture", "-o", "-"));
    arguments.addAll(List.of(more));
    arguments.add("--socket=" + socket);
    return CliRun.in(with, arguments.toArray(String[]::new));
  }

  /** How many packets a whole file has. */
  private static int packets(Path file) throws IOException {
    try (CaptureReader reader = CaptureReader.open(file)) {
      while (reader.next()) {
        assertThat(reader.interfaceName()).isEqualTo("inner-in");
      }
      assertThat(reader.problem()).isNull();
      return (int) reader.frames();
    }
  }

  private List<Path> files(String glob) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(each -> each.getFileName().toString().matches(glob)).sorted().toList();
    }
  }

  @Test
  void aCaptureIsAFileAndASummary() throws IOException {
    Path file = folder.resolve("a.pcapng");
    service.captures().have(10, 3, false);
    CliRun run = capture("-o", file.toString(), "--count", "10");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(packets(file)).isEqualTo(10);
    assertThat(run.out())
        .startsWith("10 packets, ")
        .contains(" in " + file + ".", "inner-in", "10 packets, 3 lost", "3 packets lost, since");
    assertThat(run.err()).isEqualTo("Capturing; Ctrl-C ends this.\n");
    assertThat(service.captures().running()).isZero();
  }

  @Test
  void theSummaryIsJsonToo() throws IOException {
    Path file = folder.resolve("a.pcapng");
    service.captures().have(10, 3, false);
    CliRun run = capture("-o", file.toString(), "--count", "10", "--json");
    assertThat(run.out().replaceAll("\\s", ""))
        .startsWith(
            "{\"schema\":\"holdfast.capture/1\",\"ended\":\"complete\",\"files\":[\"" + file)
        .contains("\"packets\":10,\"lost\":3,\"bytes\":" + Files.size(file))
        .contains("{\"name\":\"inner-in\",\"packets\":10,\"lost\":3}");
  }

  @Test
  void whatIsWantedIsAskedFor() {
    CliRun run =
        capture(
            "-o",
            folder.resolve("a.pcapng").toString(),
            "--point",
            "inner,held",
            "--flow",
            "tcp 10.1.0.10:443 10.9.0.2:50123",
            "--filter",
            "tcp port 443",
            "--snaplen",
            "96",
            "--sample",
            "100",
            "--count",
            "7",
            "--duration",
            "2s",
            "--buffer",
            "2MiB");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(service.captures().last())
        .isEqualTo(
            new CaptureRequest(
                List.of("inner", "held"),
                List.of(),
                List.of("tcp 10.1.0.10:443 10.9.0.2:50123"),
                "tcp port 443",
                96,
                100,
                7L,
                2_000L,
                2 << 20));
  }

  @Test
  void aFileThatIsThereStaysUnlessForced() throws IOException {
    Path file = folder.resolve("a.pcapng");
    Files.writeString(file, "precious");
    CliRun refused = capture("-o", file.toString());
    assertThat(refused.exitCode()).isEqualTo(2);
    assertThat(refused.err()).isEqualTo(file + " exists already: give another name, or --force.\n");
    assertThat(file).hasContent("precious");
    assertThat(service.captures().last()).as("the daemon was not asked").isNull();
    assertThat(capture("-o", file.toString(), "--force").exitCode()).isZero();
    assertThat(packets(file)).isEqualTo(10);
  }

  @Test
  void filesFollowEachOtherAndTheOldestGo() throws IOException {
    service.captures().have(100, 2, false);
    Path file = folder.resolve("a.b.pcapng");
    CliRun run = capture("-o", file.toString(), "--rotate-size", "16KiB", "--keep", "3");
    assertThat(run.exitCode()).as(run.err()).isZero();
    List<Path> left = files("a\\.b-\\d{5}\\.pcapng");
    assertThat(left).hasSize(3);
    assertThat(left.getFirst()).hasFileName("a.b-00005.pcapng");
    assertThat(left.getLast()).hasFileName("a.b-00007.pcapng");
    for (Path each : left) { // each by itself
      assertThat(Files.size(each)).isLessThan((16 << 10) + 200);
      assertThat(packets(each)).isPositive();
    }
    assertThat(run.out()).contains("there are " + left.getFirst());
    CliRun again = capture("-o", file.toString(), "--rotate-size", "16KiB");
    assertThat(again.exitCode()).as("the first is free, the fifth is not").isEqualTo(1);
    assertThat(again.err()).contains("a.b-00005.pcapng cannot be written: it is there already");
    assertThat(packets(left.getFirst())).isPositive();
  }

  @Test
  void aCaptureIsStreamed() throws IOException {
    service.captures().have(10, 0, false);
    var out = new ByteArrayOutputStream();
    CliRun run = toStream(out, "--json");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).as("standard output is the capture's").isEmpty();
    assertThat(run.err()).contains("{\"schema\":\"holdfast.capture/1\",\"ended\":");
    var blocks = new PcapNgBlocks(new ByteArrayInputStream(out.toByteArray()));
    List<PcapNgBlocks.Kind> kinds = new ArrayList<>();
    while (blocks.next()) {
      kinds.add(blocks.kind());
    }
    assertThat(kinds)
        .startsWith(
            PcapNgBlocks.Kind.SECTION,
            PcapNgBlocks.Kind.INTERFACE,
            PcapNgBlocks.Kind.INTERFACE,
            PcapNgBlocks.Kind.PACKET)
        .endsWith(PcapNgBlocks.Kind.STATISTICS)
        .hasSize(1 + 2 + 10 + 2);
  }

  @Test
  void aReaderThatGoesEndsItWithoutAFuss() throws Exception {
    service.captures().have(1_000_000, 0, true);
    OutputStream pipe =
        new OutputStream() {
          private int room = 200_000;

          @Override
          public void write(int b) throws IOException {
            room--;
            if (room < 0) {
              throw new IOException("Broken pipe");
            }
          }
        };
    CliRun run = toStream(pipe);
    assertThat(run.exitCode()).isZero();
    assertThat(run.err())
        .contains("The reader of standard output has gone.")
        .doesNotContain("\tat ");
    while (service.captures().running() > 0) { // the daemon notices
      Thread.sleep(5);
    }
  }

  @Test
  void aDiskThatIsFullIsAFailure() {
    service.captures().have(1000, 0, false);
    CliRun run = capture("-o", "/dev/full", "--force");
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains("/dev/full cannot be written: ", "No space left on device");
  }

  @Test
  void aDaemonThatStopsLeavesAWholeFile() throws Exception {
    service.captures().have(10, 0, true);
    Path file = folder.resolve("a.pcapng");
    Thread stopping =
        Thread.ofPlatform()
            .start(() -> {
              while (!Files.exists(file) || service.captures().running() == 0) {
                Thread.onSpinWait();
              }
              server.close();
            });
    CliRun run = capture("-o", file.toString());
    stopping.join();
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err()).contains("The daemon has stopped.");
    assertThat(packets(file)).isEqualTo(10);
  }

  @Test
  void aDaemonThatVanishesIsAFailureWithAReadableFile() throws IOException {
    service.captures().have(100, 0, false);
    service.captures().fail();
    Path file = folder.resolve("a.pcapng");
    CliRun run = capture("-o", file.toString());
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains("The daemon has vanished (");
    assertThat(packets(file)).isEqualTo(50);
  }

  @Test
  void whatTheDaemonRefusesIsSaid() {
    String file = folder.resolve("a.pcapng").toString();
    CliRun filter = capture("-o", file, "--filter", "port 7");
    assertThat(filter.exitCode()).isEqualTo(2);
    assertThat(filter.err()).contains("The filter 'port 7' is not understood.");
    CliRun migration = capture("-o", file, "--migration", "web9");
    assertThat(migration.exitCode()).isEqualTo(4);
    assertThat(migration.err()).contains("web9");
    assertThat(folder.resolve("a.pcapng")).as("nothing was begun").doesNotExist();
    server.close();
    CliRun nobody = capture("-o", file);
    assertThat(nobody.exitCode()).isEqualTo(3);
    assertThat(nobody.err()).contains("No holdfast daemon is running");
    assertThat(folder.resolve("a.pcapng")).doesNotExist();
  }

  @Test
  void wrongUsageIsSaidBeforeAnythingBegins() {
    String file = folder.resolve("a.pcapng").toString();
    usage("'outre' is not one of outer, inner, held", "-o", file, "--point", "outre");
    usage("--keep N is for --rotate-size", "-o", file, "--keep", "3");
    usage("keeps at least one file", "-o", file, "--keep", "0", "--rotate-size", "1MiB");
    usage("is not a size", "-o", file, "--rotate-size", "much");
    usage("did you mean \"64MiB\"", "-o", file, "--rotate-size", "64MB");
    usage("4KiB or more", "-o", file, "--rotate-size", "1KiB");
    usage("rotation needs -o FILE", "-o", "-", "--rotate-size", "1MiB");
    usage("There is no directory", "-o", folder.resolve("no/a.pcapng").toString());
    usage("is a directory: give a file's name.", "-o", folder.toString(), "--force");
    usage("has no unit", "-o", file, "--duration", "30");
    assertThat(service.captures().last()).isNull();
  }

  @Test
  void wrongUsageIsSaidThoughNoDaemonRuns() {
    server.close();
    String file = folder.resolve("a.pcapng").toString();
    usage("--flow: 'tcp 10.1.0.10' is no flow; write it as", "-o", file, "--flow", "tcp 10.1.0.10");
    usage(
        "'10.1.0.10:80x' has no port of 1 to 65535",
        "-o",
        file,
        "--flow",
        "tcp 10.1.0.10:80x 10.9.0.2:1");
    usage("The filter 'nonsense !' is not understood: ", "-o", file, "--filter", "nonsense !");
    usage("A packet is cut to 1 to 131072 bytes.", "-o", file, "--snaplen", "0");
    usage("keeps one of N packets", "-o", file, "--sample", "0");
    usage("A capture of no packets is none.", "-o", file, "--count", "0");
    usage("A capture of no time is none.", "-o", file, "--duration", "0s");
    usage("The buffer is 1 MiB to 256 MiB.", "-o", file, "--buffer", "64KiB");
    usage("The buffer is 1 MiB to 256 MiB.", "-o", file, "--buffer", "5GiB");
  }

  private void usage(String says, String... arguments) {
    CliRun run = capture(arguments);
    assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
    assertThat(run.err()).contains(says);
  }
}
