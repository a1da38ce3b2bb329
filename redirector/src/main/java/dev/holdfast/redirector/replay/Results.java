package dev.holdfast.redirector.replay;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The connections of a replay, as they end; memory does not depend on how many there are. */
final class Results {
  private static final int MOST_FLOWS = 10_000;
  private static final int MOST_RECOVERIES = 1 << 18;

  private final Map<String, Long> verdicts = new TreeMap<>();
  private final List<FlowResult> bad = new ArrayList<>();
  private final List<FlowResult> good = new ArrayList<>();
  private long leftOut;
  private long[] recoveries = new long[64];
  private int recovered;

  void add(FlowResult result) {
    verdicts.merge(result.verdict().label(), 1L, Long::sum);
    if (result.recoveryNanos() >= 0 && recovered < MOST_RECOVERIES) {
      if (recovered == recoveries.length) {
        recoveries = Arrays.copyOf(recoveries, 2 * recovered);
      }
      recoveries[recovered++] = result.recoveryNanos();
    }
    List<FlowResult> list = result.verdict() instanceof Verdict.Survived ? good : bad;
    if (list.size() < MOST_FLOWS) {
      list.add(result);
    } else {
      leftOut++;
    }
  }

  Map<String, Long> verdicts() {
    return verdicts;
  }

  long leftOut() {
    return leftOut;
  }

  ReplayReport.Recovery recovery() {
    long[] sorted = Arrays.copyOf(recoveries, recovered);
    Arrays.sort(sorted);
    return recovered == 0
        ? new ReplayReport.Recovery(0, 0, 0, 0)
        : new ReplayReport.Recovery(
            recovered,
            sorted[(recovered - 1) / 2],
            sorted[(int) Math.ceil(0.99 * recovered) - 1],
            sorted[recovered - 1]);
  }

  /** Those that are not good first, then in the capture's order. */
  List<FlowResult> flows() {
    List<FlowResult> all = new ArrayList<>(bad);
    all.addAll(good);
    all.sort(
        Comparator.comparing((FlowResult flow) -> flow.verdict().isGood())
            .thenComparing(FlowResult::firstPacket));
    return all;
  }
}
