package dev.holdfast.tunnel.encap;

/**
 * What ICMP errors have taught of the path to one remote host: soft state (RFC 2003 section 5.1,
 * RFC 1191 section 6.3, RFC 8201 section 4). It only ever lowers what arming has proven, and it is
 * forgotten ten minutes after it was last lowered: the path may have become wider, and only a
 * longer packet can tell. Time is the caller's.
 */
public final class TunnelPathMtu {
  /** Nothing is known to be in the way. */
  public static final int UNLIMITED = Integer.MAX_VALUE;

  /** RFC 1191 section 6.3, RFC 8201 section 4: not sooner than 5 minutes, 10 are recommended. */
  public static final long LIFE_NANOS = 600_000_000_000L;

  /**
   * How soon after one lowering the next is believed: as fast as real paths change, and no more.
   */
  public static final long PAUSE_NANOS = 1_000_000_000L;

  /** What a "too big" has done. */
  public enum Change {
    LOWERED,
    /** As small a path MTU was known already: the packet was under way before that. */
    NONE,
    /** Too soon after another; if it is true, another will follow. */
    TOO_SOON
  }

  private int limit = UNLIMITED;
  private long loweredAt;

  /**
   * A router has asked for packets of {@code mtu} bytes, in an error that is believed.
   *
   * @param proven the path MTU that holds where there is no limit, bytes
   */
  public Change tooBig(int mtu, int proven, long nowNanos) {
    boolean unused = expire(nowNanos);
    if (mtu >= Math.min(limit, proven)) {
      return Change.NONE;
    }
    if (limit != UNLIMITED && nowNanos - loweredAt < PAUSE_NANOS) {
      return Change.TOO_SOON;
    }
    limit = mtu;
    loweredAt = nowNanos;
    return Change.LOWERED;
  }

  /** Outer packets may be this long, bytes; {@link #UNLIMITED} where no error says otherwise. */
  public int limit() {
    return limit;
  }

  /** How long it holds, nanoseconds; 0 where there is no limit or it is due to be forgotten. */
  public long left(long nowNanos) {
    return limit == UNLIMITED ? 0 : Math.max(0, LIFE_NANOS - (nowNanos - loweredAt));
  }

  /** Forgets the limit if it is due; true where that was so. */
  public boolean expire(long nowNanos) {
    if (limit == UNLIMITED || left(nowNanos) > 0) {
      return false;
    }
    limit = UNLIMITED;
    return true;
  }
}
