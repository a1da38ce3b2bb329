package dev.holdfast.bench;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.replay.GuestPlan;
import dev.holdfast.redirector.replay.Points;
import dev.holdfast.redirector.replay.Replay;
import dev.holdfast.redirector.replay.ReplayOptions;
import dev.holdfast.redirector.replay.ReplayReport;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Replays a capture of {@link WebTraffic} several times: {@code FILE PACKET ROUNDS}, where the
 * guest is paused at that packet, or never where it is 0. Prints a line for each round, {@code
 * PACKETS NANOSECONDS SURVIVED}, and at last the most memory that the process had, in KiB.
 */
final class ReplayRates {
  private static final long PAUSE_NANOS = 1_000_000_000L;

  private ReplayRates() {}

  public static void main(String[] arguments) throws IOException {
    Path file = Path.of(arguments[0]);
    long packet = Long.parseLong(arguments[1]);
    int rounds = Integer.parseInt(arguments[2]);
    GuestPlan.Move move =
        packet == 0 ? new GuestPlan.Move.Never() : new GuestPlan.Move.AtPacket(packet);
    ReplayOptions options =
        ReplayOptions.of(
            new GuestPlan(List.of(IpAddress.parse(WebTraffic.SERVER)), move, PAUSE_NANOS));
    for (int round = 0; round < rounds; round++) {
      long begun = System.nanoTime();
      ReplayReport report;
      try (CaptureReader reader = CaptureReader.open(file)) {
        report = Replay.run(reader, "bench", options, Points.NONE, (packets, bytes, nanos) -> {});
      }
      long nanos = System.nanoTime() - begun;
      System.out.printf(
          Locale.ROOT,
          "%d %d %d%n",
          report.replayedPackets(),
          nanos,
          report.verdicts().getOrDefault("survived", 0L));
    }
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        System.out.println(line.replaceAll("[^0-9]", ""));
      }
    }
  }
}
