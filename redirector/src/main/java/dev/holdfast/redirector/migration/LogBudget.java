package dev.holdfast.redirector.migration;

import org.jspecify.annotations.Nullable;

/**
 * How many lines of this host's log a remote host may cause: some in a minute, as happens when
 * something is wrong, and after that only their number.
 */
public final class LogBudget {
  static final int LINES = 20;
  private static final long MINUTE_NANOS = 60_000_000_000L;

  private long since;
  private int written;
  private long left;

  /** The line as it is to be logged, or null when it is not. */
  public synchronized @Nullable String line(String text, long nowNanos) {
    if (written == 0 || nowNanos - since >= MINUTE_NANOS) {
      since = nowNanos;
      written = 0;
    }
    if (written == LINES) {
      left++;
      return null;
    }
    written++;
    long before = left;
    left = 0;
    return before == 0 ? text : text + " (" + before + " lines like this were left out before it)";
  }
}
