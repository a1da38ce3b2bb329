package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The zone's other servers, and the last stale second. 127.0.0.1 is the primary; 127.0.0.2 is a
 * secondary that a test brings up to date when it wants.
 */
class DnsServersTest {
  private static final String ZONE =
      DnsBench.ZONE
          + """
          @ IN NS ns2
          ns2 IN A 127.0.0.2
          @ IN NS ns.elsewhere.test.
          """;

  @TempDir Path folder;
  private DnsBench bench;
  private AuthoritativeServer secondary;
  private DnsUpdater updater;
  private DnsChange change;

  @BeforeEach
  void start() throws Exception {
    bench = new DnsBench(folder, ZONE);
    secondary = new AuthoritativeServer(bench.server.zone(), List.of(), bench.clock);
    int port = secondary.start(new InetSocketAddress("127.0.0.2", 0)).getPort();
    DnsTiming t = DnsBench.TIMING;
    DnsTiming timing =
        new DnsTiming(
            t.tries(),
            t.poll(),
            Duration.ofSeconds(1),
            Duration.ofSeconds(1),
            t.armWait(),
            t.patience(),
            t.silence(),
            port);
    updater = bench.updater(timing, bench.zone());
    change = bench.begin(updater, DnsBench.move(List.of("10.1.0.10"), List.of("10.2.0.10")));
  }

  @AfterEach
  void stop() {
    bench.close();
    secondary.close();
  }

  @Test
  void drainingWaitsForTheOldTtlFromTheLoweredOneAtTheLastServer() throws Exception {
    bench.clock.at(Duration.ofSeconds(2), this::transfer);
    change.arm();
    assertThat(change.state().ttlSeenEpochNanos()).isEqualTo(at(2));
    bench.clock.pass(Duration.ofSeconds(8));

    bench.clock.at(Duration.ofSeconds(15), this::transfer);
    change.publish();
    change.awaitServers();
    assertThat(change.state().newSeenEpochNanos()).isEqualTo(at(15));
    assertThat(change.view().lastStaleEpochNanos()).as("max(2 + 300, 15 + 30)").isEqualTo(at(302));
  }

  @Test
  void orForTheLoweredTtlFromTheNewAddressAtTheLastServer() throws Exception {
    transferAfter(Duration.ofSeconds(1));
    change.arm();
    bench.clock.pass(Duration.ofSeconds(399));
    bench.clock.at(Duration.ofSeconds(405), this::transfer);
    change.publish();
    change.awaitServers();
    assertThat(change.view().lastStaleEpochNanos()).as("max(1 + 300, 405 + 30)").isEqualTo(at(435));
  }

  @Test
  void aServerThatWasNeverSeenWithTheLowTtlHadTheOldOneUntilItMoved() throws Exception {
    change.arm();
    assertThat(change.state().ttlSeenEpochNanos()).isZero();
    assertThat(bench.told).anyMatch(each -> each.contains("ns2.lab.test (127.0.0.2) still gives"));
    change.publish();
    transferAfter(Duration.ofSeconds(20));
    change.awaitServers();
    assertThat(change.state().newSeenEpochNanos()).isEqualTo(at(23));
    assertThat(change.view().lastStaleEpochNanos()).isEqualTo(at(323));
  }

  @Test
  void whatTheOtherServersShowOfTheTtlIsNoticedAfterArmToo() throws Exception {
    change.arm();
    transferAfter(Duration.ofSeconds(40));
    change.awaitServers();
    assertThat(change.state().ttlSeenEpochNanos()).isEqualTo(at(43));
    assertThat(change.view().state()).isEqualTo("pending");
  }

  @Test
  void aServerThatStaysBehindIsNamed() throws Exception {
    change.publish();
    assertThatThrownBy(change::awaitServers)
        .isInstanceOfSatisfying(DnsException.class, e -> assertThat(e.mayPass()).isTrue())
        .hasMessageContaining("ns2.lab.test (127.0.0.2) still gives A 10.1.0.10");
    assertThat(change.view().state()).isEqualTo("published");
    assertThat(change.view().lastStaleEpochNanos()).isZero();
    transfer();
    change.awaitServers();
    assertThat(change.view().lastStaleEpochNanos())
        .isEqualTo(bench.clock.epochNanos() + Duration.ofSeconds(300).toNanos());
    assertThat(change.view().problem()).isNull();
  }

  @Test
  void aServerThatSaysNothingIsNotWaitedForForEver() throws Exception {
    secondary.close();
    change.publish();
    change.awaitServers();
    assertThat(bench.clock.passed())
        .isBetween(DnsBench.TIMING.silence(), DnsBench.TIMING.silence().plusSeconds(5));
    assertThat(change.view().lastStaleEpochNanos())
        .as("as if it had told the old address until now")
        .isEqualTo(bench.clock.epochNanos() + Duration.ofSeconds(300).toNanos());
    assertThat(change.view().problem()).contains("127.0.0.2");
  }

  @Test
  void aServerWithoutAnAddressInTheZoneIsNotAskedAndThatIsSaid() throws Exception {
    transferAfter(Duration.ZERO);
    change.arm();
    assertThat(bench.told)
        .anyMatch(each -> each.startsWith("ns.elsewhere.test has no address at 127.0.0.1"));
  }

  @Test
  void showsWhatEachServerGives() throws Exception {
    change.publish();
    DnsLookup.Shown shown = new DnsLookup(updater).show("vm.lab.test");
    assertThat(shown.zone()).isEqualTo("lab.test.");
    assertThat(shown.servers().getFirst().records())
        .extracting(RecordSet::toString)
        .containsExactly("A 10.1.0.99, 10.2.0.10 (TTL 30)", "AAAA fd00:1::10 (TTL 300)");
    assertThat(shown.servers().getLast().name()).isEqualTo("ns2.lab.test");
    assertThat(shown.notes()).hasSize(1);
    assertThatThrownBy(() -> new DnsLookup(bench.updater()).show("vm.lab.test"))
        .hasMessageContaining("no [[dns]] zone");
  }

  /** The secondary takes over the primary's zone. */
  private void transfer() {
    secondary.replaceZone(bench.server.zone());
  }

  private void transferAfter(Duration time) {
    bench.clock.at(bench.clock.passed().plus(time), this::transfer);
  }

  private static long at(int seconds) {
    return VirtualClock.START + Duration.ofSeconds(seconds).toNanos();
  }
}
