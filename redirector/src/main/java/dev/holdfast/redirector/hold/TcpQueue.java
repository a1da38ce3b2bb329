package dev.holdfast.redirector.hold;

import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.hold.HeldPacket.Kind;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is held of one TCP connection, by sequence number.
 *
 * <p>What must stay, in this order: the segment with the guest's next expected byte, because it
 * makes the guest answer; the highest acknowledgment, because it lets the guest send; FIN, RST and
 * probes; then bytes by rising sequence.
 *
 * <p>A retransmission takes the place of what it repeats, and is delivered where it arrived: the
 * guest discards a segment that comes behind a newer timestamp (PAWS, RFC 7323 section 5.3), so
 * only the order of arrival is safe.
 */
final class TcpQueue extends FlowQueue {
  private final Flow connection;

  /** Sequence numbers are sorted as distances from this one, which never moves. */
  private final int base;

  private final List<HeldPacket> bySequence = new ArrayList<>();

  /** No segment that was ever here begins further than this before a byte of its own. */
  private int longest;

  private @Nullable HeldPacket pureAck;
  private @Nullable HeldPacket probe;
  private @Nullable HeldPacket highestAck;

  /** Where {@link HeaviestFirst} has this queue. */
  final HeaviestFirst.Place place = new HeaviestFirst.Place(this);

  TcpQueue(Flow flow, int firstSequence, Share share) {
    super(flow, share);
    connection = flow;
    base =
        flow.hasAcknowledgment(Direction.FROM_GUEST)
            ? flow.acknowledgment(Direction.FROM_GUEST)
            : firstSequence;
  }

  private int offset(HeldPacket packet) {
    return packet.sequence - base;
  }

  private long end(HeldPacket packet) {
    return (long) offset(packet) + packet.sequenceLength;
  }

  // ---- coming and going ----

  @Override
  void insert(HeldPacket packet, List<HeldPacket> superseded) {
    switch (packet.kind) {
      case PURE_ACK -> {
        HeldPacket before = pureAck;
        if (before != null && packet.acknowledgment - before.acknowledgment < 0) {
          superseded.add(packet);
          return;
        }
        if (before != null) {
          superseded.add(before);
        }
        pureAck = packet;
      }
      case PROBE -> {
        if (probe != null) {
          superseded.add(probe);
        }
        probe = packet;
      }
      case SYN, RESET, DATA -> {
        findSuperseded(packet, superseded);
        bySequence.add(indexAfter(offset(packet)), packet);
        longest = Math.max(longest, packet.sequenceLength);
      }
      case OTHER -> throw new IllegalArgumentException("not a segment");
    }
    HeldPacket high = highestAck;
    if (packet.acknowledges()
        && (high == null || packet.acknowledgment - high.acknowledgment >= 0)) {
      highestAck = packet;
    }
  }

  private void findSuperseded(HeldPacket packet, List<HeldPacket> superseded) {
    int start = offset(packet);
    long end = end(packet);
    boolean data = packet.kind == Kind.DATA;
    HeldPacket whole = null;
    long soonest = data ? (long) start - longest : start;
    int from = indexAfter((int) Math.max(soonest - 1, Integer.MIN_VALUE));
    for (int i = from; i < bySequence.size(); i++) {
      HeldPacket other = bySequence.get(i);
      if (offset(other) > start && offset(other) >= end) {
        break;
      }
      if (other.kind != packet.kind) {
        continue;
      }
      if (offset(other) >= start && end(other) <= end) {
        superseded.add(other);
      } else if (data && offset(other) <= start && end(other) >= end && other.whole == null) {
        whole = other;
      }
    }
    if (whole != null) {
      HeldPacket earlier = whole.part;
      if (earlier != null && !superseded.contains(earlier)) {
        superseded.add(earlier);
      }
      whole.part = packet;
      packet.whole = whole;
    }
  }

