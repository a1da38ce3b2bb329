package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.redirector.dns.server.Zone;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A change through its steps, against a real server. */
class DnsChangeTest {
  private static final String[] UNTOUCHED = {
    "300 A 10.1.0.10", "300 A 10.1.0.99", "300 AAAA fd00:1:0:0:0:0:0:10"
  };

  @TempDir Path folder;
  private DnsBench bench;
  private DnsUpdater updater;

  @BeforeEach
  void start() throws Exception {
    bench = new DnsBench(folder);
    updater = bench.updater(bench.zone());
  }

  @AfterEach
  void stop() {
    bench.close();
  }

  @Test
  void lowersMovesAndRestores() throws Exception {
    DnsChange change = bench.begin(updater, DnsBench.move());
    assertThat(change.view().state()).isEqualTo("pending");

    change.arm();
    assertThat(bench.records())
        .containsExactly("30 A 10.1.0.10", "30 A 10.1.0.99", "30 AAAA fd00:1:0:0:0:0:0:10");
    assertThat(change.view().before()).containsExactly("10.1.0.10", "10.1.0.99", "fd00:1::10");

    change.publish();
    assertThat(bench.records())
        .containsExactly("30 A 10.1.0.99", "30 A 10.2.0.10", "30 AAAA fd00:2:0:0:0:0:0:10");
    assertThat(change.view().state()).isEqualTo("published");
    assertThat(change.view().now())
        .containsExactlyInAnyOrder("10.1.0.99", "10.2.0.10", "fd00:2::10");
    assertThat(change.view().lastStaleEpochNanos()).isZero();

    change.awaitServers();
    assertThat(change.view().lastStaleEpochNanos()).isNotZero();

    change.finish();
    assertThat(bench.records())
        .containsExactly("300 A 10.1.0.99", "300 A 10.2.0.10", "300 AAAA fd00:2:0:0:0:0:0:10");
    assertThat(change.view().state()).isEqualTo("finished");
    assertThat(change.view().problem()).isNull();
    assertThat(bench.server.counters().applied())
        .as("A and AAAA in one message, each time")
        .isEqualTo(3);
  }

  @Test
  void rollsBackFromEachStep() throws Exception {
    DnsChange planned = bench.begin(updater, DnsBench.move());
    planned.rollback();
    assertThat(planned.view().state()).isEqualTo("restored");
    assertThat(bench.records()).containsExactly(UNTOUCHED);

    DnsChange armed = bench.begin(updater, DnsBench.move());
    armed.arm();
    armed.rollback();
    assertThat(bench.records()).containsExactly(UNTOUCHED);

    DnsChange published = bench.begin(updater, DnsBench.move());
    published.arm();
    published.publish();
    published.rollback();
    assertThat(published.view().state()).isEqualTo("restored");
    assertThat(published.view().now()).contains("10.1.0.10", "fd00:1::10");
    assertThat(bench.records()).containsExactlyInAnyOrder(UNTOUCHED);
  }

  @Test
  void aConflictIsReportedWithWhatIsThere() throws Exception {
    DnsChange change = bench.begin(updater, DnsBench.move());
    change.arm();
    bench.edit("A 10.1.0.10", "A 10.7.7.7");
    assertThatThrownBy(change::publish)
        .isInstanceOfSatisfying(
            DnsException.class, e -> assertThat(e.kind()).isEqualTo(Kind.CONFLICT))
        .hasMessageContaining("Somebody else has changed vm.lab.test:")
        .hasMessageContaining("10.7.7.7");
    assertThat(change.view().state()).isEqualTo("conflict");
    assertThat(change.view().problem()).contains("10.7.7.7");
    assertThat(bench.records())
        .as("the other family is in the same message, so it has not moved either")
        .containsExactly("30 A 10.1.0.99", "30 A 10.7.7.7", "30 AAAA fd00:1:0:0:0:0:0:10");
  }

