package dev.holdfast.redirector.replay;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The connections of a replay, as they end. Memory does not depend on how many there are: so many
 * are kept, and of all of them what is judged is counted.
 */
final class Results {
  static final int MOST_FLOWS = 10_000;
  static final int MOST_EXACT = 1 << 18;

  private final Map<String, Long> verdicts = new TreeMap<>();
  private final Map<String, Map<String, Long>> named = new HashMap<>();
  private final List<FlowResult> bad = new ArrayList<>();
  private final List<FlowResult> good = new ArrayList<>();
  private long leftOut;
  private long longestWait;
  private long retransmissions;
  private long lost;

  // As many recoveries as are kept one by one, and all of them in buckets.
  private long[] recoveries = new long[64];
  private int kept;
  private final LatenessHistogram allRecoveries = new LatenessHistogram();

  /**
   * Begins.
   *
   * @param names of connections whose verdicts are counted, as {@link ReplayOptions#namedFlows}
   */
  Results(Set<String> names) {
    names.forEach(name -> named.put(name, new TreeMap<>()));
  }

  void add(FlowResult result) {
    String verdict = result.verdict().label();
    verdicts.merge(verdict, 1L, Long::sum);
    longestWait = Math.max(longestWait, result.longestWaitNanos());
    retransmissions += result.retransmissions();
    lost += result.lost();
    if (!named.isEmpty()) {
      countNamed(result.flow(), verdict);
      countNamed(result.name(), verdict);
    }
    if (result.recoveryNanos() >= 0) {
      addRecovery(result.recoveryNanos());
    }
    List<FlowResult> list = result.verdict() instanceof Verdict.Survived ? good : bad;
    if (list.size() < MOST_FLOWS) {
      list.add(result);
    } else {
      leftOut++;
    }
  }

  private void countNamed(String name, String verdict) {
    Map<String, Long> counts = named.get(name);
    if (counts != null) {
      counts.merge(verdict, 1L, Long::sum);
    }
  }

  private void addRecovery(long nanos) {
    allRecoveries.record(nanos);
    if (kept < MOST_EXACT) {
      if (kept == recoveries.length) {
        recoveries = Arrays.copyOf(recoveries, 2 * kept);
      }
      recoveries[kept++] = nanos;
    }
  }

  Map<String, Long> verdicts() {
    return verdicts;
  }

  long leftOut() {
    return leftOut;
  }

  ReplayReport.Totals totals() {
    return new ReplayReport.Totals(longestWait, retransmissions, lost, named);
  }

  ReplayReport.Recovery recovery() {
    long count = allRecoveries.count();
    if (count > kept) {
      return new ReplayReport.Recovery(
          count,
          allRecoveries.percentile(0.5),
          allRecoveries.percentile(0.99),
          allRecoveries.max());
    }
    long[] sorted = Arrays.copyOf(recoveries, kept);
    Arrays.sort(sorted);
    return kept == 0
        ? new ReplayReport.Recovery(0, 0, 0, 0)
        : new ReplayReport.Recovery(
            kept,
            sorted[(kept - 1) / 2],
            sorted[(int) Math.ceil(0.99 * kept) - 1],
            sorted[kept - 1]);
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
