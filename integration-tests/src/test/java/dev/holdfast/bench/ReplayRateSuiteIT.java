package dev.holdfast.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How many packets a second an offline replay takes, whole verdict, by one processor: the first
 * time in a new JVM, which compiles meanwhile on the same processor, and then again and again; and
 * how much memory for a capture of 1 GB and for one of a quarter of that.
 */
@Tag("suite-throughput")
class ReplayRateSuiteIT {
  private static final long SIZE = 1_000_000_000L;
  private static final int ROUNDS = 6;

  @TempDir private Path folder;

  /** As the launcher has them for a replay. */
  private static List<String> command(Path file, long packet, int rounds) {
    return List.of(
        "taskset",
        "-c",
        "1",
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:+UseSerialGC",
        "-Xmn128m",
        "-Xmx256m",
        "-Dio.netty.leakDetection.level=disabled",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-cp",
        System.getProperty("java.class.path"),
        ReplayRates.class.getName(),
        file.toString(),
        Long.toString(packet),
        Integer.toString(rounds));
  }

  @Test
  void theRatesArePrinted() throws Exception {
    Path whole = folder.resolve("whole.pcapng");
    Path quarter = folder.resolve("quarter.pcapng");
    long packets = WebTraffic.write(whole, SIZE);
    long fewer = WebTraffic.write(quarter, SIZE / 4);
    rates("1 GB, moved at half", whole, packets, packets / 2, ROUNDS);
    rates("1 GB, moved at its begin", whole, packets, 1, ROUNDS);
    rates("1 GB, never moved", whole, packets, 0, ROUNDS);
    long most = rates("1 GB, moved at half, once", whole, packets, packets / 2, 1);
    long least = rates("0.25 GB, moved at half, once", quarter, fewer, fewer / 2, 1);
    System.out.printf(
        Locale.ROOT,
        "replay: memory of the process %d MiB for 1 GB, %d MiB for 0.25 GB%n",
        most >> 10,
        least >> 10);
  }

  /** Prints what each round took; returns the most memory of the process, KiB. */
  private static long rates(String what, Path file, long packets, long packet, int rounds)
      throws Exception {
    Process process =
        new ProcessBuilder(command(file, packet, rounds))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try {
      List<String> said =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
              .lines()
              .toList();
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).as(what).isZero();
      assertThat(said).hasSize(rounds + 1);
      List<String> rates = new ArrayList<>();
      String survived = "";
      for (String line : said.subList(0, rounds)) {
        String[] numbers = line.split(" ");
        long count = Long.parseLong(numbers[0]);
        assertThat(count).as("replayed of %s", what).isEqualTo(packets);
        assertThat(survived).as("survived, in each round").isIn("", numbers[2]);
        survived = numbers[2];
        rates.add("%,.0f".formatted(count * 1e9 / Long.parseLong(numbers[1])));
      }
      System.out.printf(
          Locale.ROOT,
          "replay: %s: %,d packets, %s connections survived; packets/s in turn %s%n",
          what,
          packets,
          survived,
          String.join(" ", rates));
      return Long.parseLong(said.getLast());
    } finally {
      process.destroyForcibly();
    }
  }
}
