package dev.holdfast.redirector.capture;

/**
 * At which {@link LinkAddress} a far address was last heard, for as many addresses as there is room
 * for: whoever floods us with made-up senders displaces what can be asked for again, and no memory
 * grows.
 *
 * <p>Four places for each hash; the one that was heard longest ago gives way. Nothing is allocated.
 * One thread.
 */
final class LinkCache {
  private static final int WAYS = 4;
  private static final int SETS = 4096;

  private final long[] highs = new long[SETS * WAYS];
  private final long[] lows = new long[SETS * WAYS];
  private final long[] links = new long[SETS * WAYS];
  private final long[] heard = new long[SETS * WAYS];

  /** Notes that {@code high}, {@code low} is at {@code link} now. */
  void put(long high, long low, long link, long nowNanos) {
    int first = set(high, low);
    int place = first;
    for (int i = first; i < first + WAYS; i++) {
      if (links[i] == LinkAddress.NONE || (highs[i] == high && lows[i] == low)) {
        place = i;
        break;
      }
      if (heard[i] - heard[place] < 0) {
        place = i;
      }
    }
    highs[place] = high;
    lows[place] = low;
    links[place] = link;
    heard[place] = nowNanos;
  }

  /**
   * Where it was heard since {@code sinceNanos}, or ever where that is {@link Long#MIN_VALUE};
   * {@link LinkAddress#NONE} where it was not.
   */
  long get(long high, long low, long sinceNanos) {
    int first = set(high, low);
    for (int i = first; i < first + WAYS; i++) {
      if (links[i] != LinkAddress.NONE && highs[i] == high && lows[i] == low) {
        boolean isFresh = sinceNanos == Long.MIN_VALUE || heard[i] - sinceNanos >= 0;
        return isFresh ? links[i] : LinkAddress.NONE;
      }
    }
    return LinkAddress.NONE;
  }

  /** Index of the first place of a hash. */
  private static int set(long high, long low) {
    long mixed = (high * 0x9e37_79b9_7f4a_7c15L ^ low) * 0xbf58_476d_1ce4_e5b9L;
    return ((int) (mixed >>> 40) & (SETS - 1)) * WAYS;
  }
}
