package dev.holdfast.tunnel.encap;

/**
 * When the path MTU of one tunnel is tried, after it was measured once: a path may change while
 * nobody may say so (RFC 8899 sections 4.3 and 5.2, RFC 4821 section 7). What is known is confirmed
 * again and again; where it does not pass any more, less is searched for, and after a long time
 * more. Time is the caller's.
 */
public final class PathMtuProbing {
  /** RFC 8899 section 5.1.1, CONFIRMATION_TIMER: how long what has passed is taken to pass. */
  public static final long CONFIRM_NANOS = 5_000_000_000L;

  /** RFC 8899 section 5.1.1, PROBE_TIMER: not less than 1 s. */
  public static final long PROBE_NANOS = 1_000_000_000L;

  /** RFC 8899 section 5.1.2, MAX_PROBES: so many may be lost to something else. */
  public static final int MAX_PROBES = 3;

  /** RFC 8899 section 5.1.1, PMTU_RAISE_TIMER. */
  public static final long RAISE_NANOS = 600_000_000_000L;

  /** After a search that has found nothing: it costs some hundred packets. */
  public static final long SEARCH_AGAIN_NANOS = 60_000_000_000L;

  /** What is due. */
  public enum Step {
    WAIT,
    /** One probe of the size that is known: {@link #passed} or {@link #lost}. */
    CONFIRM,
    /** It passes no more: what does? {@link #searched} or {@link #passed}. */
    SEARCH,
    /** Perhaps more passes by now: {@link #raised}. */
    RAISE
  }

  private long dueNanos;
  private long raiseNanos;
  private int lost;

  /** The path MTU has just been measured, or was some time ago. */
  public PathMtuProbing(long nowNanos) {
    dueNanos = nowNanos + CONFIRM_NANOS;
    raiseNanos = nowNanos + RAISE_NANOS;
  }

  /**
   * @param mayRise less is known to pass than is usual
   */
  public Step step(boolean mayRise, long nowNanos) {
    if (nowNanos - dueNanos < 0) {
      return Step.WAIT;
    }
    if (lost >= MAX_PROBES) {
      return Step.SEARCH;
    }
    return mayRise && lost == 0 && nowNanos - raiseNanos >= 0 ? Step.RAISE : Step.CONFIRM;
  }

  /** The known size passes, or nothing can be said of it now: the tunnel is down as a whole. */
  public void passed(long nowNanos) {
    lost = 0;
    dueNanos = nowNanos + CONFIRM_NANOS;
  }

  /** A probe of the known size was not answered. */
  public void lost(long nowNanos) {
    lost++;
    dueNanos = lost < MAX_PROBES ? nowNanos + PROBE_NANOS : nowNanos;
  }

  /** Less was searched for; {@code found} says whether anything passes. */
  public void searched(boolean found, long nowNanos) {
    lost = 0;
    dueNanos = nowNanos + (found ? CONFIRM_NANOS : SEARCH_AGAIN_NANOS);
    raiseNanos = nowNanos + RAISE_NANOS;
  }

  /** More was searched for. */
  public void raised(long nowNanos) {
    passed(nowNanos);
    raiseNanos = nowNanos + RAISE_NANOS;
  }

  /** Until something is due, nanoseconds; 0 where it is. */
  public long left(long nowNanos) {
    return Math.max(0, dueNanos - nowNanos);
  }
}
