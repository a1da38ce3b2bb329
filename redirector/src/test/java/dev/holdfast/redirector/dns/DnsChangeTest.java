package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.dns.DnsException.Kind;
import java.nio.file.Path;
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
    assertThat(change.view().state()).isEqualTo("published");
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
        .hasMessageContaining("Somebody else has changed vm.lab.test.")
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
}
