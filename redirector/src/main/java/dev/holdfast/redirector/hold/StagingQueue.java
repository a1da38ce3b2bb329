package dev.holdfast.redirector.hold;

import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The endpoint's copies of what the redirector holds, by the redirector's ids, until release. Used
 * by one thread. What comes in is untrusted: ids must rise on each data connection, and there is an
 * end to what is kept.
 *
 * <p>A queue that is full stays full, so that what it has of a data connection is all of its first
 * packets up to {@link #lastId}: the redirector delivers what comes after by itself.
 *
 * <p>Flows take turns at release: the first packet of each, then the second of each. Order matters
 * within a flow alone, and a flow of one request does not wait for another's whole window.
 */
public final class StagingQueue implements AutoCloseable {
  /** Two flows that have one number follow each other, which costs time and no order. */
  private static final int FLOWS = 1 << 12;

  private final int maxPackets;
  private final long maxBytes;
  private final HoldBudget host;
  private final ByteBufAllocator allocator;
  private final DropCounters drops;
  private final StagedLane[] lanes;

  private @Nullable Departures departures;
  private int packets;
  private long bytes;
  private long total;
  private boolean full;
  private boolean closed;

  /**
   * @param host shared with all that this host holds or stages
   * @param lanes how many data connections there are
   */
  public StagingQueue(
      int maxPackets,
      long maxBytes,
      HoldBudget host,
      ByteBufAllocator allocator,
      DropCounters drops,
      int lanes) {
    this.maxPackets = maxPackets;
    this.maxBytes = maxBytes;
    this.host = host;
    this.allocator = allocator;
    this.drops = drops;
    this.lanes = new StagedLane[lanes];
    Arrays.setAll(this.lanes, lane -> new StagedLane());
  }

  /**
   * From now on what is taken back or discarded is shown, or no more; what is released has its
   * visitor.
   */
  public void watch(@Nullable Departures by) {
    departures = by;
  }

  /**
   * Keeps a copy of a packet.
   *
   * @param lane the data connection that brought it
   * @param flow the same number for all packets of a flow; those of one number keep their order
   * @param vnetPacket its readable bytes are {@code [virtio_net_hdr][packet]}, checked by the
   *     caller; not kept, not changed
   * @return false where it was not kept: the id did not rise, or the queue is full, which are
   *     counted; or it was released or discarded before, and then the redirector, which has not
   *     heard that the packet was staged, sends it again by itself
   */
  public boolean add(long id, int lane, int flow, ByteBuf vnetPacket) {
    int length = vnetPacket.readableBytes();
    if (id <= lanes[lane].lastId()) {
      drops.count(DropReason.BAD_STAGING_ID);
      return false;
    }
    if (closed) {
      return false;
    }
    full |= packets >= maxPackets || bytes + length > maxBytes || !host.hasRoomFor(length);
    if (full) {
      drops.count(DropReason.HOLD_FULL);
      return false;
    }
    ByteBuf copy = allocator.buffer(length, length);
    copy.writeBytes(vnetPacket, vnetPacket.readerIndex(), length);
    lanes[lane].add(id, flow & FLOWS - 1, copy);
    packets++;
    bytes += length;
    host.take(length);
    total++;
    return true;
  }

  /** Takes a packet back that the redirector holds no longer; one that is not here is no error. */
  public boolean remove(long id, int lane) {
    int at = lanes[lane].indexOf(id);
    return at >= 0 && forget(lanes[lane], at, null);
  }

  /** False where the place is empty already. */
  private boolean forget(StagedLane lane, int index, @Nullable DropReason why) {
    ByteBuf copy = lane.take(index);
    if (copy == null) {
      return false;
    }
    gone(copy);
    if (departures != null) {
      departures.left(lane.id(index), copy, why);
    }
    copy.release();
    return true;
  }

  private void gone(ByteBuf copy) {
    packets--;
    bytes -= copy.readableBytes();
    host.give(copy.readableBytes());
  }

  /**
   * Hands over every packet, turn by turn and within a turn in the order of their ids on each data
   * connection, and is empty and closed then.
   *
   * @return how many there were
   */
  public int release(HoldQueue.Visitor visitor) {
    int delivered = 0;
    closed = true;
    for (long each : inTurns()) {
      int number = (int) (each >>> 32);
      StagedLane lane = lanes[number];
      ByteBuf copy = lane.take((int) each);
      if (copy == null) {
        continue;
      }
      gone(copy);
      try {
        visitor.packet(lane.id((int) each), number, copy);
      } finally {
        copy.release();
      }
      delivered++;
    }
    return delivered;
  }

  /** What is here by turn: a counting sort. Each with its lane above and its index below. */
  private long[] inTurns() {
    int[] taken = new int[FLOWS];
    int[] turns = new int[packets];
    int[] next = new int[packets + 1]; // where the next packet of a turn goes
    int seen = 0;
    for (StagedLane lane : lanes) {
      for (int i = 0; i < lane.end(); i++) {
        if (lane.isThere(i)) {
          turns[seen] = taken[lane.flow(i)]++;
          next[turns[seen] + 1]++;
          seen++;
        }
      }
    }
    for (int turn = 1; turn < next.length; turn++) {
      next[turn] += next[turn - 1];
    }
    long[] order = new long[packets];
    seen = 0;
    for (int number = 0; number < lanes.length; number++) {
      for (int i = 0; i < lanes[number].end(); i++) {
        if (lanes[number].isThere(i)) {
          order[next[turns[seen]]++] = (long) number << 32 | i;
          seen++;
        }
      }
    }
    return order;
  }

  /** Forgets every packet: the guest stays where it was. Counted. */
  public void discard() {
    drops.count(DropReason.DISCARDED_AT_ROLLBACK, packets);
    close(DropReason.DISCARDED_AT_ROLLBACK);
  }

  /** Forgets every packet, uncounted. */
  @Override
  public void close() {
    departures = null;
    close(null);
  }

  private void close(@Nullable DropReason why) {
    closed = true;
    for (StagedLane lane : lanes) {
      for (int i = 0; i < lane.end(); i++) {
        boolean unused = forget(lane, i, why);
      }
    }
  }

  /** Released or discarded: it takes nothing more. */
  public boolean isClosed() {
    return closed;
  }

  /** Packets staged now. */
  public int packets() {
    return packets;
  }

  public long bytes() {
    return bytes;
  }

  /** Packets that were staged since the queue was made, those taken back too. */
  public long total() {
    return total;
  }

  /**
   * The id of the last packet that a data connection has staged; every earlier one of it is here or
   * was taken back.
   */
  public long lastId(int lane) {
    return lanes[lane].lastId();
  }
}
