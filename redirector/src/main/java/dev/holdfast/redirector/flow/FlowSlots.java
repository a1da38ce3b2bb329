package dev.holdfast.redirector.flow;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A hash table of flows with open addressing, looked up by a packet's own fields so that nothing is
 * allocated. The hash is seeded: a stranger who chooses ports cannot choose where they fall.
 */
final class FlowSlots {
  private static final int FIRST_SIZE = 64;
  private static final int MAX_INTERNED = 16;

  private @Nullable Flow[] slots = new Flow[FIRST_SIZE];
  private int size;
  private final long seed;
  private final List<IpAddress> guests = new ArrayList<>();

  FlowSlots(long seed) {
    this.seed = seed;
  }

  int size() {
    return size;
  }

  int capacity() {
    return slots.length;
  }

  /** What stands at a place of the table, below {@link #capacity}. */
  @Nullable Flow at(int slot) {
    return slots[slot];
  }

  @Nullable Flow find(PacketView v, Direction direction) {
    boolean toGuest = direction == Direction.TO_GUEST;
    return find(
        v.protocol(),
        toGuest ? v.destinationHigh() : v.sourceHigh(),
        toGuest ? v.destinationLow() : v.sourceLow(),
        guestPort(v, direction),
        toGuest ? v.sourceHigh() : v.destinationHigh(),
        toGuest ? v.sourceLow() : v.destinationLow(),
        peerPort(v, direction));
  }

  @Nullable Flow find(FlowKey key) {
    return find(
        key.protocol(),
        key.guest().high(),
        key.guest().low(),
        key.guestPort(),
        key.peer().high(),
        key.peer().low(),
        key.peerPort());
  }

  private @Nullable Flow find(
      int protocol,
      long guestHigh,
      long guestLow,
      int guestPort,
      long peerHigh,
      long peerLow,
      int peerPort) {
    int mask = slots.length - 1;
    int slot = hash(protocol, guestLow, guestPort, peerHigh, peerLow, peerPort) & mask;
    while (true) {
      Flow flow = slots[slot];
      if (flow == null
          || flow.is(protocol, guestHigh, guestLow, guestPort, peerHigh, peerLow, peerPort)) {
        return flow;
      }
      slot = slot + 1 & mask;
    }
  }

  /** A flow with this packet's key, which is not in the table yet. */
  Flow flowOf(PacketView v, Direction direction, Origin origin, long nowNanos) {
    boolean toGuest = direction == Direction.TO_GUEST;
    Flow flow =
        new Flow(
            v.protocol(),
            guest(
                toGuest ? v.destinationHigh() : v.sourceHigh(),
                toGuest ? v.destinationLow() : v.sourceLow()),
            guestPort(v, direction),
            toGuest ? v.sourceHigh() : v.destinationHigh(),
            toGuest ? v.sourceLow() : v.destinationLow(),
            peerPort(v, direction),
            origin,
            nowNanos);
    if (!isOfItsOwn(v)) {
      flow.uncounted();
    }
    return flow;
  }

  Flow flowOf(FlowKey key, Origin origin, long nowNanos) {
    return new Flow(
        key.protocol(),
        guest(key.guest().high(), key.guest().low()),
        key.guestPort(),
        key.peer().high(),
        key.peer().low(),
        key.peerPort(),
        origin,
        nowNanos);
  }

  /** A guest has few addresses: flows share them. */
  private IpAddress guest(long high, long low) {
    for (int i = 0; i < guests.size(); i++) {
      IpAddress known = guests.get(i);
      if (known.low() == low && known.high() == high) {
        return known;
      }
    }
    var address = new IpAddress(high, low);
    if (guests.size() < MAX_INTERNED) {
      guests.add(address);
    }
    return address;
  }

  /** The flow's key must not be in the table. */
  void add(Flow flow) {
    if ((size + 1) * 4L > slots.length * 3L) {
      grow();
    }
    place(flow);
    size++;
  }

  private void place(Flow flow) {
    int mask = slots.length - 1;
    int slot = hash(flow) & mask;
    while (slots[slot] != null) {
      slot = slot + 1 & mask;
    }
    slots[slot] = flow;
  }

