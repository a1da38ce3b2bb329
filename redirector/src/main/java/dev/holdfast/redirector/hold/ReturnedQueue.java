package dev.holdfast.redirector.hold;

import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.function.Predicate;

/**
 * Packets for a guest that is on its way back, as {@code [virtio_net_hdr][packet]}, which were in
 * the tunnel when it was paused. They are older than all that is held since, so they go first,
 * wherever the guest then runs. Used by one thread.
 *
 * <p>There are at most as many as a round trip between the hosts has room for. What does not fit
 * into the host's budget is dropped and counted.
 */
public final class ReturnedQueue implements AutoCloseable {
  private final HoldLimits limits;
  private final HoldBudget host;
  private final ByteBufAllocator allocator;
  private final DropCounters drops;
  private final Deque<ByteBuf>[] lanes;
  private int packets;
  private long bytes;
  private long total;

  /**
   * @param host shared with all that this host holds or stages
   * @param lanes how many data connections there are; a flow takes one of them
   */
  @SuppressWarnings({"unchecked", "rawtypes"}) // an array of a generic type
  public ReturnedQueue(
      HoldLimits limits,
      HoldBudget host,
      ByteBufAllocator allocator,
      DropCounters drops,
      int lanes) {
    this.limits = limits;
    this.host = host;
    this.allocator = allocator;
    this.drops = drops;
    this.lanes = new Deque[lanes];
    Arrays.setAll(this.lanes, lane -> new ArrayDeque<>());
  }

  /**
   * Keeps a copy of a packet, behind all others of its data connection.
   *
   * @param vnetPacket not kept, not changed
   * @return false where there is no room for it, which is counted
   */
  public boolean add(int lane, ByteBuf vnetPacket) {
    int length = vnetPacket.readableBytes();
    if (packets >= limits.packets()
        || bytes + length > limits.bytes()
        || !host.hasRoomFor(length)) {
      drops.count(DropReason.HOLD_FULL);
      return false;
    }
    ByteBuf copy = allocator.buffer(length, length);
    copy.writeBytes(vnetPacket, vnetPacket.readerIndex(), length);
    lanes[lane].add(copy);
    packets++;
    bytes += length;
    total++;
    host.take(length);
    return true;
  }

  /**
   * Hands over what is kept of a data connection, in order, until {@code taker} refuses one, which
   * stays. It reads the packet during the call.
   */
  public void drain(int lane, Predicate<ByteBuf> taker) {
    Deque<ByteBuf> waiting = lanes[lane];
    for (ByteBuf next = waiting.peek(); next != null; next = waiting.peek()) {
      if (!taker.test(next)) {
        return;
      }
      forgetFirst(waiting);
    }
  }

  private void forgetFirst(Deque<ByteBuf> waiting) {
    ByteBuf gone = waiting.remove();
    int length = gone.readableBytes();
    packets--;
    bytes -= length;
    host.give(length);
    gone.release();
  }

  /** Forgets what is left: nobody wants it any more. Counted. */
  @Override
  public void close() {
    drops.count(DropReason.DISCARDED_AT_ROLLBACK, packets);
    for (Deque<ByteBuf> waiting : lanes) {
      while (!waiting.isEmpty()) {
        forgetFirst(waiting);
      }
    }
  }

  /** Packets that are kept now. */
  public int packets() {
    return packets;
  }

  public long bytes() {
    return bytes;
  }

  /** Packets that were kept since the queue was made. */
  public long total() {
    return total;
  }
}
