package dev.holdfast.redirector.flow;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import org.jspecify.annotations.Nullable;

/**
 * One flow of the guest: what was seen of it and how it stands. Used by one thread; made and
 * changed by {@link FlowTable} alone.
 *
 * <p>There may be a million of these, so fields are as narrow as they can be. With compressed
 * references (the header has 12 bytes) the fields come to exactly 112: 2 references of 4 bytes, 8
 * ints, 5 chars, 2 bytes, 6 longs. The table adds 5 to 11 bytes for its slots.
 */
public final class Flow {
  private static final long NEVER = Long.MIN_VALUE;

  /** Begin is kept in units of 2^24 ns (17 ms): an int of them lasts for two years. */
  private static final int TICK_SHIFT = 24;

  /** How exactly {@link #ageNanos} knows. */
  static final long AGE_UNIT = 1L << TICK_SHIFT;

  private static final int UNKNOWN_SCALE = 15;

  // flags
  private static final int ORIGIN_AND_END = 0x1f; // 5 origins times 6 ends are 30 values
  private static final int HANDSHAKE_SHIFT = 5; // 2 bits
  private static final int UNCOUNTED = 1 << 7;
  private static final int BEGAN_WHILE_DRAINING = 1 << 8;
  private static final int PEER_CLOSED_FIRST = 1 << 9;
  private static final int END_KNOWN = 1 << 10; // and 1 << 11, by direction
  private static final int ACK_KNOWN = 1 << 12; // and 1 << 13
  private static final int FIN_KNOWN = 1 << 14; // and 1 << 15

  /** How far the opening of a connection has come. */
  enum Handshake {
    /** Both sides have sent plain segments, or the flow was met in mid-stream. */
    DONE,
    BEGUN_BY_PEER,
    BEGUN_BY_GUEST,
    ANSWERED;

    static final Handshake[] ALL = values();
  }

  private final IpAddress guest;
  private @Nullable HeldFlow held;
  private final int beganTick;
  private int longestSilenceMillis;
  private int toGuestEnd; // sequence number after the last byte that was sent towards the guest
  private int fromGuestEnd;
  private int toGuestAck; // the highest acknowledgment number sent towards the guest
  private int fromGuestAck;
  private int toGuestFin; // the sequence number of the FIN itself
  private int fromGuestFin;
  private final char guestPort;
  private final char peerPort;
  private char toGuestWindow; // as the segment had it, not scaled
  private char fromGuestWindow;
  private char flags;
  private final byte protocol;
  private byte scales = (byte) (UNKNOWN_SCALE << 4 | UNKNOWN_SCALE); // guest's, peer's
  private final long peerHigh;
  private final long peerLow;
  private long lastToGuest = NEVER;
  private long lastFromGuest = NEVER;
  private long toGuestBytes;
  private long fromGuestBytes;

  Flow(
      int protocol,
      IpAddress guest,
      int guestPort,
      long peerHigh,
      long peerLow,
      int peerPort,
      Origin origin,
      long nowNanos) {
    this.protocol = (byte) protocol;
    this.guest = guest;
    this.guestPort = (char) guestPort;
    this.peerHigh = peerHigh;
    this.peerLow = peerLow;
    this.peerPort = (char) peerPort;
    beganTick = (int) (nowNanos >> TICK_SHIFT);
    originAndEnd(origin.ordinal(), FlowEnd.OPEN.ordinal());
  }

  public int protocol() {
    return protocol & 0xff;
  }

  public boolean isTcp() {
    return protocol == PacketView.TCP;
  }

  public IpAddress guest() {
    return guest;
  }

  public int guestPort() {
    return guestPort;
  }

  /** Allocates: not for the packet path. */
  public IpAddress peer() {
    return new IpAddress(peerHigh, peerLow);
  }

  public int peerPort() {
    return peerPort;
  }

  /** Allocates: not for the packet path. */
  public FlowKey key() {
    return new FlowKey(protocol(), guest, guestPort, peer(), peerPort);
  }

  boolean is(
      int itsProtocol,
      long guestHigh,
      long guestLow,
      int itsGuestPort,
      long itsPeerHigh,
      long itsPeerLow,
      int itsPeerPort) {
    return peerLow == itsPeerLow
        && peerPort == itsPeerPort
        && guestPort == itsGuestPort
        && protocol() == itsProtocol
        && guest.low() == guestLow
        && peerHigh == itsPeerHigh
        && guest.high() == guestHigh;
  }

  int hash(FlowSlots slots) {
    return slots.hash(protocol(), guest.low(), guestPort, peerHigh, peerLow, peerPort);
  }

  public Origin origin() {
    return Origin.ALL[(flags & ORIGIN_AND_END) / FlowEnd.ALL.length];
  }

  void origin(Origin origin) {
    originAndEnd(origin.ordinal(), end().ordinal());
  }

  public FlowEnd end() {
    return FlowEnd.ALL[(flags & ORIGIN_AND_END) % FlowEnd.ALL.length];
  }

  void end(FlowEnd end) {
    originAndEnd(origin().ordinal(), end.ordinal());
  }

