package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.PcapNgBlocks;
import dev.holdfast.redirector.control.CaptureStream;
import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.migration.CaptureRequest;
import dev.holdfast.redirector.migration.MigrationView;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What a capture costs the tunnel: one iperf3 stream goes through it all the time, while both hosts
 * record one packet of a hundred at every place, or nobody does, turn by turn. Printed as a ratio;
 * the budget is 0.9.
 */
@Tag("suite-throughput")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class CaptureThroughputIT {
  private static final int ROUNDS = 10;
  private static final long SETTLE_MILLIS = 700;
  private static final long MEASURE_MILLIS = 2_000;
  private static final int SECONDS = 90;
  private static final Pattern RATE =
      Pattern.compile("sec\\s+[\\d.]+ \\w*Bytes\\s+([\\d.]+) Mbits/sec");

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** A capture whose packets go into a file, and are counted. */
  private static final class Running {
    private final ControlClient client;
    private final CaptureStream stream;
    private final Thread thread;
    private final TreeMap<Integer, Long> dropped = new TreeMap<>();
    private long packets;

    Running(ControlClient client, CaptureRequest request, Path file) throws Exception {
      this.client = client;
      stream = client.capture(request);
      thread = Thread.ofPlatform().start(() -> copy(file));
    }

    private void copy(Path file) {
      PcapNgBlocks blocks = new PcapNgBlocks(stream);
      try (var out = Files.newOutputStream(file)) {
        while (blocks.next()) {
          out.write(blocks.array(), 0, blocks.length());
          switch (blocks.kind()) {
            case PACKET -> packets++;
            case STATISTICS -> dropped.put(blocks.interfaceNumber(), blocks.dropped());
            default -> {}
          }
        }
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
    }

    void end() throws Exception {
      client.endCapture(stream.id());
      thread.join();
      stream.close();
      assertThat(dropped.values()).as("lost").allMatch(lost -> lost == 0);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tls,  ip[4:2] % 100 = 0,",
    "ipip, ip[4:2] % 100 = 0,",
    "tls,                   , 100",
  })
  void theRatioIsPrinted(String encapsulation, @Nullable String filter, @Nullable Integer sample)
      throws Exception {
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    TwoHosts hosts = TwoHosts.start(lab, LabAddresses.V4, folder, cleanup);
    MigrationView unused = hosts.arm(hosts.request(encapsulation));
    Path printed = folder.resolve("iperf");
    start(lab, printed);
    GuestCable cable = new GuestCable(lab);
    hosts.hold();
    cable.unplug();
    cable.plugInAtNewHost();
    cable.takeNewAddresses();
    hosts.release();

    CaptureRequest request =
        new CaptureRequest(null, null, null, filter, null, sample, null, null, null);
    List<Double> without = new ArrayList<>();
    List<Double> with = new ArrayList<>();
    List<Double> ratios = new ArrayList<>();
    long packets = 0;
    long seenBefore = seen(hosts);
    for (int round = 0; round <= ROUNDS; round++) {
      // What grows faster or slower all the time favours neither.
      boolean plainFirst = round % 2 == 0;
      double plain = plainFirst ? measure(printed) : 0;
      Running left = new Running(hosts.old().control(), request, folder.resolve("l" + round));
      Running right = new Running(hosts.fresh().control(), request, folder.resolve("r" + round));
      double captured = measure(printed);
      left.end();
      right.end();
      plain = plainFirst ? plain : measure(printed);
      if (round > 0) { // the first one is the compiler's
        packets += left.packets;
        without.add(plain);
        with.add(captured);
        ratios.add(captured / plain);
      }
    }
    long seen = seen(hosts) - seenBefore;
    System.out.printf(
        Locale.ROOT,
        "capture, %s, %s: iperf3 %.0f Mbit/s without, %.0f Mbit/s with (medians of %d turns),"
            + " ratio %.3f (of neighbours %.3f, %.3f to %.3f); %d packets recorded at the old host,"
            + " %d passed it in all turns together%n",
        encapsulation,
        filter == null ? "one of " + sample : filter,
        median(without),
        median(with),
        ROUNDS,
        median(with) / median(without),
        median(ratios),
        ratios.stream().min(Double::compare).orElseThrow(),
        ratios.stream().max(Double::compare).orElseThrow(),
        packets,
        seen);
    assertThat(packets).as("recorded").isPositive();
    assertThat(median(with)).isPositive();
  }

  private static long seen(TwoHosts hosts) throws Exception {
    MigrationView.TrafficView traffic = hosts.old().control().show(TwoHosts.NAME).traffic();
    return traffic.toGuestPackets() + traffic.fromGuestPackets();
  }

  private void start(Lab lab, Path printed) throws Exception {
    String old = LabAddresses.V4.guestOld().toString();
    Process server =
        new ProcessBuilder(lab.guest().within("iperf3", "-s"))
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("server").toFile())
            .start();
    cleanup.add("iperf3's server", server::destroyForcibly);
    Process client =
        new ProcessBuilder(
                lab.client()
                    .within(
                        "sh",
                        "-c",
                        "until iperf3 -c %s -t %d -i 0.25 -f m --forceflush; do sleep 0.05; done"
                            .formatted(old, SECONDS)))
            .redirectErrorStream(true)
            .redirectOutput(printed.toFile())
            .start();
    cleanup.add(
        "iperf3",
        () -> {
          client.descendants().forEach(ProcessHandle::destroyForcibly);
          client.destroyForcibly();
        });
    while (rates(printed).size() < 4) {
      assertThat(client.isAlive()).isTrue();
      Thread.sleep(50);
    }
  }

  /** Mbit/s of a while from now on, when what was before is over. */
  private static double measure(Path printed) throws Exception {
    Thread.sleep(SETTLE_MILLIS);
    int before = rates(printed).size();
    Thread.sleep(MEASURE_MILLIS);
    List<Double> rates = rates(printed);
    List<Double> during = rates.subList(before + 1, rates.size());
    assertThat(during).as("iperf3 goes on").hasSizeGreaterThan(4);
    return during.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
  }

  private static List<Double> rates(Path printed) throws IOException {
    List<Double> found = new ArrayList<>();
    Matcher matcher = RATE.matcher(Files.exists(printed) ? Files.readString(printed) : "");
    while (matcher.find()) {
      found.add(Double.valueOf(matcher.group(1)));
    }
    return found;
  }

  private static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }
}
