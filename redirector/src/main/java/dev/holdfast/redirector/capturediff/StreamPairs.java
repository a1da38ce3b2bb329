package dev.holdfast.redirector.capturediff;

import dev.holdfast.redirector.capturefile.CapturedPacket;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Compares TCP as streams of bytes: how they were cut into segments, sent again or acknowledged
 * does not matter. Of each direction of a connection the first difference is told.
 *
 * <p>Places in a stream are counted from the SYN where both captures have it; else by sequence
 * numbers, from the first byte that either has. Bytes that are only in one capture wait for the
 * other: 1 MiB of a stream, then they are missing there. 64 MiB wait at most over all streams, and
 * 65,536 directions are known; beyond that the one of which most waits, or that was silent longest,
 * is decided.
 */
final class StreamPairs {
  static final int MOST_OF_ONE = 1 << 20;
  static final long MOST_BYTES = 64L << 20;
  private static final int MOST_STREAMS = 65_536;

  /**
   * A direction of a connection; ports that are used again make another.
   *
   * @param generation from 0
   */
  private record Key(FlowKey flow, int generation) {}

  /** Both sides of one. */
  private static final class Pair {
    final StreamSide a = new StreamSide();
    final StreamSide b = new StreamSide();
    long compared;
    boolean isComparing;
    boolean isOver; // a difference was told, or none can be
  }

  private final DifferenceLog log;
  private final long mostBytes;
  private final Map<Key, Pair> streams = new LinkedHashMap<>(16, 0.75f, true);

  // Connections whose ports were used again: how often, for each side.
  private final Map<FlowKey, int[]> generations = new LinkedHashMap<>();
  private long bytesOfA;
  private long bytesOfB;
  private long compared;
  private long same;
  private long beyond;
  private boolean isCutA;
  private boolean isCutB;
  private long undecided;

  StreamPairs(long mostBytes, DifferenceLog log) {
    this.mostBytes = mostBytes;
    this.log = log;
  }

  /** Bytes that were found equal. */
  long compared() {
    return compared;
  }

  /** Directions of connections in which no difference was found. */
  long same() {
    return same;
  }

  /** Streams that were decided because too much waited. */
  long beyond() {
    return beyond;
  }

  /** Streams of which one capture has more, and the other is damaged before its end. */
  long undecided() {
    return undecided;
  }

  /** A capture has ended before its end: nobody knows what else it had. */
  void cut(boolean isA) {
    isCutA |= isA;
    isCutB |= !isA;
  }

  /** Bytes of A that wait, less B's. */
  long lead() {
    return bytesOfA - bytesOfB;
  }

  /** Adds a TCP segment whose header was captured. */
  void add(CapturedPacket packet, FlowKey flow, long number, boolean isA) {
    int at = packet.transport();
    int flags = packet.u8(at + 13);
    boolean isSyn = (flags & 2) != 0;
    int sequence = packet.s32(at + 4) + (isSyn ? 1 : 0);
    Key key = key(flow, isSyn, sequence, isA);
    Pair pair = streams.computeIfAbsent(key, unused -> new Pair());
    StreamSide side = isA ? pair.a : pair.b;
    if (!side.hasBegun()) {
      begin(side, isA ? pair.b : pair.a, sequence, isSyn, number);
    }
    side.end((flags & 1) != 0, (flags & 4) != 0);
    long place = side.place(sequence);
    int from = Math.min(packet.payload(), packet.limit());
    int there = packet.limit() - from;
    if (there > 0 && !pair.isOver && (flags & 4) == 0) {
      int before = side.bytes();
      side.add(
          place,
          packet.array(),
          from,
          there,
          number,
          pair.isComparing ? pair.compared : Long.MIN_VALUE);
      grow(side.bytes() - before, isA);
      settle(key, pair, false);
    }
    bound();
  }

  private Key key(FlowKey flow, boolean isSyn, int sequence, boolean isA) {
    int[] both = generations.get(flow);
    int generation = both == null ? 0 : both[isA ? 0 : 1];
    if (isSyn) {
      Pair present = streams.get(new Key(flow, generation));
      StreamSide side = present == null ? null : isA ? present.a : present.b;
      if (side != null && side.hasBegun() && side.origin() != sequence) {
        generation++;
        int[] counts = generations.computeIfAbsent(flow, unused -> new int[2]);
        counts[isA ? 0 : 1] = generation;
        if (generations.size() > MOST_STREAMS) {
          generations.remove(generations.keySet().iterator().next());
        }
      }
    }
    return new Key(flow, generation);
  }

  private static void begin(
      StreamSide side, StreamSide other, int sequence, boolean isSyn, long number) {
    boolean bySyn = isSyn && (!other.hasBegun() || other.hasSyn());
    side.begin(bySyn || !other.hasBegun() ? sequence : other.origin(), bySyn, number);
  }

  private void grow(int bytes, boolean isA) {
    if (isA) {
      bytesOfA += bytes;
    } else {
      bytesOfB += bytes;
    }
  }

  private void bound() {
    while (streams.size() > MOST_STREAMS) {
      Map.Entry<Key, Pair> eldest = streams.entrySet().iterator().next();
      beyond++;
      finish(eldest.getKey(), eldest.getValue());
      streams.remove(eldest.getKey());
    }
    while (bytesOfA + bytesOfB > mostBytes) {
      giveUpFullest();
    }
  }

