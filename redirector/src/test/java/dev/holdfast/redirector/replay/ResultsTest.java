package dev.holdfast.redirector.replay;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ResultsTest {
  private static FlowResult flow(String name, long number, Verdict verdict, long nanos) {
    return new FlowResult(name, number, 2, verdict, 10, 10, true, nanos, nanos, 0, 1, 2, List.of());
  }

  @Test
  void whatHasNoRoomIsCountedAllTheSame() {
    var results = new Results(Set.of("tcp late", "tcp late packet:3", "tcp absent"));
    for (int i = 0; i < Results.MOST_FLOWS; i++) {
      results.add(flow("tcp a", 100 + i, new Verdict.Stalled(1, false), 5));
      results.add(flow("tcp b", 100 + i, new Verdict.Survived(), 5));
    }
    results.add(flow("tcp late", 1, new Verdict.Survived(), 9));
    results.add(flow("tcp late", 2, new Verdict.Survived(), 7));
    results.add(flow("tcp late", 3, new Verdict.Reset("nobody"), 8));

    assertThat(results.flows()).hasSize(2 * Results.MOST_FLOWS);
    assertThat(results.leftOut()).isEqualTo(3);
    ReplayReport.Totals totals = results.totals();
    assertThat(totals.longestWaitNanos()).isEqualTo(9);
    assertThat(totals.retransmissions()).isEqualTo(2 * Results.MOST_FLOWS + 3);
    assertThat(totals.lostDatagrams()).isEqualTo(2 * (2 * Results.MOST_FLOWS + 3));
    assertThat(totals.named())
        .isEqualTo(
            Map.of(
                "tcp late",
                Map.of("survived", 2L, "reset", 1L),
                "tcp late packet:3",
                Map.of("reset", 1L),
                "tcp absent",
                Map.of()));
  }

  @Test
  void recoveriesAreExactWhereTheyAreFew() {
    var results = new Results(Set.of());
    assertThat(results.recovery()).isEqualTo(new ReplayReport.Recovery(0, 0, 0, 0));
    for (int i = 1; i <= 200; i++) {
      results.add(flow("tcp a", i, new Verdict.Survived(), 1_000_003L * i));
    }
    results.add(flow("tcp a", 201, new Verdict.Survived(), -1));
    assertThat(results.recovery())
        .isEqualTo(
            new ReplayReport.Recovery(200, 1_000_003L * 100, 1_000_003L * 198, 1_000_003L * 200));
  }

  @Test
  void recoveriesOfManyAreOfAll() {
    var results = new Results(Set.of());
    for (int i = 0; i < Results.MOST_EXACT; i++) {
      results.add(flow("tcp a", i, new Verdict.Survived(), 1_000_000));
    }
    for (int i = 0; i < Results.MOST_EXACT / 50; i++) { // 2 % of all, and the last ones
      results.add(flow("tcp b", i, new Verdict.Survived(), 700_000_000));
    }
    ReplayReport.Recovery recovery = results.recovery();
    assertThat(recovery.count()).isEqualTo(Results.MOST_EXACT + Results.MOST_EXACT / 50);
    assertThat(recovery.p50Nanos()).isBetween(1_000_000L, 1_032_000L);
    assertThat(recovery.p99Nanos()).isEqualTo(700_000_000);
    assertThat(recovery.maxNanos()).isEqualTo(700_000_000);
  }
}