  @Override
  void take(HeldPacket packet) {
    if (packet == pureAck) {
      pureAck = null;
    } else if (packet == probe) {
      probe = null;
    } else if (packet.kind.hasPlace) {
      int at = indexAfter(offset(packet)) - 1;
      while (bySequence.get(at) != packet) {
        at--;
      }
      bySequence.remove(at);
    }
    HeldPacket part = packet.part;
    if (part != null) {
      part.whole = null;
      packet.part = null;
    }
    HeldPacket whole = packet.whole;
    if (whole != null) {
      if (whole.part == packet) {
        whole.part = null;
      }
      packet.whole = null;
    }
    if (packet == highestAck) {
      highestAck = findHighestAck();
    }
  }

  private @Nullable HeldPacket findHighestAck() {
    HeldPacket high = pureAck;
    if (probe != null && isHigher(probe, high)) {
      high = probe;
    }
    for (HeldPacket packet : bySequence) {
      if (isHigher(packet, high)) {
        high = packet;
      }
    }
    return high;
  }

  private static boolean isHigher(HeldPacket packet, @Nullable HeldPacket high) {
    if (!packet.acknowledges()) {
      return false;
    }
    int ahead = high == null ? 1 : packet.acknowledgment - high.acknowledgment;
    return ahead > 0 || (ahead == 0 && high != null && packet.id > high.id);
  }

  /** The index of the first packet that begins after {@code offset}. */
  private int indexAfter(int offset) {
    int low = 0;
    int high = bySequence.size();
    if (high > 0 && offset(bySequence.get(high - 1)) <= offset) {
      return high; // in order, as nearly all arrive
    }
    while (low < high) {
      int middle = low + high >>> 1;
      if (offset(bySequence.get(middle)) <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // ---- worth ----

  /**
   * The segment that gets the connection going again: the newest one with the guest's next expected
   * byte, which is the last acknowledgment seen from the guest, else the lowest byte held. Without
   * such a segment the one that begins soonest after it.
   */
  @Nullable HeldPacket first() {
    if (bySequence.isEmpty()) {
      return null;
    }
    int expected =
        connection.hasAcknowledgment(Direction.FROM_GUEST)
            ? connection.acknowledgment(Direction.FROM_GUEST) - base
            : offset(bySequence.getFirst());
    int after = indexAfter(expected);
    HeldPacket newest = null;
    for (int i = after - 1; i >= 0; i--) {
      HeldPacket packet = bySequence.get(i);
      if ((long) offset(packet) < (long) expected - longest) {
        break;
      }
      if (end(packet) > expected && (newest == null || packet.id > newest.id)) {
        newest = packet;
      }
    }
    if (newest != null) {
      return newest;
    }
    return after < bySequence.size() ? bySequence.get(after) : bySequence.getLast();
  }

  /** The bytes that are given up first: the highest ones, FIN and RST apart. */
  @Nullable HeldPacket worstBulk() {
    HeldPacket ack = pureAck;
    if (ack != null && ack != highestAck) {
      return ack; // a later segment says the same and more
    }
    HeldPacket first = null;
    for (int i = bySequence.size() - 1; i >= 0; i--) {
      HeldPacket packet = bySequence.get(i);
      if (packet == highestAck || packet.isFinOrReset()) {
        continue;
      }
      if (first == null) {
        first = first();
      }
      if (packet != first) {
        return packet;
      }
    }
    return null;
  }

  @Override
  @Nullable HeldPacket worst() {
    HeldPacket bulk = worstBulk();
    if (bulk != null) {
      return bulk;
    }
    if (packets() <= 1) {
      return null;
    }
    if (probe != null && probe != highestAck) {
      return probe;
    }
    HeldPacket first = first();
    for (int i = bySequence.size() - 1; i >= 0; i--) {
      HeldPacket packet = bySequence.get(i);
      if (packet != first && packet != highestAck) {
        return packet;
      }
    }
    return highestAck != first ? highestAck : null;
  }

  @Override
  List<HeldPacket> all() {
    var all = new ArrayList<>(bySequence);
    if (pureAck != null) {
      all.add(pureAck);
    }
    if (probe != null) {
      all.add(probe);
    }
    return all;
  }
}
