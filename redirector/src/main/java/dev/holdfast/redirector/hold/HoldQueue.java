package dev.holdfast.redirector.hold;

import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.Lanes;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The packets for one guest while it is paused, as {@code [virtio_net_hdr][packet]}, and the old
 * host's copies of them until the endpoint has delivered its own. Used by one thread.
 *
 * <p>What is delivered is what survives, in the order of arrival. Which ones survive when there is
 * no room is decided in {@link #victim}, and within a connection in {@link TcpQueue}.
 */
public final class HoldQueue implements AutoCloseable {
  /** Follows what is held, to copy it ahead to the endpoint. */
  public interface Mirror {
    /**
     * A packet is held now.
     *
     * @param id above every earlier one
     * @param lane which data connection its flow takes, as {@link Lanes} says
     * @param vnetPacket the queue's own copy, to be read during the call
     */
    void kept(long id, int lane, ByteBuf vnetPacket);

    /** A packet that was held is not any more, and will not be delivered. */
    void removed(long id, int lane, DropReason why);
  }

  /** Sees what is held. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * @param vnetPacket the queue's own copy, to be read during the call
     */
    void packet(long id, int lane, ByteBuf vnetPacket);
  }

  /** Two pairs of addresses that share one share a flow's room as well. */
  private static final int FRAGMENT_QUEUES = 64;

  private final HoldLimits limits;
  private final HoldBudget host;
  private final ByteBufAllocator allocator;
  private final DropCounters drops;

  private final OldestFirst lonelySyns;
  private final OldestFirst datagrams;
  private final HeaviestFirst adopted;
  private final HeaviestFirst known;

  private final Map<Flow, FlowQueue> byFlow = new IdentityHashMap<>();
  private final DatagramQueue strangers;
  private final DatagramQueue[] fragments = new DatagramQueue[FRAGMENT_QUEUES];
  private final ArrivalOrder arrivals = new ArrivalOrder(packet -> true);
  private final ArrivalOrder[] arrivalsByLane;
  private final List<HeldPacket> superseded = new ArrayList<>();

  private @Nullable Departures departures;
  private DropReason refusal = DropReason.HOLD_FULL;
  private long lastId;
  private int packets;
  private long bytes;
  private long total;
  private long replaced;
  private long dropped;

  /**
   * @param host shared by all hold queues of this host
   * @param drops counts what is not kept, by reason
   * @param lanes how many data connections the flows are spread over
   * @param lastId the ids of this queue's packets are higher: an endpoint that has ids of an
   *     earlier queue takes them
   */
  public HoldQueue(
      HoldLimits limits,
      HoldBudget host,
      ByteBufAllocator allocator,
      DropCounters drops,
      int lanes,
      long lastId) {
    this.lastId = lastId;
    arrivalsByLane = new ArrivalOrder[lanes];
    Arrays.setAll(arrivalsByLane, lane -> new ArrivalOrder(packet -> true));
    this.limits = limits;
    this.host = host;
    this.allocator = allocator;
    this.drops = drops;
    lonelySyns = new OldestFirst(limits, 1, 16);
    datagrams = new OldestFirst(limits, 1, 4);
    adopted = new HeaviestFirst(limits, 1, 2);
    known = new HeaviestFirst(limits, 15, 16); // the rest is left to those above
    strangers = new DatagramQueue(null, datagrams);
    Arrays.setAll(fragments, each -> new DatagramQueue(null, datagrams));
  }

  /** From now on what leaves is shown, or no more. What {@link #close} lets go is not. */
  public void watch(@Nullable Departures by) {
    departures = by;
  }

  // ---- a packet comes ----

  /**
   * Offers a packet, and keeps a copy of it where it is worth more than what would have to go.
   *
   * @param buf not kept, not changed
   * @param vnetIndex absolute index of the virtio_net_hdr before the packet
   * @param view laid over the packet in {@code buf}, checked
   * @param flow the packet's flow, which has already taken the packet in; null where it is not
   *     followed
   * @return the packet's id, or 0 where it was not kept
   */
  public long offer(
      ByteBuf buf,
      int vnetIndex,
      PacketView view,
      @Nullable Flow flow,
      long nowNanos,
      Mirror mirror) {
    total++;
    FlowQueue queue = queueOf(flow, view);
    int lane = Lanes.of(view, arrivalsByLane.length);
    var packet =
        new HeldPacket(lastId + 1, nowNanos, view.end() - vnetIndex, view, flow, queue, lane);
    enter(packet);
    for (int i = 0; i < superseded.size(); i++) {
      remove(superseded.get(i), DropReason.REPLACED, mirror);
    }
    superseded.clear();
    while (!packet.gone) {
      HeldPacket victim = victim(packet);
      if (victim == null) {
        break;
      }
      remove(victim, DropReason.HOLD_FULL, mirror);
    }
    if (packet.gone) {
      return 0;
    }
    lastId = packet.id;
    ByteBuf copy = allocator.buffer(packet.length, packet.length);
    copy.writeBytes(buf, vnetIndex, packet.length);
    packet.copy = copy;
    mirror.kept(packet.id, lane, copy);
    return packet.id;
  }

  /**
   * All fragments between two addresses are in one queue, whatever their protocol. Of a datagram
   * only the first has ports or a sequence number: by these, one half of it would be given up for
   * its age, and the other kept. And a first fragment must not take the place of a whole segment,
   * which it repeats only if the rest of it arrives.
   */
  private FlowQueue queueOf(@Nullable Flow flow, PacketView view) {
    if (view.isFragment()) {
      return fragments[Lanes.of(view, FRAGMENT_QUEUES)];
    }
    if (flow == null) {
      return strangers;
    }
    FlowQueue queue = byFlow.get(flow);
    if (queue == null) {
      queue =
          view.isTcp()
              ? new TcpQueue(flow, (int) view.tcpSequence(), shareOf(flow))
              : new DatagramQueue(flow, datagrams);
      byFlow.put(flow, queue);
    } else if (queue instanceof TcpQueue tcp && tcp.share != shareOf(flow)) {
      moveTo(shareOf(flow), tcp);
    }
    return queue;
  }

  private Share shareOf(Flow flow) {
    if (flow.isSynOnly()) {
      return lonelySyns;
    }
    return flow.isConfirmed() ? known : adopted;
  }

  /** The connection turned out to be more, or less, than it had seemed. */
  private static void moveTo(Share share, TcpQueue queue) {
    Share before = queue.share;
    queue.share = share;
    for (HeldPacket packet : queue.all()) {
      before.remove(packet);
    }
    if (before instanceof HeaviestFirst weighed) {
      weighed.forget(queue);
    }
    for (HeldPacket packet : queue.all()) {
      share.add(packet);
    }
  }

  private void enter(HeldPacket packet) {
    packets++;
    bytes += packet.length;
    host.take(packet.length);
    arrivals.add(packet);
    arrivalsByLane[packet.lane].add(packet);
    packet.queue.add(packet, superseded);
    packet.queue.share.add(packet);
  }

  // ---- a packet goes ----

  /**
   * Who has to go for the packet that has just come in, if anybody: the packet itself where nothing
   * held is worth less. It never displaces a flow of better standing.
   */
  private @Nullable HeldPacket victim(HeldPacket newcomer) {
    FlowQueue queue = newcomer.queue;
    Share share = queue.share;
    boolean flowIsOver =
        queue != strangers
            && (queue.packets() > limits.flowPackets() || queue.bytes() > limits.flowBytes());
    if (flowIsOver) {
      return orElse(queue.worst(), newcomer);
    }
    if (share.isOver()) {
      return orElse(orElse(share.leastWorth(), share.worthMore()), newcomer);
    }
    if (packets <= limits.packets() && bytes <= limits.bytes() && !host.isOver()) {
      return null;
    }
    HeldPacket victim = null;
    if (share == known || share == adopted) {
      victim = adopted.leastWorth();
      if (victim == null && share == known) {
        victim = known.leastWorth();
      }
    }
    if (victim == null) {
      victim = lonelySyns.leastWorth();
    }
    if (victim == null) { // then the newcomer is no lone SYN
      victim = datagrams.leastWorth();
    }
    if (victim == null && share == known) {
      victim = orElse(adopted.worthMore(), adopted.worthMost());
      victim = victim != null ? victim : known.worthMore();
    } else if (victim == null && share == adopted) {
      victim = adopted.worthMore();
    }
    return orElse(victim, newcomer);
  }

  private static @Nullable HeldPacket orElse(@Nullable HeldPacket one, @Nullable HeldPacket other) {
    return one != null ? one : other;
  }

  /**
   * @param why null where it was delivered: then it is no drop, and the endpoint knows
   */
  private void remove(HeldPacket packet, @Nullable DropReason why, @Nullable Mirror mirror) {
    FlowQueue queue = packet.queue;
    packet.gone = true;
    packets--;
    bytes -= packet.length;
    host.give(packet.length);
    arrivals.oneLeft();
    arrivalsByLane[packet.lane].oneLeft();
    queue.remove(packet);
    queue.share.remove(packet);
    if (queue.packets() == 0 && queue.flow != null) {
      byFlow.remove(queue.flow);
    }
    if (why != null) {
      drops.count(why);
      if (why == DropReason.REPLACED) {
        replaced++;
      } else {
        dropped++;
      }
    }
    ByteBuf copy = packet.copy;
    if (copy == null && why != null) {
      refusal = why;
    }
    if (copy != null) {
      packet.copy = null;
      if (departures != null) {
        departures.left(packet.id, copy, why);
      }
      copy.release();
      if (why != null && mirror != null) {
        mirror.removed(packet.id, packet.lane, why);
      }
    }
  }

  /** Drops what has been held for longer than the limit. Cheap when there is nothing. */
  public void expire(long nowNanos, Mirror mirror) {
    while (true) {
      HeldPacket oldest = arrivals.oldest();
      if (oldest == null || nowNanos - oldest.arrivalNanos <= limits.maxAgeNanos()) {
        return;
      }
      remove(oldest, DropReason.HOLD_AGED, mirror);
    }
  }

  /** The endpoint has delivered a lane's packets up to this one: the copies of them may go. */
  public void deliveredUpTo(int lane, long id) {
    while (true) {
      HeldPacket oldest = arrivalsByLane[lane].oldest();
      if (oldest == null || oldest.id > id) {
        return;
      }
      remove(oldest, null, null);
    }
  }

  /**
   * Shows the packets that are held, in the order of arrival. The visitor must not change the
   * queue.
   */
  public void forEachInOrder(Visitor visitor) {
    show(arrivals, Long.MIN_VALUE, visitor);
  }

  /** The same for those of one lane, from the one after {@code afterId} on. */
  public void forEachInOrder(int lane, long afterId, Visitor visitor) {
    show(arrivalsByLane[lane], afterId, visitor);
  }

  private static void show(ArrivalOrder order, long afterId, Visitor visitor) {
    order.forEach(packet -> {
      ByteBuf copy = packet.copy;
      if (copy != null && packet.id > afterId) {
        visitor.packet(packet.id, packet.lane, copy);
      }
    });
  }

  /** Lets everything go without a word: it was delivered, or re-injected, or nobody wants it. */
  @Override
  public void close() {
    departures = null;
    for (int lane = 0; lane < arrivalsByLane.length; lane++) {
      deliveredUpTo(lane, Long.MAX_VALUE);
    }
  }

  /** Why the last packet for which {@link #offer} has answered 0 was not kept. */
  public DropReason refusal() {
    return refusal;
  }

  // ---- figures ----

  /** Packets held now. */
  public int packets() {
    return packets;
  }

  /** Bytes held now, virtio-net headers included. */
  public long bytes() {
    return bytes;
  }

  /** Packets that were offered since the queue was made. */
  public long total() {
    return total;
  }

  /** Packets whose place was taken by a retransmission or a newer acknowledgment. */
  public long replaced() {
    return replaced;
  }

  /** Packets that were lost to a limit of room or age. */
  public long dropped() {
    return dropped;
  }

  /** The last id that was given to a packet; where none was, the one that came before. */
  public long lastId() {
    return lastId;
  }
}
