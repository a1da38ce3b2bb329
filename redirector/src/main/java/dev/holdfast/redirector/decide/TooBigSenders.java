package dev.holdfast.redirector.decide;

/**
 * Remembers which flows were told that their packets are too big, so that each is told at a bounded
 * rate, and that one whose sender does not heed it (its ICMP is filtered) is rescued: who was told
 * three times, and sends as much after a second.
 *
 * <p>TCP is carried from its first packet on, so for it this changes only how often it is told.
 *
 * <p>A table of fixed size, one place for each hash: a flow that loses its place is told anew.
 */
public final class TooBigSenders {
  /** Each flow is told at most this often. */
  public static final long TELL_EVERY_NANOS = 100_000_000L;

  /** A flow that is rescued is told at most this often: its filter may have gone. */
  public static final long REMIND_EVERY_NANOS = 10_000_000_000L;

  /** A sender that still sends too much after this time does not heed. */
  public static final long HEED_WITHIN_NANOS = 1_000_000_000L;

  /** Nor is one packet a while a sign of it: he was told so often before. */
  public static final int TOLD_BEFORE = 3;

  /**
   * After this time what a flow was told says nothing any more: longer than senders wait (RFC 9002
   * section 6.2.1).
   */
  public static final long FORGET_NANOS = 120_000_000_000L;

  /** Errors a second that all flows together may cause, and as many at once (RFC 4443 2.4 f). */
  public static final int PER_SECOND = 1_000;

  private static final int PLACES = 1 << 10;
  private static final long NANOS_PER_TOKEN = 1_000_000_000L / PER_SECOND;

  private final long tellEveryNanos;
  private final int[] flows = new int[PLACES];
  private final boolean[] known = new boolean[PLACES];
  private final boolean[] rescued = new boolean[PLACES];
  private final int[] limits = new int[PLACES];
  private final int[] times = new int[PLACES];
  private final long[] firstNanos = new long[PLACES];
  private final long[] toldNanos = new long[PLACES];
  private long tokens = PER_SECOND;
  private long filledNanos = Long.MIN_VALUE / 2; // full, whatever the clock begins with

  /** Tells each flow every {@link #TELL_EVERY_NANOS} at most. */
  public TooBigSenders() {
    this(TELL_EVERY_NANOS);
  }

  /** Tells each flow once in so many nanoseconds at most. */
  public TooBigSenders(long tellEveryNanos) {
    this.tellEveryNanos = tellEveryNanos;
  }

  /**
   * What is to become of a packet that is too big, and whose sender may be told. Changes nothing:
   * {@link #note} does.
   *
   * @param limit bytes that pass whole
   * @param flow a number that packets of one flow and direction share
   */
  Fit judge(boolean isTcp, int limit, int flow, long nowNanos) {
    boolean mayTell = tokensAt(nowNanos) > 0;
    int place = place(flow);
    if (isNews(place, limit, flow, nowNanos)) {
      // Who cannot be told now must not wait for it: somebody else may cause all the errors.
      boolean tell = mayTell && (isKnown(place, flow) || mayTake(place, nowNanos));
      return !tell ? Fit.CARRIED : isTcp ? Fit.TOLD_AND_CARRIED : Fit.TOLD;
    }
    boolean deaf = rescued[place] || doesNotHeed(place, nowNanos);
    long every = deaf ? Math.max(REMIND_EVERY_NANOS, tellEveryNanos) : tellEveryNanos;
    boolean tell = mayTell && nowNanos - toldNanos[place] >= every;
    if (deaf) {
      return tell ? Fit.TOLD_AND_RESCUED : Fit.RESCUED;
    }
    if (isTcp) {
      return tell ? Fit.TOLD_AND_CARRIED : Fit.CARRIED_MEANWHILE;
    }
    return tell ? Fit.TOLD : Fit.JUST_TOLD;
  }

  /**
   * Remembers that a packet was dealt with as {@link #judge} has said; of one whose sender was to
   * be told, that he has been.
   *
   * @param fit what it has said; any other is of no interest here
   */
  public void note(Fit fit, int limit, int flow, long nowNanos) {
    int place = place(flow);
    switch (fit) {
      case TOLD, TOLD_AND_CARRIED -> {
        if (isNews(place, limit, flow, nowNanos)) {
          known[place] = true;
          flows[place] = flow;
          rescued[place] = false;
          firstNanos[place] = nowNanos;
          limits[place] = limit;
          times[place] = 0;
        }
        told(place, nowNanos);
      }
      case TOLD_AND_RESCUED -> {
        rescued[place] = true;
        told(place, nowNanos);
      }
      case RESCUED -> rescued[place] = true;
      case WHOLE, IN_FRAGMENTS, JUST_TOLD, CARRIED, CARRIED_MEANWHILE -> {}
    }
  }

  private void told(int place, long nowNanos) {
    toldNanos[place] = nowNanos;
    times[place]++;
    tokens = tokensAt(nowNanos) - 1;
    filledNanos = nowNanos;
  }

  private static int place(int flow) {
    return (flow * 0x9e37_79b9) >>> 22;
  }

  private boolean isKnown(int place, int flow) {
    return known[place] && flows[place] == flow;
  }

  /** That this flow sends too much for {@code limit} has not been said to it. */
  private boolean isNews(int place, int limit, int flow, long nowNanos) {
    return !isKnown(place, flow) || isStale(place, nowNanos) || limits[place] != limit;
  }

  /** What was told so long ago says nothing of what comes now. */
  private boolean isStale(int place, long nowNanos) {
    return !rescued[place] && nowNanos - toldNanos[place] > FORGET_NANOS;
  }

  /** A flow that is being rescued is not displaced by another one's. */
  private boolean mayTake(int place, long nowNanos) {
    return !known[place] || !rescued[place] || nowNanos - toldNanos[place] > FORGET_NANOS;
  }

  private boolean doesNotHeed(int place, long nowNanos) {
    return times[place] >= TOLD_BEFORE && nowNanos - firstNanos[place] >= HEED_WITHIN_NANOS;
  }

  /** A bucket that fills with time; a part of a token is lost at each one that is taken. */
  private long tokensAt(long nowNanos) {
    return Math.min(PER_SECOND, tokens + (nowNanos - filledNanos) / NANOS_PER_TOKEN);
  }
}