  private void originAndEnd(int origin, int end) {
    flags = (char) (flags & ~ORIGIN_AND_END | origin * FlowEnd.ALL.length + end);
  }

  public boolean isEnded() {
    return end() != FlowEnd.OPEN;
  }

  /**
   * A SYN on its ports would open a new connection: it has ended, or is in time-wait (RFC 9293
   * section 3.6.1).
   */
  public boolean isClosed() {
    return isEnded() || (isTcp() && tcpState() == TcpState.TIME_WAIT);
  }

  Handshake handshake() {
    return Handshake.ALL[flags >> HANDSHAKE_SHIFT & 3];
  }

  void handshake(Handshake handshake) {
    flags = (char) (flags & ~(3 << HANDSHAKE_SHIFT) | handshake.ordinal() << HANDSHAKE_SHIFT);
  }

  /** TCP of which nothing but SYNs from one side was ever seen. */
  public boolean isSynOnly() {
    Handshake handshake = handshake();
    return handshake == Handshake.BEGUN_BY_PEER || handshake == Handshake.BEGUN_BY_GUEST;
  }

  /** The guest was heard, or somebody who knows named the flow: no stranger can make one up. */
  public boolean isConfirmed() {
    return lastFromGuest != NEVER
        || switch (origin()) {
          case LISTED, SNAPSHOT, CONNTRACK -> true;
          case CAPTURED, SEEN -> false;
        };
  }

  /** False for later fragments and ICMP errors, which have a flow of their own only by name. */
  public boolean isCounted() {
    return (flags & UNCOUNTED) == 0;
  }

  void uncounted() {
    flags |= UNCOUNTED;
  }

  /** It began after the migration had started to drain, by a stale address. */
  public boolean beganWhileDraining() {
    return (flags & BEGAN_WHILE_DRAINING) != 0;
  }

  void markBeganWhileDraining() {
    flags |= BEGAN_WHILE_DRAINING;
  }

  // ---- what was heard ----

  void heard(Direction direction, int bytes, long nowNanos) {
    if (wasHeard()) {
      long silence = (nowNanos - lastHeard()) / 1_000_000;
      if (silence > longestSilenceMillis) {
        longestSilenceMillis = (int) Math.min(silence, Integer.MAX_VALUE);
      }
    }
    if (direction == Direction.TO_GUEST) {
      lastToGuest = nowNanos;
      toGuestBytes += bytes;
    } else {
      lastFromGuest = nowNanos;
      fromGuestBytes += bytes;
    }
  }

  public boolean wasHeard(Direction direction) {
    return (direction == Direction.TO_GUEST ? lastToGuest : lastFromGuest) != NEVER;
  }

  public boolean wasHeard() {
    return lastToGuest != NEVER || lastFromGuest != NEVER;
  }

  /** When the last packet went that way; only where {@link #wasHeard(Direction)}. */
  public long lastHeard(Direction direction) {
    return direction == Direction.TO_GUEST ? lastToGuest : lastFromGuest;
  }

  private long lastHeard() {
    if (lastToGuest == NEVER || lastFromGuest == NEVER) {
      return lastToGuest == NEVER ? lastFromGuest : lastToGuest;
    }
    return lastToGuest - lastFromGuest > 0 ? lastToGuest : lastFromGuest;
  }

  /** For how long neither side was heard; its age where neither ever was. */
  public long idleNanos(long nowNanos) {
    return wasHeard() ? nowNanos - lastHeard() : ageNanos(nowNanos);
  }

  /** Since it became known, to 17 ms. */
  public long ageNanos(long nowNanos) {
    int ticks = (int) (nowNanos >> TICK_SHIFT) - beganTick;
    return Integer.toUnsignedLong(ticks) << TICK_SHIFT;
  }

  /**
   * The longest time in which neither side was heard, to 1 ms; the silence that goes on now is
   * among them, unless the flow has ended.
   */
  public long longestSilenceNanos(long nowNanos) {
    long past = longestSilenceMillis * 1_000_000L;
    return isEnded() ? past : Math.max(past, idleNanos(nowNanos));
  }

  /** Bytes of whole IP packets. */
  public long bytes(Direction direction) {
    return direction == Direction.TO_GUEST ? toGuestBytes : fromGuestBytes;
  }

  // ---- alive at hold ----

  @Nullable HeldFlow held() {
    return held;
  }

  void held(HeldFlow record) {
    held = record;
  }

  /** The flow was alive when the guest was paused: it belongs into the continuity report. */
  public boolean wasAliveAtHold() {
    return held != null;
  }

  /** From release to the guest's first packet, in nanoseconds; -1 while there was none. */
  public long recoveryNanos() {
    return held == null ? -1 : held.recoveryNanos;
  }

  /** Bytes that had gone that way when the guest was paused; 0 if it was not alive then. */
  public long bytesAtHold(Direction direction) {
    if (held == null) {
      return 0;
    }
    return direction == Direction.TO_GUEST ? held.toGuestBytes : held.fromGuestBytes;
  }

  // ---- TCP; sequence numbers are 32 bits in an int, and compared by difference ----

