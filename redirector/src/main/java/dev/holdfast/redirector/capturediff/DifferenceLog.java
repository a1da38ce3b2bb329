package dev.holdfast.redirector.capturediff;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.function.Supplier;

/** Counts differences, and keeps the first ones. */
final class DifferenceLog {
  /** Where a difference is: in the order of packets, and of finding where that is equal. */
  private record Entry(Difference difference, long found) {}

  private static final Comparator<Entry> BY_PLACE =
      Comparator.<Entry>comparingLong(entry -> entry.difference.place())
          .thenComparingLong(Entry::found);

  private final int most;
  private final PriorityQueue<Entry> kept = new PriorityQueue<>(BY_PLACE.reversed());
  private final Map<Difference.Kind, Long> counts = new EnumMap<>(Difference.Kind.class);
  private long found;

  /**
   * Begins.
   *
   * @param most differences that are kept, at least 1
   */
  DifferenceLog(int most) {
    this.most = most;
  }

  /**
   * Notes a difference.
   *
   * @param place of it, as {@link Difference#place}
   * @param difference made where it is one of the first
   */
  void add(Difference.Kind kind, long place, Supplier<Difference> difference) {
    counts.merge(kind, 1L, Long::sum);
    found++;
    if (kept.size() == most) {
      Entry last = kept.peek();
      if (last != null && last.difference.place() <= place) {
        return;
      }
      kept.poll();
    }
    kept.add(new Entry(difference.get(), found));
  }

  long count(Difference.Kind kind) {
    return counts.getOrDefault(kind, 0L);
  }

  boolean isEmpty() {
    return found == 0;
  }

  /** The first ones, in order. */
  List<Difference> first() {
    List<Entry> sorted = new ArrayList<>(kept);
    sorted.sort(BY_PLACE);
    return sorted.stream().map(Entry::difference).toList();
  }
}
