package dev.holdfast.redirector.hold;

import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The endpoint's copies of what the redirector holds, by the redirector's ids, until release. Used
 * by one thread. What comes in is untrusted: ids must rise, and there is an end to what is kept.
 *
 * <p>A queue that is full stays full, so that what it has is all of the first packets up to {@link
 * #lastId}: the redirector delivers what comes after by itself.
 *
 * <p>Flows take turns at release: the first packet of each, then the second of each. Order matters
 * within a flow alone, and a flow of one request does not wait for another's whole window.
 */
public final class StagingQueue implements AutoCloseable {
  private static final int FIRST_SIZE = 64;

  /** Two flows that fall on one lane follow each other in it, which costs time and no order. */
  private static final int LANES = 1 << 12;

  private final int maxPackets;
  private final long maxBytes;
  private final HoldBudget host;
  private final ByteBufAllocator allocator;
  private final DropCounters drops;

  // ids rise from index 0 to count; a packet that was taken back leaves a null
  private long[] ids = new long[FIRST_SIZE];
  private int[] lanes = new int[FIRST_SIZE];
  private @Nullable ByteBuf[] copies = new ByteBuf[FIRST_SIZE];
  private int count;

  private int packets;
  private long bytes;
  private long total;
  private long lastId;
  private boolean full;
  private boolean closed;

  /**
   * @param host shared with all that this host holds or stages
   */
  public StagingQueue(
      int maxPackets,
      long maxBytes,
      HoldBudget host,
      ByteBufAllocator allocator,
      DropCounters drops) {
    this.maxPackets = maxPackets;
    this.maxBytes = maxBytes;
    this.host = host;
    this.allocator = allocator;
    this.drops = drops;
  }

  /**
   * Keeps a copy of a packet.
   *
   * @param lane the same number for all packets of a flow; those of one lane keep their order
   * @param vnetPacket its readable bytes are {@code [virtio_net_hdr][packet]}, checked by the
   *     caller; not kept, not changed
   * @return false where it was not kept: the id did not rise, or the queue is full, which are
   *     counted; or it was released or discarded before, and then the redirector, which has not
   *     heard that the packet was staged, sends it again by itself
   */
  public boolean add(long id, int lane, ByteBuf vnetPacket) {
    int length = vnetPacket.readableBytes();
    if (id <= lastId) {
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
    if (count == ids.length) {
      makeRoom();
    }
    ByteBuf copy = allocator.buffer(length, length);
    copy.writeBytes(vnetPacket, vnetPacket.readerIndex(), length);
    ids[count] = id;
    lanes[count] = lane & LANES - 1;
    copies[count] = copy;
    count++;
    packets++;
    bytes += length;
    host.take(length);
    total++;
    lastId = id;
    return true;
  }

  private void makeRoom() {
    if (packets > count / 2) {
      ids = Arrays.copyOf(ids, count * 2);
      lanes = Arrays.copyOf(lanes, count * 2);
      copies = Arrays.copyOf(copies, count * 2);
      return;
    }
    int to = 0;
    for (int i = 0; i < count; i++) {
      ByteBuf copy = copies[i];
      copies[i] = null;
      if (copy != null) {
        ids[to] = ids[i];
        lanes[to] = lanes[i];
        copies[to] = copy;
        to++;
      }
    }
    count = to;
  }

  /** Takes a packet back that the redirector holds no longer; one that is not here is no error. */
  public boolean remove(long id) {
    int at = Arrays.binarySearch(ids, 0, count, id);
    ByteBuf copy = at < 0 ? null : copies[at];
    if (copy == null) {
      return false;
    }
    copies[at] = null;
    packets--;
    bytes -= copy.readableBytes();
    host.give(copy.readableBytes());
    copy.release();
    return true;
  }

  /**
   * Hands over every packet, turn by turn and within a turn in the order of their ids, and is empty
   * and closed then.
   *
   * @return how many there were
   */
  public int release(HoldQueue.Visitor visitor) {
    int delivered = 0;
    closed = true;
    for (int i : inTurns()) {
      ByteBuf copy = copies[i];
      if (copy != null) {
        copies[i] = null;
        host.give(copy.readableBytes());
        try {
          visitor.packet(ids[i], copy);
        } finally {
          copy.release();
        }
        delivered++;
      }
    }
    empty();
    return delivered;
  }

  /** The indexes of what is here by turn, and by id within a turn: a counting sort. */
  private int[] inTurns() {
    int[] taken = new int[LANES];
    int[] turns = new int[count];
    int[] next = new int[packets + 1]; // where the next packet of a turn goes
    for (int i = 0; i < count; i++) {
      if (copies[i] != null) {
        turns[i] = taken[lanes[i]]++;
        next[turns[i] + 1]++;
      }
    }
    for (int turn = 1; turn < next.length; turn++) {
      next[turn] += next[turn - 1];
    }
    int[] order = new int[packets];
    for (int i = 0; i < count; i++) {
      if (copies[i] != null) {
        order[next[turns[i]]++] = i;
      }
    }
    return order;
  }

  /** Forgets every packet: the guest stays where it was. Counted. */
  public void discard() {
    drops.count(DropReason.DISCARDED_AT_ROLLBACK, packets);
    close();
  }

  /** Forgets every packet, uncounted. */
  @Override
  public void close() {
    closed = true;
    for (int i = 0; i < count; i++) {
      ByteBuf copy = copies[i];
      if (copy != null) {
        copies[i] = null;
        host.give(copy.readableBytes());
        copy.release();
      }
    }
    empty();
  }

  private void empty() {
    count = 0;
    packets = 0;
    bytes = 0;
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

  /** The id of the last packet that was staged; every earlier one is here or was taken back. */
  public long lastId() {
    return lastId;
  }
}
