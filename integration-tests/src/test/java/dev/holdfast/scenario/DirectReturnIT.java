package dev.holdfast.scenario;

import static dev.holdfast.scenario.Expected.everythingSurvived;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.demo.Bystander;
import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.Story;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.demo.measure.TcpHeader;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.path.SpoofProbe;
import dev.holdfast.suite.SideBySide;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The guest's answers leave at the new site, where probes at arm have shown that they may.
 *
 * <pre>
 *   client - router +- to-old - old host        by the tunnel: SYN, FIN, RST and what is about them
 *                   +- to-new - new host        all else of TCP: source OLD, one hop less
 * </pre>
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class DirectReturnIT {
  private static final int GUEST_TTL = 64;
  private static final int ENOUGH = 100;
  private static final int ENDING = TcpHeader.SYN | TcpHeader.FIN | TcpHeader.RST;

  /** What the router has got from the guest's old addresses. */
  private record Seen(boolean v4, int ttl, TcpHeader tcp) {
    boolean isProbe() {
      return tcp.sourcePort() == SpoofProbe.PORT && tcp.destinationPort() == SpoofProbe.PORT;
    }

    boolean ends() {
      return (tcp.flags() & ENDING) != 0;
    }
  }

  /** Listens at both sides of the router, and looks at the daemons. */
  private static class Watch implements Bystander, AutoCloseable {
    final List<Seen> fromNew = new CopyOnWriteArrayList<>();
    final List<Seen> fromOld = new CopyOnWriteArrayList<>();
    private final List<Tap> taps = new ArrayList<>();
    private final List<DemoHost> hosts = new ArrayList<>();
    final List<MigrationView> views = new ArrayList<>();

    @Override
    public void begun(Lab lab) throws Exception {
      String filter =
          "src host %s or src host %s"
              .formatted(LabAddresses.V4.guestOld(), LabAddresses.V6.guestOld());
      taps.add(Tap.open(lab.router(), "to-new", filter, null, (at, frame) -> add(fromNew, frame)));
      taps.add(Tap.open(lab.router(), "to-old", filter, null, (at, frame) -> add(fromOld, frame)));
    }

    private static void add(List<Seen> seen, byte[] frame) {
      TcpHeader tcp = TcpHeader.of(frame);
      if (tcp != null) {
        boolean v4 = tcp.source().isV4();
        seen.add(new Seen(v4, frame[14 + (v4 ? 8 : 7)] & 0xff, tcp));
      }
    }

    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) throws Exception {
      if (state == MigrationState.ARMED) {
        hosts.addAll(List.of(oldHost, newHost));
      }
    }

    @Override
    public void moved(Lab lab) throws Exception {
      for (DemoHost host : hosts) {
        views.add(host.control().show("web1"));
      }
    }

    @Override
    public void close() throws InterruptedException {
      for (Tap tap : taps) {
        try {
          tap.close();
        } catch (IOException e) {
          // The lab has gone, and the interface with it; what was seen before that counts.
        }
      }
    }
  }

  private static ScenarioResult move(Watch watch, Consumer<ScenarioOptions.Draft> change)
      throws Exception {
    try (watch) {
      return Scenario.run(
          ScenarioOptions.defaults()
              .with(o -> {
                o.returnPath = "direct";
                o.rehearsed = false;
                o.connections = 16;
                o.pause = Duration.ofMillis(300);
                change.accept(o);
              }),
          Story.silent(),
          watch);
    }
  }

  @SideBySide
  @Test
  void bulkLeavesAtTheNewSiteAndTheRestByTheTunnel() throws Exception {
    var watch = new Watch();
    ScenarioResult result = move(watch, o -> o.dualStack = true);
    everythingSurvived(result);
    assertThat(watch.views).extracting(MigrationView::returnPath).containsOnly("direct");
    for (boolean v4 : new boolean[] {true, false}) {
      assertThat(watch.fromNew)
          .filteredOn(seen -> seen.v4() == v4 && !seen.isProbe())
          .as("answers that left at the new site, IPv4 %s", v4)
          .hasSizeGreaterThan(ENOUGH)
          .allSatisfy(seen -> {
            assertThat(seen.ends()).as("%s", seen).isFalse();
            assertThat(seen.ttl()).as("%s", seen).isEqualTo(GUEST_TTL - 1);
          });
      assertThat(watch.fromOld)
          .filteredOn(seen -> seen.v4() == v4 && seen.ttl() < GUEST_TTL && seen.ends())
          .as("FINs of the moved guest, IPv4 %s", v4)
          .hasSizeGreaterThanOrEqualTo(result.options().connections() / 2);
      assertThat(watch.fromNew)
          .filteredOn(seen -> seen.v4() == v4 && seen.isProbe())
          .as("probes")
          .isNotEmpty();
    }
    MigrationView.TrafficView atNewHost = watch.views.get(1).traffic();
    // it is of a moment soon after the move, and the watch goes on
    assertThat(Objects.requireNonNull(atNewHost.directPackets())).isGreaterThan(ENOUGH / 2);
    assertThat(Objects.requireNonNull(result.old()).report()).isNotNull();
    assertThat(result.forbidden()).isEmpty();
  }

  private static void symmetric(String filter) throws Exception {
    var watch =
        new Watch() {
          @Override
          public void begun(Lab lab) throws Exception {
            Tool.run(lab.router().within("nft", "-f", "-"), filter);
            super.begun(lab);
          }
        };
    ScenarioResult result = move(watch, o -> o.dualStack = true);
    everythingSurvived(result);
    assertThat(watch.views).extracting(MigrationView::returnPath).containsOnly("symmetric");
    assertThat(watch.views.getFirst().alerts())
        .anySatisfy(alert ->
            assertThat(alert)
                .startsWith("return path symmetric: direct was asked for, but no probe from ")
                .contains(LabAddresses.V6.guestOld().toString())
                .doesNotContain(LabAddresses.V4.guestOld().toString()));
    assertThat(watch.fromNew).allMatch(Seen::isProbe);
  }

  /** BCP 38 for IPv6 alone: both families are symmetric then. */
  @SideBySide
  @Test
  void isSymmetricWhereTheNewSiteDropsForeignSources() throws Exception {
    symmetric(
        """
        table inet bcp38 {
          chain forward {
            type filter hook forward priority 0;
            iifname to-new ip6 saddr != fd00:2::/64 counter drop
          }
        }
        """);
  }

  /** UDP from the old address would have passed it. */
  @Tag("suite-ways")
  @SideBySide
  @Test
  void isSymmetricWhereAFirewallWantsToSeeConnectionsBegin() throws Exception {
    symmetric(
        """
        table inet stateful {
          chain forward {
            type filter hook forward priority 0;
            iifname to-new ip6 saddr fd00:1::/64 meta l4proto tcp \
        tcp flags & (syn | ack) == ack ct state new counter drop
          }
        }
        """);
  }

  @Tag("suite-ways")
  @SideBySide
  @ParameterizedTest
  @ValueSource(strings = {"tun,pcap"})
  void isRefusedWhereTheNewHostRoutesNothing(String capture) {
    assertThatThrownBy(() -> move(new Watch(), o -> o.capture = capture))
        .hasMessageContaining("return path direct cannot be: ")
        .hasMessageContaining("captures by pcap");
  }

  @Tag("suite-ways")
  @SideBySide
  @ParameterizedTest
  @ValueSource(strings = {"tun", "pcap,tun"})
  void isDirectWithIpInIpAndWhateverTheOldHostCapturesBy(String capture) throws Exception {
    var watch = new Watch();
    ScenarioResult result =
        move(
            watch,
            o -> {
              o.capture = capture;
              o.encapsulation = "ipip";
            });
    everythingSurvived(result);
    assertThat(watch.views).extracting(MigrationView::returnPath).containsOnly("direct");
    assertThat(watch.fromNew).hasSizeGreaterThan(ENOUGH);
  }

  /** Kills daemons with SIGKILL in one state, and starts them again. */
  private static final class Restarting extends Watch {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private final MigrationState when;
    private final boolean old;
    private final boolean fresh;
    private List<Seen> before = List.of();

    Restarting(MigrationState when, boolean old, boolean fresh) {
      this.when = when;
      this.old = old;
      this.fresh = fresh;
    }

    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) throws Exception {
      super.reached(state, oldHost, newHost);
      if (state != when) {
        return;
      }
      List<DemoHost> killed = new ArrayList<>();
      if (old) {
        killed.add(oldHost);
      }
      if (fresh) {
        killed.add(newHost);
      }
      for (DemoHost each : killed) {
        each.kill();
      }
      for (DemoHost each : killed) {
        each.startAgain();
      }
      before = List.copyOf(fromNew);
    }

    /** What has left at the new site since the daemons were back. */
    List<Seen> since() {
      List<Seen> all = List.copyOf(fromNew);
      return all.subList(before.size(), all.size());
    }

    @Override
    public void moved(Lab lab) throws Exception {
      long end = System.nanoTime() + LIMIT.toNanos();
      while (count(true) <= ENOUGH || count(false) <= ENOUGH) {
        assertThat(System.nanoTime() - end)
            .as(
                "answers that leave at the new site: %d of IPv4, %d of IPv6",
                count(true), count(false))
            .isNegative();
        Thread.sleep(20);
      }
      super.moved(lab);
    }

    private long count(boolean v4) {
      return since().stream().filter(seen -> seen.v4() == v4 && !seen.isProbe()).count();
    }
  }

  /** What probes have proven at arm is journalled: a daemon that takes over does not ask again. */
  @Tag("suite-ways")
  @ParameterizedTest
  @CsvSource({
    "ARMED,       true,  true,  tls",
    "HOLDING,     false, true,  ipip",
    "REDIRECTING, true,  false, ipip",
    "REDIRECTING, false, true,  tls",
    "REDIRECTING, true,  true,  ipip",
  })
  void staysDirectWhenTheNextDaemonTakesOver(
      MigrationState when, boolean old, boolean fresh, String encapsulation) throws Exception {
    var watch = new Restarting(when, old, fresh);
    ScenarioResult result =
        move(
            watch,
            o -> {
              o.dualStack = true;
              o.encapsulation = encapsulation;
              o.pause = Duration.ofSeconds(1);
            });
    // A daemon that is dead has no port open, and the other one knocks.
    everythingSurvived(result, line -> line.startsWith("RST ") && line.contains(":4754 "));
    assertThat(watch.views)
        .hasSize(2)
        .allSatisfy(view -> {
          assertThat(view.returnPath()).isEqualTo("direct");
          assertThat(view.alerts()).isEmpty();
        });
    assertThat(watch.before.stream().filter(Seen::isProbe)).as("probes at arm").isNotEmpty();
    assertThat(watch.since())
        .allSatisfy(seen -> {
          assertThat(seen.isProbe()).as("%s", seen).isFalse();
          assertThat(seen.ends()).as("%s", seen).isFalse();
          assertThat(seen.ttl()).as("%s", seen).isEqualTo(GUEST_TTL - 1);
        });
    for (boolean v4 : new boolean[] {true, false}) {
      assertThat(watch.fromOld)
          .filteredOn(seen -> seen.v4() == v4 && seen.ttl() < GUEST_TTL && seen.ends())
          .as("FINs of the moved guest, IPv4 %s", v4)
          .hasSizeGreaterThanOrEqualTo(result.options().connections() / 2);
    }
  }
}
