package dev.holdfast.redirector.capturediff;

import java.math.BigDecimal;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Pairs the packets of two captures, flow by flow.
 *
 * <p>Of a flow, the first packets that wait at each side are looked at. Equal ones go. Others stay
 * until it can be said what has happened, for which {@link #WINDOW} packets of a side are enough:
 *
 * <ul>
 *   <li>A's first is farther back in B, and B's first nowhere in A: that one is extra;
 *   <li>B's first is farther back in A, and A's first nowhere in B: that one is missing;
 *   <li>each is farther back at the other side: A's has moved;
 *   <li>neither is there, but a packet that is like it (the same place in the stream): it has
 *       changed, and the same is asked of that one;
 *   <li>nothing of it: the two are taken for one packet that has changed.
 * </ul>
 */
final class FlowPairs {
  /** Packets of a flow at a side, after which it is decided. */
  static final int WINDOW = 256;

  /** Bytes of packets that wait, of all flows. */
  static final long MOST_BYTES = 64L << 20;

  private static final String BEYOND = "not found within what may wait";

  /** What waits of one flow. */
  private static final class Waiting {
    final Deque<SeenPacket> a = new ArrayDeque<>();
    final Deque<SeenPacket> b = new ArrayDeque<>();
  }

  private final PacketComparison comparison;
  private final IgnoredFields ignored;
  private final long tolerance; // nanoseconds; negative: times do not count
  private final long mostBytes;
  private final DifferenceLog log;

  private final Map<FlowKey, Waiting> flows = new HashMap<>();
  private final Set<SeenPacket> byArrival = new LinkedHashSet<>();
  private long bytesOfA;
  private long bytesOfB;
  private long same;
  private long beyond;
  private boolean isCutA;
  private boolean isCutB;
  private long undecided;

  FlowPairs(
      PacketComparison comparison,
      IgnoredFields ignored,
      long tolerance,
      long mostBytes,
      DifferenceLog log) {
    this.comparison = comparison;
    this.ignored = ignored;
    this.tolerance = tolerance;
    this.mostBytes = mostBytes;
    this.log = log;
  }

  /** How many packets were found at both sides with equal fields. */
  long same() {
    return same;
  }

  /** How many packets were given up because too much waited. */
  long beyond() {
    return beyond;
  }

  /** How many packets are in one capture alone, and the other is damaged before its end. */
  long undecided() {
    return undecided;
  }

  /** A capture has ended before its end: nobody knows what else it had. */
  void cut(boolean isA) {
    isCutA |= isA;
    isCutB |= !isA;
  }

  private boolean isOtherCut(boolean isA) {
    return isA ? isCutB : isCutA;
  }

  /** Bytes of A's packets that wait, less B's: whoever reads goes on with the lesser side. */
  long lead() {
    return bytesOfA - bytesOfB;
  }

  /**
   * The packet that the other side's next one of this flow would be compared with; null where none
   * waits, or where one of this side does.
   */
  @Nullable SeenPacket awaited(FlowKey flow, boolean isA) {
    Waiting waiting = flows.get(flow);
    if (waiting == null || !(isA ? waiting.a : waiting.b).isEmpty()) {
      return null;
    }
    return (isA ? waiting.b : waiting.a).peekFirst();
  }

  /** The awaited packet has come, with equal fields. */
  void meet(SeenPacket awaited, boolean isA, long number, long nanos) {
    Waiting waiting = flows.get(awaited.flow());
    if (waiting == null) {
      throw new IllegalStateException("nobody waits");
    }
    take(isA ? waiting.b : waiting.a, awaited, !isA);
    count(
        awaited.flow(),
        isA ? number : awaited.number(),
        isA ? nanos : awaited.nanos(),
        isA ? awaited.number() : number,
        isA ? awaited.nanos() : nanos);
    forgetIfEmpty(awaited.flow(), waiting);
  }

  /** Adds a packet that has to wait. */
  void add(SeenPacket packet, boolean isA) {
    Waiting waiting = flows.computeIfAbsent(packet.flow(), unused -> new Waiting());
    (isA ? waiting.a : waiting.b).add(packet);
    byArrival.add(packet);
    grow(packet.size(), isA);
    settle(packet.flow(), waiting, false);
    while (bytesOfA + bytesOfB > mostBytes) {
      giveUpOldest();
    }
  }

  private void grow(long bytes, boolean isA) {
    if (isA) {
      bytesOfA += bytes;
    } else {
      bytesOfB += bytes;
    }
  }

  private void take(Deque<SeenPacket> from, SeenPacket packet, boolean isA) {
    if (from.peekFirst() == packet) {
      from.removeFirst();
    } else {
      from.remove(packet);
    }
    byArrival.remove(packet);
    grow(-packet.size(), isA);
  }

  private void forgetIfEmpty(FlowKey flow, Waiting waiting) {
    if (waiting.a.isEmpty() && waiting.b.isEmpty()) {
      flows.remove(flow);
    }
  }

  /** Both captures have ended: whatever waits is decided. */
  void finish() {
    for (FlowKey flow : List.copyOf(flows.keySet())) {
      Waiting waiting = flows.get(flow);
      if (waiting != null) {
        settle(flow, waiting, true);
      }
    }
  }

  private void giveUpOldest() {
    SeenPacket oldest = byArrival.iterator().next();
    Waiting waiting = flows.get(oldest.flow());
    if (waiting == null) {
      throw new IllegalStateException("a packet waits in no flow");
    }
    beyond++;
    boolean isA = waiting.a.peekFirst() == oldest;
    if (!waiting.a.isEmpty() && !waiting.b.isEmpty()) {
      decide(waiting);
    } else {
      rest(oldest, isA, BEYOND);
      take(isA ? waiting.a : waiting.b, oldest, isA);
    }
    settle(oldest.flow(), waiting, false);
  }

  // ---- one flow ----

  private void settle(FlowKey flow, Waiting waiting, boolean isEnd) {
    while (!waiting.a.isEmpty() && !waiting.b.isEmpty()) {
      SeenPacket a = waiting.a.getFirst();
      SeenPacket b = waiting.b.getFirst();
      if (a.same() == b.same()) {
        pair(waiting, a, b);
      } else if (isEnd || waiting.a.size() >= WINDOW || waiting.b.size() >= WINDOW) {
        decide(waiting);
      } else {
        return;
      }
    }
    if (isEnd) {
      drain(waiting.a, true);
      drain(waiting.b, false);
    }
    forgetIfEmpty(flow, waiting);
  }

  private void drain(Deque<SeenPacket> rest, boolean isA) {
    while (!rest.isEmpty()) {
      SeenPacket next = rest.getFirst();
      rest(next, isA, "");
      take(rest, next, isA);
    }
  }

  /** Both sides have a first packet, and they are not equal. */
  private void decide(Waiting waiting) {
    SeenPacket a = waiting.a.getFirst();
    SeenPacket b = waiting.b.getFirst();
    SeenPacket inB = find(waiting.b, a.same(), true);
    SeenPacket inA = find(waiting.a, b.same(), true);
    if (inB == null && inA == null) {
      inB = find(waiting.b, a.like(), false);
      inA = find(waiting.a, b.like(), false);
    }
    if (inB != null && inA == null) {
      passedBy(b, false);
      take(waiting.b, b, false);
    } else if (inA != null && inB == null) {
      passedBy(a, true);
      take(waiting.a, a, true);
    } else if (inA == null && inB == null && isAnyOrder() && (isCutA || isCutB)) {
      undecided++;
      take(isCutB ? waiting.a : waiting.b, isCutB ? a : b, isCutB);
    } else {
      SeenPacket partner = inB == null ? b : inB;
      if (partner != b) {
        moved(a, partner);
      }
      pair(waiting, a, partner);
    }
  }

  private static @Nullable SeenPacket find(Deque<SeenPacket> where, long hash, boolean isSame) {
    Iterator<SeenPacket> packets = where.iterator();
    for (int i = 0; i < WINDOW && packets.hasNext(); i++) {
      SeenPacket next = packets.next();
      if ((isSame ? next.same() : next.like()) == hash) {
        return next;
      }
    }
    return null;
  }

  private void pair(Waiting waiting, SeenPacket a, SeenPacket b) {
    take(waiting.a, a, true);
    take(waiting.b, b, false);
    if (a.same() != b.same()) {
      List<Difference.Field> fields = comparison.differences(a, b);
      if (!fields.isEmpty()) {
        log.add(
            Difference.Kind.CHANGED,
            a.number(),
            () ->
                new Difference(
                    Difference.Kind.CHANGED,
                    a.number(),
                    b.number(),
                    a.flow().toString(),
                    withTime(fields, a.nanos(), b.nanos()),
                    ""));
        return;
      }
    }
    count(a.flow(), a.number(), a.nanos(), b.number(), b.nanos());
  }

  private List<Difference.Field> withTime(List<Difference.Field> fields, long a, long b) {
    if (isInTime(a, b)) {
      return fields;
    }
    fields.add(time(a, b));
    return fields;
  }

  private boolean isInTime(long a, long b) {
    return tolerance < 0 || Math.abs(a - b) <= tolerance;
  }

  private static Difference.Field time(long a, long b) {
    return new Difference.Field("frame.time_relative", seconds(a), seconds(b), -1);
  }

  private static String seconds(long nanos) {
    return BigDecimal.valueOf(nanos, 9).toPlainString();
  }

  /** Two packets have equal fields; their times may still differ. */
  private void count(FlowKey flow, long a, long nanosOfA, long b, long nanosOfB) {
    if (isInTime(nanosOfA, nanosOfB)) {
      same++;
      return;
    }
    log.add(
        Difference.Kind.CHANGED,
        a,
        () ->
            new Difference(
                Difference.Kind.CHANGED,
                a,
                b,
                flow.toString(),
                List.of(time(nanosOfA, nanosOfB)),
                ""));
  }

  private boolean isAnyOrder() {
    return ignored.has(IgnoredFields.ORDER);
  }

  /** Nothing of its flow waits at the other side, where it may have been cut off. */
  private void rest(SeenPacket packet, boolean isA, String text) {
    if (isOtherCut(isA)) {
      undecided++;
    } else {
      alone(packet, isA, text);
    }
  }

  /**
   * Later packets of its flow are at the other side: it is not, unless they may come in any order.
   */
  private void passedBy(SeenPacket packet, boolean isA) {
    if (isAnyOrder()) {
      rest(packet, isA, "");
    } else {
      alone(packet, isA, "");
    }
  }

  private void moved(SeenPacket a, SeenPacket b) {
    if (isAnyOrder()) {
      return;
    }
    log.add(
        Difference.Kind.MOVED,
        a.number(),
        () ->
            new Difference(
                Difference.Kind.MOVED, a.number(), b.number(), a.flow().toString(), List.of(), ""));
  }

  private void alone(SeenPacket packet, boolean isA, String text) {
    Difference.Kind kind = isA ? Difference.Kind.MISSING : Difference.Kind.EXTRA;
    log.add(
        kind,
        packet.number(),
        () ->
            new Difference(
                kind,
                isA ? packet.number() : 0,
                isA ? 0 : packet.number(),
                packet.flow().toString(),
                List.of(),
                text));
  }
}