  private void grow() {
    @Nullable Flow[] old = slots;
    slots = new Flow[old.length * 2];
    for (Flow flow : old) {
      if (flow != null) {
        place(flow);
      }
    }
  }

  boolean contains(Flow flow) {
    return slotOf(flow) >= 0;
  }

  private int slotOf(Flow flow) {
    int mask = slots.length - 1;
    int slot = hash(flow) & mask;
    while (slots[slot] != null) {
      if (slots[slot] == flow) {
        return slot;
      }
      slot = slot + 1 & mask;
    }
    return -1;
  }

  boolean remove(Flow flow) {
    int gap = slotOf(flow);
    if (gap < 0) {
      return false;
    }
    int mask = slots.length - 1;
    int slot = gap;
    while (true) { // whoever stood further on because of this one moves up (no tombstones)
      slot = slot + 1 & mask;
      Flow next = slots[slot];
      if (next == null) {
        break;
      }
      int home = hash(next) & mask;
      if ((slot - home & mask) >= (slot - gap & mask)) {
        slots[gap] = next;
        gap = slot;
      }
    }
    slots[gap] = null;
    size--;
    return true;
  }

  void forEach(Consumer<Flow> visitor) {
    for (Flow flow : slots) {
      if (flow != null) {
        visitor.accept(flow);
      }
    }
  }

  /** False for what has no flow of its own: fragments without ports, ICMP other than queries. */
  static boolean isOfItsOwn(PacketView v) {
    return switch (v.protocol()) {
      case PacketView.TCP, PacketView.UDP -> v.hasPorts();
      case PacketView.ICMP, PacketView.ICMPV6 -> isIcmpQuery(v);
      default -> v.hasTransportHeader();
    };
  }

  /** RFC 5508 section 3: echo and timestamp, whose identifier works as a port does. */
  static boolean isIcmpQuery(PacketView v) {
    if (!v.isIcmp()) {
      return false;
    }
    int type = v.icmpType();
    return v.protocol() == PacketView.ICMP
        ? type == 0 || type == 8 || type == 13 || type == 14
        : type == 128 || type == 129;
  }

  private static int guestPort(PacketView v, Direction direction) {
    if (v.hasPorts()) {
      return direction == Direction.TO_GUEST ? v.destinationPort() : v.sourcePort();
    }
    return isIcmpQuery(v) ? v.icmpIdentifier() : 0;
  }

  private static int peerPort(PacketView v, Direction direction) {
    if (v.hasPorts()) {
      return direction == Direction.TO_GUEST ? v.sourcePort() : v.destinationPort();
    }
    return v.isIcmp() && !isIcmpQuery(v) ? 1 : 0;
  }

  int hash(PacketView v, Direction direction) {
    boolean toGuest = direction == Direction.TO_GUEST;
    boolean part = v.isFragment();
    return hash(
        part ? 0 : v.protocol(),
        toGuest ? v.destinationLow() : v.sourceLow(),
        part ? 0 : guestPort(v, direction),
        toGuest ? v.sourceHigh() : v.destinationHigh(),
        toGuest ? v.sourceLow() : v.destinationLow(),
        part ? 0 : peerPort(v, direction));
  }

  private int hash(Flow flow) {
    return flow.hash(this);
  }

  int hash(int protocol, long guestLow, int guestPort, long peerHigh, long peerLow, int peerPort) {
    long h = seed ^ peerLow;
    h = mix(h) ^ peerHigh;
    h = mix(h) ^ guestLow;
    h = mix(h) ^ ((long) protocol << 32 | (long) guestPort << 16 | peerPort);
    return (int) (mix(h) >>> 32);
  }

  /** The finalizer of MurmurHash3. */
  static long mix(long h) {
    h = (h ^ h >>> 33) * 0xff51afd7ed558ccdL;
    h = (h ^ h >>> 33) * 0xc4ceb9fe1a85ec53L;
    return h ^ h >>> 33;
  }
}
