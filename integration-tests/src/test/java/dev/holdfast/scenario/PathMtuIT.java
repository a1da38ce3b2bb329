package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.Bystander;
import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.Story;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Connections that began before the move, and on whose new path less passes than on their old one:
 * an upload and a download at full speed go on. Clamping the MSS comes too late for them.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class PathMtuIT {
  private static final int NARROW = 1400;
  private static final int SECONDS = 120; // it is ended before

  /** Half seconds in a row in which both go on after the move: the deaf have an RTO to wait. */
  private static final int ENOUGH = 4;

  private static final Duration LIMIT = Duration.ofSeconds(40);

  @TempDir private Path folder;

  /** iperf3 both ways, from before the move until after it. */
  private final class BothWays implements Bystander {
    private final boolean narrow;
    private final boolean ipv6;
    private final List<Process> processes = new ArrayList<>();
    private final List<DemoHost> hosts = new ArrayList<>();
    private final Path report = folder.resolve("client");
    private final List<MigrationView> learnt = new ArrayList<>();
    private final List<MigrationView> views = new ArrayList<>();
    private @Nullable Lab within;
    private boolean shrinks;
    private int upBefore;
    private int downBefore;
    private List<Double> upAfter = List.of();
    private List<Double> downAfter = List.of();

    BothWays(boolean narrow, boolean ipv6) {
      this.narrow = narrow;
      this.ipv6 = ipv6;
    }

    private void start(List<String> command, Path out) throws IOException {
      processes.add(
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(out.toFile())
              .start());
    }

    @Override
    public void begun(Lab lab) throws Exception {
      within = lab;
      LabAddresses addresses = ipv6 ? LabAddresses.V6 : LabAddresses.V4;
      if (narrow) {
        narrow(lab.router());
        Tool.run(
            lab.client().within("nft", "-f", "-"),
            """
            table inet deaf {
              chain input {
                type filter hook input priority 0;
                icmp type destination-unreachable counter drop
                icmpv6 type packet-too-big counter drop
              }
            }
            """);
      }
      start(lab.guest().within("iperf3", "-s"), folder.resolve("server"));
      start(
          lab.client()
              .within(
                  "sh",
                  "-c",
                  "until iperf3 -c %s -t %d -i 0.5 -f k --bidir --forceflush; do sleep 0.05; done"
                      .formatted(addresses.guestOld(), SECONDS)),
          report);
    }

    /** Only between the two hosts: clients of the old site and of the new one have all of 1500. */
    private void narrow(Namespace router) throws Exception {
      String old = ipv6 ? "fd00:1::2" : "10.1.0.2";
      String fresh = ipv6 ? "fd00:2::2" : "10.2.0.2";
      for (String command :
          List.of(
              "rule add from " + old + " to " + fresh + " lookup 77",
              "rule add from " + fresh + " to " + old + " lookup 77",
              "route add " + fresh + " dev to-new mtu " + NARROW + " table 77",
              "route add " + old + " dev to-old mtu " + NARROW + " table 77")) {
        List<String> words = new ArrayList<>(List.of("ip", ipv6 ? "-6" : "-4"));
        words.addAll(List.of(command.split(" ")));
        Tool.run(router.within(words.toArray(String[]::new)));
      }
    }

    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) throws Exception {
      if (state == MigrationState.REDIRECTING) {
        upBefore = rates("TX").size();
        downBefore = rates("RX").size();
        hosts.addAll(List.of(oldHost, newHost));
        if (shrinks) {
          shrink(Objects.requireNonNull(within).router());
        }
      }
    }

    /** The router between the hosts takes less from now on, and tells nobody. */
    private void shrink(Namespace router) throws Exception {
      Tool.run(
          router.within("nft", "-f", "-"),
          """
          table inet mute {
            chain output {
              type filter hook output priority 0;
              icmp type destination-unreachable drop
              icmpv6 type packet-too-big drop
            }
          }
          """);
      narrow(router);
    }

    /** Both hosts have found out; what has been carried until then does not count. */
    private void awaitMeasured(long end) throws Exception {
      for (DemoHost host : hosts) {
        while (Objects.requireNonNull(host.control().show("web1").sizes()).innerMtu()
            != NARROW - (ipv6 ? 40 : 20)) {
          assertThat(System.nanoTime() - end).as("the path is measured again").isNegative();
          Thread.sleep(100);
        }
      }
      upBefore = rates("TX").size();
      downBefore = rates("RX").size();
    }

    @Override
    public void moved(Lab lab) throws Exception {
      long end = System.nanoTime() + LIMIT.toNanos();
      if (shrinks) {
        awaitMeasured(end);
      }
      while (!goesOn(up()) || !goesOn(down())) {
        if (learnt.isEmpty() && !up().isEmpty() && !down().isEmpty()) {
          look(learnt);
        }
        assertThat(System.nanoTime() - end)
            .as("iperf3 goes on after the move:%n%s", Files.readString(report))
            .isNegative();
        Thread.sleep(100);
      }
      look(views);
      upAfter = up();
      downAfter = down();
      close();
    }

    private static boolean goesOn(List<Double> rates) {
      return rates.size() >= ENOUGH
          && rates.subList(rates.size() - ENOUGH, rates.size()).stream().allMatch(rate -> rate > 0);
    }

    private void look(List<MigrationView> into) throws Exception {
      for (DemoHost host : hosts) {
        into.add(host.control().show("web1"));
      }
    }

    /** In kbit/s, of each half second after the one in which the guest has moved, and the next. */
    private List<Double> up() throws IOException {
      List<Double> all = rates("TX");
      return all.subList(Math.min(all.size(), upBefore + 2), all.size());
    }

    private List<Double> down() throws IOException {
      List<Double> all = rates("RX");
      return all.subList(Math.min(all.size(), downBefore + 2), all.size());
    }

    private List<Double> rates(String way) throws IOException {
      List<Double> rates = new ArrayList<>();
      Matcher line =
          Pattern.compile("\\[" + way + "-C\\].*Bytes +([\\d.]+) Kbits/sec")
              .matcher(Files.readString(report));
      while (line.find()) {
        rates.add(Double.valueOf(line.group(1)));
      }
      return rates;
    }

    /** What was cut outside since both ends had a second to learn. */
    long cutSinceLearnt(int host) {
      return sizes(host).cutOutside()
          - Objects.requireNonNull(learnt.get(host).sizes()).cutOutside();
    }

    MigrationView.SizesView sizes(int host) {
      return Objects.requireNonNull(views.get(host).sizes());
    }

    void close() throws InterruptedException {
      for (Process each : processes) {
        each.destroy();
        each.waitFor();
      }
    }
  }

  private BothWays move(String capture, String encapsulation, boolean ipv6, boolean narrow)
      throws Exception {
    return move(capture, encapsulation, ipv6, new BothWays(narrow, ipv6));
  }

  private BothWays move(String capture, String encapsulation, boolean ipv6, BothWays load)
      throws Exception {
    try {
      ScenarioResult result =
          Scenario.run(
              ScenarioOptions.defaults()
                  .with(o -> {
                    o.quickAck = false;
                    o.ipv6 = ipv6;
                    o.capture = capture;
                    o.encapsulation = encapsulation;
                    o.connections = 4;
                    o.pause = Duration.ofMillis(300);
                  }),
              Story.silent(),
              load);
      assertThat(result.connections())
          .allSatisfy(
              each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));
      assertThat(result.faults()).isEmpty();
    } finally {
      load.close();
    }
    System.out.printf(
        Locale.ROOT,
        "path MTU, %s %s %s%s: up %d, down %d Mbit/s after the move; old host %s, new host %s%n",
        capture,
        encapsulation,
        ipv6 ? "IPv6" : "IPv4",
        load.shrinks
            ? ", 1400 bytes between the hosts after release"
            : load.narrow ? ", 1400 bytes between the hosts, client deaf to ICMP" : "",
        mean(load.upAfter),
        mean(load.downAfter),
        load.sizes(0),
        load.sizes(1));
    return load;
  }

  private static long mean(List<Double> rates) {
    return Math.round(rates.stream().mapToDouble(Double::doubleValue).average().orElse(0) / 1000);
  }

  private void narrowPath(String capture, String encapsulation, boolean ipv6) throws Exception {
    BothWays load = move(capture, encapsulation, ipv6, true);
    if (encapsulation.equals("ipip")) {
      assertThat(load.sizes(0).innerMtu()).isEqualTo(NARROW - (ipv6 ? 40 : 20));
      assertThat(load.sizes(1).innerMtu()).isEqualTo(NARROW - (ipv6 ? 40 : 20));
      if (capture.equals(
          "tun")) { // by pcap what was captured as a super-packet is cut to what passes
        assertThat(load.sizes(0).cutOutside()).as("what the deaf client has sent").isPositive();
      }
    } else {
      assertThat(load.sizes(0).told() + load.sizes(1).told()).as("TLS carries all").isZero();
    }
  }

  @Test
  void goesOnOverANarrowPathAlthoughTheClientHearsNoIcmp() throws Exception {
    narrowPath("tun", "ipip", false);
  }

  @Tag("suite-ways")
  @ParameterizedTest
  @CsvSource({
    "tun, tls, false",
    "pcap, tls, false",
    "pcap, ipip, false",
    "tun, ipip, true",
    "pcap, ipip, true"
  })
  void inEveryOtherWayToo(String capture, String encapsulation, boolean ipv6) throws Exception {
    narrowPath(capture, encapsulation, ipv6);
  }

  /** No ICMP tells of it: full packets vanish until the redirector's probes have. */
  @Tag("suite-ways")
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aPathThatShrinksAfterReleaseIsMeasuredAgain(boolean ipv6) throws Exception {
    var load = new BothWays(false, ipv6);
    load.shrinks = true;
    move("tun", "ipip", ipv6, load);
    assertThat(load.views.getFirst().alerts())
        .anySatisfy(alert ->
            assertThat(alert).contains("carries inner packets of " + (NARROW - (ipv6 ? 40 : 20))));
  }

  /** The tunnel's 20 bytes are learnt before the pause, so nothing is cut afterwards. */
  @Test
  void nothingIsCutWherePeersHaveLearnt() throws Exception {
    learnt("tun", false);
  }

  @Tag("suite-ways")
  @ParameterizedTest
  @CsvSource({"pcap, false", "tun, true", "pcap, true"})
  void norInAnyOtherWay(String capture, boolean ipv6) throws Exception {
    learnt(capture, ipv6);
  }

  private void learnt(String capture, boolean ipv6) throws Exception {
    BothWays load = move(capture, "ipip", ipv6, false);
    for (int host = 0; host < 2; host++) {
      assertThat(load.cutSinceLearnt(host)).as("in outer fragments").isZero();
      assertThat(load.sizes(host).cutOutside()).as("while they learnt").isLessThan(100);
      assertThat(load.sizes(host).innerMtu()).isEqualTo(ipv6 ? 1460 : 1480);
    }
  }
}
