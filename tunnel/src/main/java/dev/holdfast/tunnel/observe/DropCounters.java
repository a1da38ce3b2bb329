package dev.holdfast.tunnel.observe;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.LinkedHashMap;
import java.util.Map;

/** A counter for each {@link DropReason}. Written by one thread without a lock, read by any. */
public final class DropCounters {
  private static final VarHandle CELL = MethodHandles.arrayElementVarHandle(long[].class);
  private final long[] counts = new long[DropReason.values().length];

  /** Counts one packet; only the thread that owns the data path may call it. */
  public void count(DropReason reason) {
    count(reason, 1);
  }

  public void count(DropReason reason, long packets) {
    int i = reason.ordinal();
    CELL.setRelease(counts, i, (long) CELL.get(counts, i) + packets);
  }

  public long get(DropReason reason) {
    return (long) CELL.getAcquire(counts, reason.ordinal());
  }

  public long total() {
    long sum = 0;
    for (DropReason reason : DropReason.values()) {
      sum += get(reason);
    }
    return sum;
  }

  /** The reasons that occurred, by label, in the order of the enum. */
  public Map<String, Long> nonZero() {
    Map<String, Long> seen = new LinkedHashMap<>();
    for (DropReason reason : DropReason.values()) {
      long n = get(reason);
      if (n != 0) {
        seen.put(reason.label(), n);
      }
    }
    return seen;
  }
}
