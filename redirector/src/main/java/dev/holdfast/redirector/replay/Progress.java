package dev.holdfast.redirector.replay;

/**
 * How long one end's bytes waited for their delivery, the guests' pauses apart. It waits while
 * there is something to deliver; each delivery ends one wait and, where more is there, begins the
 * next.
 */
final class Progress {
  private static final long IDLE = Long.MIN_VALUE;

  private final Pauses pauses;
  private long since = IDLE;
  private long longest;
  private long longestAt;
  private long recovery = -1;

  /** What of a time does not count, since a guest was paused in it. */
  interface Pauses {
    /** Nanoseconds of the time between two moments in which one of the two ends was paused. */
    long within(long from, long to);

    /** The last end of a pause of one of the two ends; negative before. */
    long lastEnd();
  }

  Progress(Pauses pauses) {
    this.pauses = pauses;
  }

  /** Something is to be delivered. */
  void waits(long now) {
    if (since == IDLE) {
      since = now;
    }
  }

  /**
   * Something was delivered.
   *
   * @param more whether there is still something to deliver
   */
  void delivered(long now, boolean more) {
    if (since != IDLE) {
      took(now);
      recovered(now);
    }
    since = more ? now : IDLE;
  }

  /** At the end, or where somebody asks: what has waited until now counts as well. */
  void took(long now) {
    if (since == IDLE) {
      return;
    }
    long waited = now - since - pauses.within(since, now);
    if (waited > longest) {
      longest = waited;
      longestAt = since;
    }
  }

  private void recovered(long now) {
    long end = pauses.lastEnd();
    if (recovery < 0 && end >= 0 && since < end && now >= end) {
      recovery = now - end;
    }
  }

  boolean isWaiting() {
    return since != IDLE;
  }

  long longest() {
    return longest;
  }

  /** When the longest wait began. */
  long longestAt() {
    return longestAt;
  }

  /**
   * How long after the guest's pause the first bytes were delivered that had waited in it; negative
   * where none had.
   */
  long recovery() {
    return recovery;
  }
}
