package dev.holdfast.redirector.decide;

import dev.holdfast.tunnel.packet.PacketView;

/**
 * Remembers which flows were told that their packets are too big, so that each is told at a bounded
 * rate, and that one whose sender does not heed it (its ICMP is filtered) is rescued.
 *
 * <p>TCP that heeds sends smaller segments from then on, so the same bytes in a segment as long as
 * before show that the word did not arrive. Other senders have a second to change.
 *
 * <p>A table of fixed size, one place for each hash: a flow that loses its place is told anew.
 */
public final class TooBigSenders {
  /** Each flow is told at most this often. */
  public static final long TELL_EVERY_NANOS = 100_000_000L;

  /** A flow that is rescued is told at most this often: its filter may have gone. */
  public static final long REMIND_EVERY_NANOS = 10_000_000_000L;

  /** What has no sequence numbers is rescued when it is still too big after this time. */
  public static final long HEED_WITHIN_NANOS = 1_000_000_000L;

  /** Errors a second that all flows together may cause, and as many at once (RFC 4443 2.4 f). */
  public static final int PER_SECOND = 1_000;

  private static final int PLACES = 1 << 10;
  private static final long NANOS_PER_TOKEN = 1_000_000_000L / PER_SECOND;

  private final long tellEveryNanos;
  private final int[] flows = new int[PLACES];
  private final boolean[] known = new boolean[PLACES];
  private final boolean[] rescued = new boolean[PLACES];
  private final int[] sequences = new int[PLACES];
  private final long[] firstNanos = new long[PLACES];
  private final long[] toldNanos = new long[PLACES];
  private int tokens = PER_SECOND;
  private long filledNanos;
  private boolean filled;

  /** Tells each flow every {@link #TELL_EVERY_NANOS} at most. */
  public TooBigSenders() {
    this(TELL_EVERY_NANOS);
  }

  /** Tells each flow once in so many nanoseconds at most. */
  public TooBigSenders(long tellEveryNanos) {
    this.tellEveryNanos = tellEveryNanos;
  }

  /**
   * One packet is too big, and its sender may be told.
   *
   * @param flow a number that packets of one flow and direction share
   */
  Fit tooBig(PacketView packet, int flow, long nowNanos) {
    int place = (flow * 0x9e37_79b9) >>> 22;
    if (!known[place] || flows[place] != flow) {
      return begin(packet, flow, place, nowNanos);
    }
    if (!rescued[place] && doesNotHeed(packet, place, nowNanos)) {
      rescued[place] = true;
    }
    long every = rescued[place] ? REMIND_EVERY_NANOS : tellEveryNanos;
    boolean tell = nowNanos - toldNanos[place] >= every && take(nowNanos);
    if (tell) {
      toldNanos[place] = nowNanos;
      sequences[place] = (int) packet.tcpSequence();
    }
    if (rescued[place]) {
      return tell ? Fit.TOLD_AND_RESCUED : Fit.RESCUED;
    }
    return tell ? Fit.TOLD : Fit.JUST_TOLD;
  }

  private Fit begin(PacketView packet, int flow, int place, long nowNanos) {
    if (!take(nowNanos)) {
      return Fit.JUST_TOLD; // nobody was told of this flow, so nothing is expected of it either
    }
    known[place] = true;
    flows[place] = flow;
    rescued[place] = false;
    sequences[place] = (int) packet.tcpSequence();
    firstNanos[place] = nowNanos;
    toldNanos[place] = nowNanos;
    return Fit.TOLD;
  }

  /** Bytes at or before those that could not pass come again, in as long a segment. */
  private boolean doesNotHeed(PacketView packet, int place, long nowNanos) {
    return packet.isTcp()
        ? (int) packet.tcpSequence() - sequences[place] <= 0
        : nowNanos - firstNanos[place] >= HEED_WITHIN_NANOS;
  }

  private boolean take(long nowNanos) {
    if (!filled) {
      filled = true;
      filledNanos = nowNanos;
    }
    long fresh = (nowNanos - filledNanos) / NANOS_PER_TOKEN;
    if (fresh > 0) {
      tokens = (int) Math.min(PER_SECOND, tokens + fresh);
      filledNanos += fresh * NANOS_PER_TOKEN;
    }
    if (tokens == 0) {
      return false;
    }
    tokens--;
    return true;
  }
}
