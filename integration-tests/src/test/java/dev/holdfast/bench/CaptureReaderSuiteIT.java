package dev.holdfast.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.tunnel.packet.PacketBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How many packets a second are read from a capture of 1 GB, by one processor and with a heap of 64
 * MiB: the reader alone, with headers found, a fixture made, and the capture compared with itself.
 *
 * <p>Sizes are mixed as in a network's middle: 7 short ones (acknowledgments, questions) to 4 of
 * 576 and 3 of 1500 bytes, TCP and UDP, both families, one in eight with a VLAN tag, of 400 flows.
 */
@Tag("suite-throughput")
class CaptureReaderSuiteIT {
  private static final long SIZE = 1_000_000_000L;
  private static final int KINDS = 2_800;
  private static final int[] SIZES = {
    66, 66, 70, 66, 78, 66, 90, 576, 576, 576, 576, 1_500, 1_500, 1_500
  };

  @TempDir private Path folder;

  /** As the launcher has them; a heap that a file of 1 GB does not fit into. */
  private static List<String> command(String way, Path file) {
    return List.of(
        "taskset",
        "-c",
        "0",
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xmx64m",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-cp",
        System.getProperty("java.class.path"),
        CaptureRates.class.getName(),
        way,
        file.toString());
  }

  /** Writes the capture, and tells how many packets it has. */
  private static long write(Path file) throws IOException {
    long packets = 0;
    List<byte[]> frames = frames();
    long time = 1_790_000_000_000_000_000L;
    var random = new Random(1);
    try (var writer =
        new PcapNgWriter(new BufferedOutputStream(Files.newOutputStream(file), 1 << 20), "bench")) {
      int only = writer.describe("eth0", "", LinkLayer.ETHERNET, 0);
      while (writer.written() < SIZE) {
        byte[] frame = frames.get(random.nextInt(KINDS));
        time += 1_000 + random.nextInt(5_000);
        writer.packet(only, time, ByteBuffer.wrap(frame), frame.length, "");
        packets++;
      }
    }
    return packets;
  }

  private static List<byte[]> frames() {
    List<byte[]> frames = new ArrayList<>();
    for (int i = 0; i < KINDS; i++) {
      boolean isV6 = i % 5 == 0;
      boolean isTagged = i % 8 == 0;
      int flow = i % 400;
      int size = SIZES[i % SIZES.length];
      PacketBuilder packet =
          isV6
              ? PacketBuilder.of("fd00:9::" + (flow + 1), "fd00:1::10")
              : PacketBuilder.of("10.9.0." + (flow % 250 + 1), "10.1.0.10");
      int headers = isV6 ? 40 : 20;
      if (i % 3 == 0) {
        packet.udp(10_000 + flow, 443).payload(Math.max(0, size - headers - 8));
      } else {
        packet
            .tcp(10_000 + flow, 443, 1_000L * i, 77, 16, 512)
            .payload(Math.max(0, size - headers - 20));
      }
      ByteBuf frame = Unpooled.buffer();
      frame.writeLong(0x525400000001_5254L).writeInt(0x0000_0002);
      if (isTagged) {
        frame.writeInt(0x8100_002a);
      }
      frame.writeShort(isV6 ? 0x86dd : 0x0800);
      int unused = packet.write(frame);
      byte[] bytes = new byte[frame.readableBytes()];
      frame.readBytes(bytes);
      frames.add(bytes);
    }
    return frames;
  }

  @Test
  void theRatesArePrinted() throws Exception {
    Path file = folder.resolve("mix.pcapng");
    long packets = write(file);
    double plain = rate("bytes", file, SIZE) / Files.size(file);
    System.out.printf(
        Locale.ROOT, "captures: %,d packets in %,d bytes%n", packets, Files.size(file));
    for (String way : List.of("frames", "headers", "record", "diff")) {
      double each = rate(way, file, packets);
      System.out.printf(
          Locale.ROOT,
          "captures: %-8s %,11.0f packets/s, %.2f of reading the bytes alone%n",
          way,
          each,
          each / (plain * packets));
    }
  }

  /** What there is to be read, by seconds. */
  private static double rate(String way, Path file, long least) throws Exception {
    Process process =
        new ProcessBuilder(command(way, file))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try {
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).as("%s, by 64 MiB", way).isZero();
      String[] numbers = said.strip().split(" ");
      long count = Long.parseLong(numbers[0]);
      assertThat(count).as("read by %s", way).isGreaterThanOrEqualTo(least);
      return count * 1e9 / Long.parseLong(numbers[1]);
    } finally {
      process.destroyForcibly();
    }
  }
}