  private void giveUpFullest() {
    Map.Entry<Key, Pair> fullest = null;
    int most = 0;
    for (Map.Entry<Key, Pair> each : streams.entrySet()) {
      int bytes = each.getValue().a.bytes() + each.getValue().b.bytes();
      if (bytes > most) {
        most = bytes;
        fullest = each;
      }
    }
    if (fullest == null) {
      throw new IllegalStateException("bytes wait in no stream");
    }
    beyond++;
    Pair pair = fullest.getValue();
    settle(fullest.getKey(), pair, true);
    if (!pair.isOver) {
      ending(fullest.getKey(), pair); // one side has nothing of it yet
    }
  }

  /** Both captures have ended. */
  void finish() {
    streams.forEach(this::finish);
    streams.clear();
  }

  private void finish(Key key, Pair pair) {
    settle(key, pair, true);
    if (!pair.isOver) {
      ending(key, pair);
    }
    if (!pair.isOver) {
      same++;
    }
  }

  private void ending(Key key, Pair pair) {
    StreamSide a = pair.a;
    StreamSide b = pair.b;
    if (!a.hasBegun() || !b.hasBegun()) {
      boolean isA = a.hasBegun();
      if (isA ? isCutB : isCutA) {
        undecided(pair);
        return;
      }
      over(
          pair,
          key,
          isA ? Difference.Kind.MISSING : Difference.Kind.EXTRA,
          isA ? a.firstPacket() : 0,
          isA ? 0 : b.firstPacket(),
          List.of(),
          "the whole stream");
    } else if (!a.ending().equals(b.ending())) {
      if ((isCutA && a.mayEndOtherwise()) || (isCutB && b.mayEndOtherwise())) {
        undecided(pair);
        return;
      }
      over(
          pair,
          key,
          Difference.Kind.CHANGED,
          a.firstPacket(),
          b.firstPacket(),
          List.of(new Difference.Field("tcp.flags", a.ending(), b.ending(), -1)),
          "what ends the stream after byte " + pair.compared);
    }
  }

  /** Compares what both have, and decides about what one lacks where enough waits. */
  private void settle(Key key, Pair pair, boolean isEnd) {
    StreamSide a = pair.a;
    StreamSide b = pair.b;
    while (!pair.isOver) {
      Long firstOfA = a.first();
      Long firstOfB = b.first();
      if (firstOfA != null && firstOfB != null && isAtOne(pair, firstOfA, firstOfB)) {
        compare(key, pair, firstOfA);
        continue;
      }
      if (firstOfA == null && firstOfB == null) {
        return;
      }
      boolean isEnough = isEnd || a.bytes() > MOST_OF_ONE || b.bytes() > MOST_OF_ONE;
      if (!isEnough || (isEnd && (!a.hasBegun() || !b.hasBegun()))) {
        return;
      }
      gap(key, pair, firstOfA, firstOfB);
    }
  }

  /**
   * Whether both go on at the same byte. The first one to be compared must be the first of both: it
   * may be captured late.
   */
  private static boolean isAtOne(Pair pair, long firstOfA, long firstOfB) {
    if (firstOfA != firstOfB) {
      return false;
    }
    if (!pair.isComparing) {
      pair.isComparing = true;
      pair.compared = firstOfA;
    }
    return firstOfA == pair.compared;
  }

  private void compare(Key key, Pair pair, long place) {
    StreamSide.Piece a = pair.a.firstPiece();
    StreamSide.Piece b = pair.b.firstPiece();
    int length = Math.min(a.bytes().length, b.bytes().length);
    int at = Arrays.mismatch(a.bytes(), 0, length, b.bytes(), 0, length);
    if (at >= 0) {
      over(
          pair,
          key,
          Difference.Kind.CHANGED,
          a.packet(),
          b.packet(),
          List.of(
              new Difference.Field(
                  "tcp.payload",
                  PacketComparison.context(a.bytes(), at),
                  PacketComparison.context(b.bytes(), at),
                  at)),
          "byte " + (place + at) + " of the stream");
      return;
    }
    compared += length;
    advance(pair, place + length);
  }

  private void advance(Pair pair, long to) {
    int a = pair.a.bytes();
    int b = pair.b.bytes();
    pair.a.dropBelow(to);
    pair.b.dropBelow(to);
    grow(pair.a.bytes() - a, true);
    grow(pair.b.bytes() - b, false);
    pair.compared = to;
    pair.isComparing = true;
  }

  private void gap(Key key, Pair pair, @Nullable Long firstOfA, @Nullable Long firstOfB) {
    if (firstOfA != null && firstOfA.equals(firstOfB)) {
      advance(pair, firstOfA); // neither capture has what is before
      return;
    }
    boolean lacksB = firstOfB == null || (firstOfA != null && firstOfA < firstOfB);
    StreamSide has = lacksB ? pair.a : pair.b;
    Long from = lacksB ? firstOfA : firstOfB;
    Long until = lacksB ? firstOfB : firstOfA;
    if (lacksB ? isCutB : isCutA) {
      undecided(pair);
      return;
    }
    long packet = has.firstPiece().packet();
    over(
        pair,
        key,
        lacksB ? Difference.Kind.MISSING : Difference.Kind.EXTRA,
        lacksB ? packet : 0,
        lacksB ? 0 : packet,
        List.of(),
        "the stream from byte " + from + (until == null ? " on" : " to " + (until - 1)));
  }

  private void undecided(Pair pair) {
    undecided++;
    forget(pair);
  }

  private void over(
      Pair pair,
      Key key,
      Difference.Kind kind,
      long a,
      long b,
      List<Difference.Field> fields,
      String text) {
    log.add(
        kind, a > 0 ? a : b, () -> new Difference(kind, a, b, key.flow.toString(), fields, text));
    forget(pair);
  }

  private void forget(Pair pair) {
    pair.isOver = true;
    grow(-pair.a.bytes(), true);
    grow(-pair.b.bytes(), false);
    pair.a.clear();
    pair.b.clear();
  }
}