  /** True where {@link #sequenceEnd} is known: a segment was seen that went that way. */
  public boolean hasSequence(Direction direction) {
    return (flags & END_KNOWN << direction.ordinal()) != 0;
  }

  /** The sequence number after the highest byte that was sent that way. */
  public int sequenceEnd(Direction direction) {
    return direction == Direction.TO_GUEST ? toGuestEnd : fromGuestEnd;
  }

  void sequenceEnd(Direction direction, int sequence) {
    flags |= END_KNOWN << direction.ordinal();
    if (direction == Direction.TO_GUEST) {
      toGuestEnd = sequence;
    } else {
      fromGuestEnd = sequence;
    }
  }

  /** True where {@link #acknowledgment} is known. */
  public boolean hasAcknowledgment(Direction direction) {
    return (flags & ACK_KNOWN << direction.ordinal()) != 0;
  }

  /**
   * The highest acknowledgment number in a segment that went that way. {@code FROM_GUEST} it is the
   * next byte that the guest expects.
   */
  public int acknowledgment(Direction direction) {
    return direction == Direction.TO_GUEST ? toGuestAck : fromGuestAck;
  }

  void acknowledgment(Direction direction, int acknowledgment, int window) {
    flags |= ACK_KNOWN << direction.ordinal();
    if (direction == Direction.TO_GUEST) {
      toGuestAck = acknowledgment;
      toGuestWindow = (char) window;
    } else {
      fromGuestAck = acknowledgment;
      fromGuestWindow = (char) window;
    }
  }

  void forgetAcknowledgment(Direction direction) {
    flags &= ~(ACK_KNOWN << direction.ordinal());
  }

  /**
   * The last window in bytes that a segment going that way offered; not scaled where the SYN with
   * the scale was not seen.
   */
  public long window(Direction direction) {
    int scale = scale(direction);
    long window = direction == Direction.TO_GUEST ? toGuestWindow : fromGuestWindow;
    return scale == UNKNOWN_SCALE ? window : window << scale;
  }

  private int scale(Direction direction) {
    return direction == Direction.TO_GUEST ? scales & 0xf : scales >> 4 & 0xf;
  }

  /** What the SYN going that way said (RFC 7323 section 2): 0 to 14. */
  void scale(Direction direction, int scale) {
    scales =
        (byte)
            (direction == Direction.TO_GUEST ? scales & 0xf0 | scale : scales & 0xf | scale << 4);
  }

  public boolean hasFin(Direction direction) {
    return (flags & FIN_KNOWN << direction.ordinal()) != 0;
  }

  /** The sequence number of the FIN that went that way. */
  int fin(Direction direction) {
    return direction == Direction.TO_GUEST ? toGuestFin : fromGuestFin;
  }

  void fin(Direction direction, int sequence) {
    if (direction == Direction.TO_GUEST && !hasFin(Direction.FROM_GUEST)) {
      flags |= PEER_CLOSED_FIRST;
    }
    flags |= FIN_KNOWN << direction.ordinal();
    if (direction == Direction.TO_GUEST) {
      toGuestFin = sequence;
    } else {
      fromGuestFin = sequence;
    }
  }

  void forgetFin(Direction direction) {
    flags &= ~(FIN_KNOWN << direction.ordinal());
    if (direction == Direction.TO_GUEST) {
      flags &= ~PEER_CLOSED_FIRST;
    }
  }

  /** The FIN that went that way was acknowledged by the other side. */
  public boolean isFinAcknowledged(Direction direction) {
    Direction back = direction.reverse();
    return hasFin(direction)
        && hasAcknowledgment(back)
        && acknowledgment(back) - (fin(direction) + 1) >= 0;
  }

  /** Only for TCP. */
  public TcpState tcpState() {
    if (isEnded()) {
      return TcpState.CLOSED;
    }
    boolean sent = hasFin(Direction.FROM_GUEST);
    boolean sentAcked = isFinAcknowledged(Direction.FROM_GUEST);
    boolean gotAcked = isFinAcknowledged(Direction.TO_GUEST);
    if (sent && sentAcked) {
      return gotAcked ? TcpState.TIME_WAIT : TcpState.FIN_WAIT_2;
    }
    if (sent && gotAcked) {
      return (flags & PEER_CLOSED_FIRST) != 0 ? TcpState.LAST_ACK : TcpState.CLOSING;
    }
    if (sent) {
      return TcpState.FIN_WAIT_1;
    }
    if (gotAcked) {
      return TcpState.CLOSE_WAIT;
    }
    return switch (handshake()) {
      case DONE -> TcpState.ESTABLISHED;
      case BEGUN_BY_GUEST -> TcpState.SYN_SENT;
      case BEGUN_BY_PEER, ANSWERED -> TcpState.SYN_RECEIVED;
    };
  }

  /** A TCP state's label, or "active" and, once it has ended, "closed" for all else. */
  public String stateLabel() {
    return isTcp() ? tcpState().label() : isEnded() ? "closed" : "active";
  }

  @Override
  public String toString() {
    return key() + " " + stateLabel();
  }
}
