package dev.holdfast.redirector.replay;

/**
 * Counts lengths of time, in buckets that are 1/32 of their value wide. All its memory is there
 * from the start; nothing is allocated for a value.
 */
final class LatenessHistogram {
  private static final int SUB_BITS = 5;
  private static final int SUBS = 1 << SUB_BITS;

  private final long[] counts = new long[(Long.SIZE - SUB_BITS) * SUBS];
  private long count;
  private long max;

  /**
   * @param nanos below 0 counts as 0: nothing is late that was early
   */
  void record(long nanos) {
    long value = Math.max(0, nanos);
    counts[bucket(value)]++;
    count++;
    max = Math.max(max, value);
  }

  private static int bucket(long value) {
    if (value < SUBS) {
      return (int) value;
    }
    int shift = Long.SIZE - 1 - Long.numberOfLeadingZeros(value) - SUB_BITS;
    return (shift + 1) * SUBS + (int) (value >>> shift & SUBS - 1);
  }

  /** The highest value of a bucket. */
  private static long top(int bucket) {
    if (bucket < SUBS) {
      return bucket;
    }
    int shift = bucket / SUBS - 1;
    return ((long) (SUBS | bucket % SUBS) + 1 << shift) - 1;
  }

  long count() {
    return count;
  }

  long max() {
    return max;
  }

  /**
   * A value that the given share of all do not exceed (nearest rank), at most 1/32 too high; 0
   * where there is none.
   *
   * @param share above 0, at most 1
   */
  long percentile(double share) {
    long rank = Math.max(1, (long) Math.ceil(share * count));
    long seen = 0;
    for (int i = 0; i < counts.length; i++) {
      seen += counts[i];
      if (seen >= rank) {
        return Math.min(max, top(i));
      }
    }
    return max;
  }
}
