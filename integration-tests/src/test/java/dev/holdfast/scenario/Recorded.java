package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.PcapNgBlocks;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.ThisProgram;
import dev.holdfast.redirector.demo.lab.Tool;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** {@code holdfast capture} as a process of its own, and the packets in its file. */
final class Recorded implements AutoCloseable {
  private static final long WITHIN_SECONDS = 20;

  private final Path file;
  private final Path said;
  private final Process process;

  private Recorded(Path file, Path said, Process process) {
    this.file = file;
    this.said = said;
    this.process = process;
  }

  /** A packet as it stands in the file. */
  record Shown(String place, int linkType, byte[] bytes, int original, String comment) {}

  /** Returns when what passes is recorded. */
  static Recorded begin(DemoHost at, Path file, String... options) throws Exception {
    Path said = file.resolveSibling(file.getFileName() + ".said");
    List<String> command = new ArrayList<>(ThisProgram.command());
    command.addAll(List.of("capture", "-o", file.toString()));
    command.addAll(List.of("--socket", at.control().socket().toString()));
    command.addAll(List.of(options));
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(said.toFile()).start();
    Recorded recorded = new Recorded(file, said, process);
    while (!Files.exists(file)) { // the daemon's first blocks are in it, so it records
      assertThat(process.isAlive()).as("%s", Files.readString(said)).isTrue();
      Thread.sleep(10);
    }
    return recorded;
  }

  /** Waits until so many packets of a place are in the file. */
  void await(String place, int count) throws Exception {
    long end = System.nanoTime() + WITHIN_SECONDS * 1_000_000_000L;
    while (written(place) < count) {
      assertThat(System.nanoTime()).as("%d packets at %s", count, place).isLessThan(end);
      Thread.sleep(10);
    }
  }

  /** Of a file that is still written, whose last block may not be whole. */
  private int written(String place) throws IOException {
    var blocks = new PcapNgBlocks(new ByteArrayInputStream(Files.readAllBytes(file)));
    List<String> names = new ArrayList<>();
    int count = 0;
    try {
      while (blocks.next()) {
        switch (blocks.kind()) {
          case INTERFACE -> names.add(blocks.interfaceName());
          case PACKET -> count += names.get(blocks.interfaceNumber()).equals(place) ? 1 : 0;
          default -> {}
        }
      }
    } catch (EOFException e) {
      return count;
    }
    return count;
  }

  /** Ctrl-C. Returns what it has said. */
  String interrupt() throws Exception {
    var _ = Tool.run(List.of("kill", "-INT", Long.toString(process.pid())));
    return awaitEnd();
  }

  String awaitEnd() throws Exception {
    assertThat(process.waitFor(WITHIN_SECONDS, TimeUnit.SECONDS)).as("capture ends").isTrue();
    assertThat(process.exitValue()).as("%s", Files.readString(said)).isZero();
    return Files.readString(said);
  }

  /** Every packet; the file is whole, and says that none was lost. */
  List<Shown> packets() throws IOException {
    return read(file);
  }

  static List<Shown> read(Path file) throws IOException {
    List<Shown> packets = new ArrayList<>();
    var blocks = new PcapNgBlocks(new ByteArrayInputStream(Files.readAllBytes(file)));
    try (CaptureReader reader = CaptureReader.open(file)) {
      while (blocks.next()) {
        switch (blocks.kind()) {
          case PACKET -> {
            assertThat(reader.next()).isTrue();
            int from = reader.frame().offset();
            packets.add(
                new Shown(
                    reader.interfaceName(),
                    reader.frame().linkType(),
                    Arrays.copyOfRange(
                        reader.frame().array(), from, from + reader.frame().length()),
                    reader.frame().originalLength(),
                    blocks.comment()));
          }
          case STATISTICS -> assertThat(blocks.dropped()).isZero();
          default -> {}
        }
      }
      assertThat(reader.next()).isFalse();
      assertThat(reader.problem()).isNull();
    }
    return packets;
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
