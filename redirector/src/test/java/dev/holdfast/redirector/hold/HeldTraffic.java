package dev.holdfast.redirector.hold;

import static dev.holdfast.redirector.flow.Direction.FROM_GUEST;
import static dev.holdfast.redirector.flow.Direction.TO_GUEST;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.flow.Conversation;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A hold queue with a flow table in front of it, and a mirror that checks what it is told: it must
 * know at any time what the queue holds.
 */
final class HeldTraffic implements HoldQueue.Mirror {
  static final long FOREVER = Long.MAX_VALUE;
  static final int LANES = 3;

  final FlowTable table = new FlowTable(100_000, FlowTimers.DEFAULTS, 1);
  final DropCounters drops = new DropCounters();
  final HoldBudget host;
  final HoldQueue queue;
  long now = 1;

  /** What the mirror was told, by id: the bytes of each packet that is held. */
  final Map<Long, String> mirrored = new LinkedHashMap<>();

  private long lastKept;
  private final List<ByteBuf> copies = new ArrayList<>();

  HeldTraffic(HoldLimits limits) {
    this(limits, new HoldBudget(Long.MAX_VALUE, Long.MAX_VALUE));
  }

  HeldTraffic(HoldLimits limits, HoldBudget host) {
    this.host = host;
    queue = new HoldQueue(limits, host, UnpooledByteBufAllocator.DEFAULT, drops, LANES, 0);
  }

  static HeldTraffic unlimited() {
    return new HeldTraffic(new HoldLimits(1_000_000, FOREVER, 1_000_000, FOREVER, FOREVER));
  }

  /** So many packets for all and for each flow, and no end of bytes. */
  static HeldTraffic ofPackets(int flowPackets, int packets) {
    return new HeldTraffic(
        new HoldLimits(flowPackets, FOREVER / 2, packets, FOREVER / 32, FOREVER));
  }

  /** The guest has spoken on this connection, and expects this byte next. */
  void guestExpects(Conversation talk, long acknowledgment) {
    table.seen(
        talk.tcp(FROM_GUEST, PacketView.ACK, 1, acknowledgment, 0), FROM_GUEST, now, Origin.SEEN);
  }

  /** A packet arrives and is tracked and offered; its id, or 0. */
  long arrives(PacketView v) {
    now++;
    Flow flow = table.seen(v, TO_GUEST, now, Origin.SEEN);
    return offer(v, flow);
  }

  long arrivesUntracked(PacketView v) {
    now++;
    return offer(v, null);
  }

  private long offer(PacketView v, @Nullable Flow flow) {
    long id = queue.offer(v.buffer(), 0, v, flow, now, this);
    assertThat(mirrored.containsKey(id)).isEqualTo(id != 0);
    if (id != 0) {
      assertThat(mirrored).containsEntry(id, ByteBufUtil.hexDump(v.buffer(), 0, v.end()));
    }
    return id;
  }

  long data(Conversation talk, long sequence, int bytes) {
    return arrives(talk.tcp(TO_GUEST, PacketView.ACK, sequence, 1, bytes));
  }

  List<Long> held() {
    List<Long> ids = new ArrayList<>();
    queue.forEachInOrder((id, lane, copy) -> {
      assertThat(ByteBufUtil.hexDump(copy)).isEqualTo(mirrored.get(id));
      ids.add(id);
    });
    assertThat(ids).isSorted().containsExactlyElementsOf(mirrored.keySet());
    assertThat(queue.packets()).isEqualTo(ids.size());
    assertThat(host.packets()).isEqualTo(ids.size());
    assertThat(host.bytes()).isEqualTo(queue.bytes());
    return ids;
  }

  long dropped(DropReason reason) {
    return drops.get(reason);
  }

  /** Closes the queue; then nothing of it may be left. */
  void close() {
    queue.close();
    assertThat(queue.packets()).isZero();
    assertThat(queue.bytes()).isZero();
    assertThat(host.packets()).isZero();
    assertThat(host.bytes()).isZero();
    assertThat(copies).allMatch(copy -> copy.refCnt() == 0);
  }

  @Override
  public void kept(long id, int lane, ByteBuf vnetPacket) {
    assertThat(id).isGreaterThan(lastKept);
    lastKept = id;
    assertThat(vnetPacket.capacity()).isEqualTo(vnetPacket.readableBytes());
    mirrored.put(id, ByteBufUtil.hexDump(vnetPacket));
    copies.add(vnetPacket);
  }

  @Override
  public void removed(long id, int lane, DropReason why) {
    assertThat(mirrored.remove(id)).as("removed only once, and only what was held").isNotNull();
  }
}
