package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one end of a connection does, as the capture tells it: which bytes it writes, when, and what
 * it had heard by then. Captured repetitions are nothing new, and left out; bytes that the capture
 * has not, but whose acknowledgment it has, are made up.
 */
final class Script {
  /** One thing that the end does. */
  static final class Write {
    final long time;
    final long start;
    final int length;
    final byte @Nullable [] data;
    final Kind kind;
    final boolean push;

    /** Position in the other end's stream that this end had heard everything before. */
    final long heard;

    /** How long after it had heard that it wrote, nanoseconds. */
    final long thought;

    Write(
        long time,
        long start,
        int length,
        byte @Nullable [] data,
        Kind kind,
        boolean push,
        long heard,
        long thought) {
      this.time = time;
      this.start = start;
      this.length = length;
      this.data = data;
      this.kind = kind;
      this.push = push;
      this.heard = heard;
      this.thought = thought;
    }
  }

  /** What is written. */
  enum Kind {
    SYN,
    DATA,
    FIN,
    RESET
  }

  /** Data that came before what belongs in front of it; of {@code data} the first bytes count. */
  private record Early(long start, byte[] data, int length, boolean push) {}

  private static final int LONGEST = 60_000; // with its headers it is an IP packet
  private static final int MOST_EARLY = 256;

  /**
   * More bytes than that are not missing from a capture: the numbers are wrong, or another
   * connection's.
   */
  private static final long MOST_MISSING = 16 << 20;

  /** What stands for bytes that were never seen: one memory for all, whatever a file says. */
  private static final byte[] MADE_UP = new byte[LONGEST];

  static {
    pattern(MADE_UP, 0, 0);
  }

  private static final long LONGEST_THOUGHT = 60_000_000_000L;

  /** Packets of one moment may stand in the file in another order. */
  private static final long PATIENCE_NANOS = 100_000_000L;

  private static final int SCALE_UNKNOWN = 7; // Linux' usual one

  int base;
  boolean baseKnown;
  boolean midStream;
  boolean hasSpoken;
  private long next;
  private long lastNewAt;
  private final List<Early> early = new ArrayList<>(0);
  private long acked;
  private long ackedAt;
  private boolean finSeen;
  private boolean resetSeen;
  private long finAt = Long.MAX_VALUE;
  private long madeUp;
  private long notKept;
  private long jumps;
  private long ignoredResets;
  private final WaitingBytes memory;

  /** The right edge of the window that this end has announced so far, in the other's stream. */
  long edge;

  int windowScale = -1;
  boolean sackPermitted;
  boolean timestamps;
  int firstTimestamp;
  long firstTimestampAt;
  int mss;

  final ArrayDeque<Write> writes = new ArrayDeque<>(1);

  /**
   * @param memory is asked before captured bytes are kept
   */
  Script(WaitingBytes memory) {
    this.memory = memory;
  }

  /** The other end has named a number of this one, which has not been seen itself. */
  void assume(int sequence) {
    if (!baseKnown) {
      base = sequence;
      baseKnown = true;
      midStream = true;
    }
  }

  /** The position of a sequence number of this end, near what it has written. */
  long position(int sequence) {
    return next + (sequence - (base + (int) next));
  }

  int sequence(long position) {
    return base + (int) position;
  }

  /** By how many bits its announced windows are shifted, once the handshake is over. */
  int scale(Script other) {
    if (midStream || other.midStream) {
      return SCALE_UNKNOWN;
    }
    return windowScale >= 0 && other.windowScale >= 0 ? windowScale : 0;
  }