  @Test
  void publishesWithoutHavingBeenArmed() throws Exception {
    DnsChange change =
        bench.begin(updater, DnsBench.move(List.of("10.1.0.10"), List.of("10.2.0.10")));
    change.publish();
    assertThat(bench.records())
        .containsExactly("30 A 10.1.0.99", "30 A 10.2.0.10", "300 AAAA fd00:1:0:0:0:0:0:10");
    change.finish();
    assertThat(bench.records()).contains("300 A 10.2.0.10");
  }

  @Test
  void putsBackOnlyWhatItMoved() throws Exception {
    DnsChange change = bench.begin(updater, DnsBench.move());
    change.arm();
    change.publish();
    bench.edit("A 10.1.0.99", "A 10.1.0.77");
    change.rollback();
    assertThat(bench.records())
        .containsExactly("300 A 10.1.0.10", "300 A 10.1.0.77", "300 AAAA fd00:1:0:0:0:0:0:10");
  }

  @Test
  void doesNotPutBackWhatSomebodyElseHasChangedSince() throws Exception {
    DnsChange change = bench.begin(updater, DnsBench.move());
    change.arm();
    change.publish();
    bench.edit("A 10.2.0.10", "A 10.7.7.7");
    assertThatThrownBy(change::rollback)
        .isInstanceOfSatisfying(
            DnsException.class, e -> assertThat(e.kind()).isEqualTo(Kind.CONFLICT))
        .hasMessageContaining("10.7.7.7");
    assertThat(change.view().state()).isEqualTo("conflict");
    assertThat(bench.records()).contains("30 A 10.7.7.7", "30 AAAA fd00:2:0:0:0:0:0:10");
  }

  @Test
  void leavesATtlThatSomebodyElseHasSet() throws Exception {
    DnsChange change = bench.begin(updater, DnsBench.move());
    change.arm();
    change.publish();
    bench.edit(" 30 A ", " 60 A ");
    change.finish();
    assertThat(bench.records())
        .containsExactly("300 AAAA fd00:2:0:0:0:0:0:10", "60 A 10.1.0.99", "60 A 10.2.0.10");
  }

  @Test
  void aTtlThatIsLowAlreadyStays() throws Exception {
    bench.edit(" 300 A", " 20 A");
    DnsChange change = bench.begin(updater, DnsBench.move());
    change.arm();
    assertThat(bench.server.counters().updates()).isZero();
    change.publish();
    change.awaitServers();
    assertThat(change.view().lastStaleEpochNanos())
        .isEqualTo(bench.clock.epochNanos() + Duration.ofSeconds(20).toNanos());
    change.finish();
    assertThat(bench.records()).contains("20 A 10.2.0.10", "20 A 10.1.0.99");
  }

  @Test
  void setsTooLargeForUdpGoByTcp() throws Exception {
    StringBuilder zone = new StringBuilder(DnsBench.ZONE);
    for (int i = 0; i < 150; i++) {
      zone.append("vm IN A 10.3.0.").append(i).append('\n');
    }
    bench.server.replaceZone(Zone.parse("lab.test.", zone.toString()));
    DnsChange change = bench.begin(updater, DnsBench.move());
    change.arm();
    change.publish();
    assertThat(bench.records()).hasSize(153).contains("30 A 10.2.0.10", "30 A 10.3.0.149");
  }

  @Test
  void publishingTwiceIsPublishingOnce() throws Exception {
    DnsChange change = bench.begin(updater, DnsBench.move());
    change.publish();
    change.publish();
    assertThat(bench.server.counters().updates()).isEqualTo(1);
  }

  @Test
  void theJournalSaysWhatComesBeforeItIsDone() throws Exception {
    List<Long> appliedAtEntry = new ArrayList<>();
    List<String> phases = new ArrayList<>();
    DnsChange change =
        updater.begin(
            DnsBench.move(),
            (state, text) -> {
              phases.add(state.phase() + (state.sets().isEmpty() ? " unread" : ""));
              appliedAtEntry.add(bench.server.counters().applied());
            });
    change.publish();
    assertThat(phases).containsExactly("updating unread", "updating", "published");
    assertThat(appliedAtEntry).containsExactly(0L, 0L, 1L);
  }
}
