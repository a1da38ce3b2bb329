package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.Bystander;
import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.Story;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * How much goes through the tunnel: an iperf3 run that began before the move goes on through it,
 * and another uses the plain route to the new address afterwards. Printed; no bound yet.
 */
@Tag("suite-throughput")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class ThroughputIT {
  private static final String RATE = "sec\\s+[\\d.]+ \\w*Bytes\\s+([\\d.]+) Mbits/sec";

  @TempDir private Path folder;

  /** iperf3 on the old connection and on a new one. */
  private final class Iperf implements Bystander {
    private static final int SECONDS = 14;
    private static final int ROUTED_SECONDS = 4;

    private final int flows;
    private final Pattern interval;
    private final List<Process> processes = new ArrayList<>();
    private final Path tunnelled = folder.resolve("tunnelled");
    private double throughTunnel;
    private double routed;

    Iperf(int flows) {
      this.flows = flows;
      interval = Pattern.compile(flows == 1 ? RATE : "\\[SUM\\].*" + RATE);
    }

    private Process start(List<String> command, Path out) throws IOException {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(out.toFile())
              .start();
      processes.add(process);
      return process;
    }

    @Override
    public void begun(Lab lab) throws Exception {
      start(lab.guest().within("iperf3", "-s"), folder.resolve("server"));
      start(
          lab.client()
              .within(
                  "sh",
                  "-c",
                  "until iperf3 -c %s -P %d -t %d -i 0.5 -f m --forceflush; do sleep 0.05; done"
                      .formatted(LabAddresses.V4.guestOld(), flows, SECONDS)),
          tunnelled);
    }

    @Override
    public void moved(Lab lab) throws Exception {
      int before = intervals(Files.readString(tunnelled)).size();
      Process client = processes.getLast();
      assertThat(client.waitFor(SECONDS * 3L, TimeUnit.SECONDS)).as("iperf3 ends").isTrue();
      String printed = Files.readString(tunnelled);
      List<Double> all = intervals(printed);
      assertThat(all.size())
          .as("iperf3 goes on after the move:%n%s", printed)
          .isGreaterThan(before + 4);
      // The first one has the move in it, the last two are iperf3's sums.
      throughTunnel = mean(all.subList(before + 1, all.size() - 2));
      List<Double> direct =
          intervals(
              Tool.run(
                  lab.client()
                      .within(
                          "iperf3",
                          "-c",
                          LabAddresses.V4.guestNew().toString(),
                          "-P",
                          String.valueOf(flows),
                          "-t",
                          String.valueOf(ROUTED_SECONDS),
                          "-i",
                          "0.5",
                          "-f",
                          "m")));
      routed = mean(direct.subList(0, direct.size() - 2));
      close();
    }

    void close() throws InterruptedException {
      for (Process each : processes) {
        each.destroy();
        each.waitFor();
      }
    }

    private List<Double> intervals(String printed) {
      List<Double> found = new ArrayList<>();
      Matcher matcher = interval.matcher(printed);
      while (matcher.find()) {
        found.add(Double.valueOf(matcher.group(1)));
      }
      return found;
    }

    private static double mean(List<Double> values) {
      return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tls", "ipip"})
  void theRatioToTheRoutedPathIsPrinted(String encapsulation) throws Exception {
    print(encapsulation, 4, 1);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 1, 4})
  void theRatioOfSeveralFlowsIsPrinted(int dataConnections) throws Exception {
    print("tls", dataConnections, 4);
  }

  private void print(String encapsulation, int dataConnections, int flows) throws Exception {
    var iperf = new Iperf(flows);
    try {
      var result =
          Scenario.run(
              ScenarioOptions.defaults()
                  .with(o -> {
                    o.quickAck = false;
                    o.encapsulation = encapsulation;
                    o.dataConnections = dataConnections;
                    o.connections = 4;
                    o.pause = Duration.ofMillis(500);
                  }),
              Story.silent(),
              iperf);
      System.out.printf(
          Locale.ROOT,
          "iperf3, %d flows through %s, %d data connections: %.0f Mbit/s,"
              + " routed: %.0f Mbit/s, ratio %.3f%n",
          flows,
          encapsulation,
          dataConnections,
          iperf.throughTunnel,
          iperf.routed,
          iperf.throughTunnel / iperf.routed);
      // iperf3 resets its own connections as it ends: what the taps saw of those is not ours.
      assertThat(result.leftBehind()).isEmpty();
      assertThat(iperf.throughTunnel).isPositive();
    } finally {
      iperf.close();
    }
  }
}