  /**
   * Takes in a captured segment of this end.
   *
   * @param captured bytes of the packet that are there; what is cut off is made up
   */
  void captured(PacketView view, TcpOptions options, int captured, Script other, long now) {
    int flags = view.tcpFlags();
    int sequence = (int) view.tcpSequence();
    boolean syn = (flags & PacketView.SYN) != 0;
    if (!baseKnown) {
      base = sequence;
      baseKnown = true;
      midStream = !syn;
    }
    learn(options, syn, now);
    boolean isAck = (flags & PacketView.ACK) != 0;
    if (isAck) {
      other.assume((int) view.tcpAcknowledgment());
      acknowledges(view, other, syn, now);
    }
    fillLate(now);
    other.fillLate(now);
    // a reset without ACK comes after all that its sender has acknowledged before
    long heard = isAck ? other.position((int) view.tcpAcknowledgment()) : other.acked;
    heard = Math.min(heard, other.next);
    long thought =
        heard == other.next && other.next > 0
            ? Math.min(LONGEST_THOUGHT, Math.max(0, now - other.lastNewAt))
            : 0;
    long at = position(sequence);
    if (!hasSpoken && midStream && at > next && at - next <= MOST_MISSING) {
      fill(at, now, 0, 0, other); // it was on its way when the capture began
    }
    if (syn && at == next && !hasSpoken) {
      add(now, 1, null, Kind.SYN, false, heard, thought);
    }
    hasSpoken = true;
    if (!syn) {
      data(view, at, captured, other, now, heard, thought);
    }
    if ((flags & PacketView.FIN) != 0) {
      finAt = Math.min(finAt, at + view.tcpPayloadLength());
    }
    finish(now, heard, thought, other);
    if ((flags & PacketView.RST) != 0 && !resetSeen) {
      if (at < acked || at > Math.max(next, other.edge)) {
        ignoredResets++; // RFC 9293 section 3.10.7.4: its receiver took no notice of it
        return;
      }
      resetSeen = true;
      writes.add(new Write(now, next, 0, null, Kind.RESET, false, heard, thought));
    }
  }

  private void learn(TcpOptions options, boolean syn, long now) {
    if (syn) {
      windowScale = options.windowScale;
      sackPermitted = options.sackPermitted;
      mss = options.mss;
    } else if (midStream) {
      sackPermitted = true;
    }
    if (options.hasTimestamps && !timestamps) {
      timestamps = true;
      firstTimestamp = options.value;
      firstTimestampAt = now;
    }
  }

  /** An acknowledgment says what this end has, and how much more it takes. */
  private void acknowledges(PacketView view, Script other, boolean syn, long now) {
    long upTo = other.position((int) view.tcpAcknowledgment());
    if (upTo - other.next > MOST_MISSING) {
      other.jumps++;
      return;
    }
    edge = Math.max(edge, upTo + ((long) view.tcpWindow() << (syn ? 0 : scale(other))));
    if (upTo > other.acked) {
      other.ackedAt = other.acked > other.next ? other.ackedAt : now;
      other.acked = upTo;
    }
  }

  private void data(
      PacketView view, long at, int captured, Script other, long now, long heard, long thought) {
    int length = view.tcpPayloadLength();
    if (length == 0) {
      return;
    }
    if (at + length <= next) {
      return;
    }
    boolean push = (view.tcpFlags() & PacketView.PSH) != 0;
    int skip = (int) Math.max(0, next - at);
    if (at - next > MOST_MISSING) {
      jumps++;
      return;
    }
    if (at > next) {
      if (early.size() < MOST_EARLY) {
        early.add(new Early(at, bytes(view, 0, length, at, captured), length, push));
        early.sort((a, b) -> Long.compare(a.start, b.start));
      }
      other.edge = Math.max(other.edge, at + length);
      if (early.size() >= MOST_EARLY) {
        fill(early.getFirst().start, now, heard, thought, other);
      }
      return;
    }
    byte[] data = bytes(view, skip, length, at, captured);
    write(data, length - skip, push, now, heard, thought, other);
    followers(now, heard, thought, other);
  }

  /**
   * The payload from {@code skip} on; bytes that were not captured are those of the pattern, and so
   * are all of them where there is no memory for them.
   */
  private byte[] bytes(PacketView view, int skip, int length, long at, int captured) {
    ByteBuf buf = view.buffer();
    int from = view.tcpPayloadStart();
    int there = Math.max(0, Math.min(length, view.start() + captured - from));
    memory.captured(there);
    if (there <= skip) {
      madeUp += length - skip;
      return MADE_UP;
    }
    if (!memory.take(length - skip)) {
      notKept += length - skip;
      return MADE_UP;
    }
    byte[] bytes = new byte[length - skip];
    buf.getBytes(from + skip, bytes, 0, there - skip);
    if (there < length) {
      pattern(bytes, there - skip, at + skip);
      madeUp += length - there;
    }
    return bytes;
  }

  private static void pattern(byte[] bytes, int from, long position) {
    for (int i = from; i < bytes.length; i++) {
      long at = position + i;
      bytes[i] = (byte) (at * 31 + (at >> 8));
    }
  }

