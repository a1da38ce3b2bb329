package dev.holdfast.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.replay.GuestPlan;
import dev.holdfast.redirector.replay.Points;
import dev.holdfast.redirector.replay.Replay;
import dev.holdfast.redirector.replay.ReplayOptions;
import dev.holdfast.redirector.replay.ReplayReport;
import dev.holdfast.redirector.replay.WanOptions;
import dev.holdfast.redirector.replay.report.ReportJson;
import dev.holdfast.rules.SourceTree;
import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.buffer.PoolArenaMetric;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever is in a capture, it is replayed to its end. */
class ReplayFuzzTest {
  private static final int LONGEST_SEED = 24_000;
  private static final long MILLI = 1_000_000L;
  private static final GuestPlan GUEST =
      new GuestPlan(
          List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00:1::10")),
          new GuestPlan.Move.AtPacket(12),
          300 * MILLI);
  private static final WanOptions WAN =
      new WanOptions(10 * MILLI, 0.02, 0.02, 0.02, 1_500, List.of());

  private static ReplayOptions options(boolean byIpInIp) {
    ReplayOptions usual = ReplayOptions.of(GUEST);
    return usual.with(draft -> {
      draft.byIpInIp = byIpInIp;
      draft.connections = 2;
      draft.wan = WAN;
      draft.hold =
          new ReplayOptions.Hold(usual.hold().policy(), 20_000, usual.hold().maxAgeNanos());
      draft.drainAfterNanos = 1_000 * MILLI;
      draft.seed = 3;
      draft.settleNanos = 10_000 * MILLI;
    });
  }

  /** It says the same twice, every packet is counted once, and every buffer is given back. */
  @MethodSource("captures")
  @FuzzTest
  void replay(byte[] data) {
    long before = activeBuffers();
    for (boolean byIpInIp : new boolean[] {false, true}) {
      String first = report(data, byIpInIp);
      assertThat(report(data, byIpInIp)).isEqualTo(first);
    }
    assertThat(activeBuffers()).as("buffers leaked").isEqualTo(before);
  }

  private static @Nullable String report(byte[] data, boolean byIpInIp) {
    try (CaptureReader reader = CaptureReader.of(new ByteArrayInputStream(data), "fuzzed")) {
      ReplayReport report =
          Replay.run(
              reader, "fuzzed", options(byIpInIp), Points.NONE, (packets, bytes, nanos) -> {});
      long leftOut = report.notReplayed().values().stream().mapToLong(Long::longValue).sum();
      assertThat(report.replayedPackets() + leftOut).isEqualTo(report.packets());
      return ReportJson.of(report, List.of()).toString();
    } catch (IOException e) {
      assertThat(e.getMessage()).startsWith("fuzzed ");
      return null;
    }
  }

  private static long activeBuffers() {
    return PooledByteBufAllocator.DEFAULT.metric().directArenas().stream()
        .mapToLong(PoolArenaMetric::numActiveAllocations)
        .sum();
  }

  /** The golden captures, as far as they are short. */
  static Stream<byte[]> captures() throws IOException {
    List<byte[]> all = new ArrayList<>();
    Path golden = SourceTree.root().resolve("integration-tests").resolve("golden");
    try (Stream<Path> files = Files.walk(golden)) {
      List<Path> captures =
          files
              .filter(file -> file.getFileName().toString().startsWith("capture.pcap"))
              .sorted()
              .toList();
      for (Path file : captures) {
        byte[] bytes = Files.readAllBytes(file);
        if (file.toString().endsWith(".gz")) {
          try (InputStream in = new GZIPInputStream(new ByteArrayInputStream(bytes))) {
            bytes = in.readAllBytes();
          }
        }
        all.add(Arrays.copyOf(bytes, Math.min(bytes.length, LONGEST_SEED)));
      }
    }
    return Stream.concat(all.stream(), CaptureFuzzTest.captures());
  }
}