  private void write(
      byte[] data, int length, boolean push, long now, long heard, long thought, Script other) {
    for (int from = 0; from < length; from += LONGEST) {
      int count = Math.min(LONGEST, length - from);
      byte[] part = part(data, from, count);
      add(now, count, part, Kind.DATA, push && from + count == length, heard, thought);
    }
    other.edge = Math.max(other.edge, next);
  }

  private static byte[] part(byte[] data, int from, int count) {
    boolean isWhole = data == MADE_UP || count == data.length;
    return isWhole ? data : Arrays.copyOfRange(data, from, from + count);
  }

  private void add(
      long now,
      int length,
      byte @Nullable [] data,
      Kind kind,
      boolean push,
      long heard,
      long thought) {
    writes.add(new Write(now, next, length, data, kind, push, heard, thought));
    next += length;
    lastNewAt = now;
  }

  private void followers(long now, long heard, long thought, Script other) {
    while (!early.isEmpty() && early.getFirst().start <= next) {
      Early first = early.removeFirst();
      int skip = (int) Math.min(first.length, next - first.start);
      giveBack(first.data, skip);
      if (skip < first.length) {
        int rest = first.length - skip;
        write(part(first.data, skip, rest), rest, first.push, now, heard, thought, other);
      }
    }
  }

  private void finish(long now, long heard, long thought, Script other) {
    if (!finSeen && next == finAt) {
      finSeen = true;
      add(now, 1, null, Kind.FIN, false, heard, thought);
      other.edge = Math.max(other.edge, next);
    }
  }

  /** What was acknowledged some time ago, and is not there, has been lost by the capture. */
  private void fillLate(long now) {
    if (acked > next && now - ackedAt > PATIENCE_NANOS) {
      fill(acked, now, 0, 0, null);
    }
  }

  /** At the end of the capture: nothing more comes. */
  void fillAll(long now) {
    long upTo = acked;
    if (!early.isEmpty()) {
      upTo = Math.max(upTo, early.getLast().start);
    }
    if (upTo > next) {
      fill(upTo, now, 0, 0, null);
    }
  }

  private void fill(long upTo, long now, long heard, long thought, @Nullable Script other) {
    if (upTo > next && !memory.mayMakeUp(upTo - next)) {
      jumps++;
      acked = Math.min(acked, next);
      forgetEarly();
      return;
    }
    while (next < upTo) {
      if (next == finAt && !finSeen) {
        finSeen = true;
        add(now, 1, null, Kind.FIN, false, heard, thought);
        continue;
      }
      long end = early.isEmpty() ? upTo : Math.min(upTo, early.getFirst().start);
      end = finAt > next ? Math.min(end, finAt) : end;
      if (end > next) {
        int count = (int) Math.min(LONGEST, end - next);
        madeUp += count;
        add(now, count, MADE_UP, Kind.DATA, false, heard, thought);
      }
      Script peer = other == null ? this : other;
      if (!early.isEmpty() && early.getFirst().start <= next) {
        followers(now, heard, thought, peer);
      }
    }
  }

  /** Whether both ends know selective acknowledgments. */
  boolean hasSack(Script other) {
    return sackPermitted && other.sackPermitted;
  }

  /** How many positions it has written, SYN and FIN among them. */
  long next() {
    return next;
  }

  boolean isFinished() {
    return finSeen || resetSeen;
  }

  boolean finSeen() {
    return finSeen;
  }

  boolean resetSeen() {
    return resetSeen;
  }

  /** Bytes that are of no use any more. */
  void giveBack(byte @Nullable [] data, int length) {
    if (data != null && data != MADE_UP) {
      memory.giveBack(length);
    }
  }

  /** Nobody will write any of it. */
  void forget() {
    for (Write write : writes) {
      giveBack(write.data, write.length);
    }
    writes.clear();
    forgetEarly();
  }

  private void forgetEarly() {
    for (Early each : early) {
      giveBack(each.data, each.length);
    }
    early.clear();
  }

  /** Bytes that the capture has, and for which there was no memory. */
  long notKept() {
    return notKept;
  }

  /** Bytes that the capture does not have. */
  long madeUp() {
    return madeUp;
  }

  /** Resets whose numbers its receiver cannot have taken. */
  long ignoredResets() {
    return ignoredResets;
  }

  /** Segments whose numbers are far from all that was seen before, and were not believed. */
  long jumps() {
    return jumps;
  }
}
