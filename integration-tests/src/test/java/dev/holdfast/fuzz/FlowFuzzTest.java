package dev.holdfast.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.decide.Verdict;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.hold.HoldQueue;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Packets in any order: an order (direction, how much later), then a packet behind its length. */
class FlowFuzzTest {
  private static final List<IpAddress> OLD =
      List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00:1::10"));
  private static final int MOST_FLOWS = 8;
  private static final int MOST_PACKETS = 64;

  private static final MigrationState[] STATES = MigrationState.values();

  private final PacketView view = new PacketView();

  private static Direction direction(int order) {
    return order % 2 == 0 ? Direction.TO_GUEST : Direction.FROM_GUEST;
  }

  /** Up to nearly an hour, in steps that double. */
  private static long later(int order) {
    return 1_000_000L << (order >> 3 & 0x1f);
  }

  @MethodSource("conversations")
  @FuzzTest
  void flowTable(byte[] data) {
    var input = new Bytes(data);
    var table = new FlowTable(MOST_FLOWS, FlowTimers.DEFAULTS, 1);
    long now = 1;
    for (int i = 0; i < MOST_PACKETS && input.hasMore(); i++) {
      int order = input.u8();
      byte[] packet = input.piece();
      now += later(order) % 4_000_000_000_000L;
      ByteBuf buf = Bounded.of(packet);
      if (view.check(buf, 0, packet.length) != PacketFault.NONE) {
        continue;
      }
      switch (order & 6) {
        case 2 -> table.held(now);
        case 4 -> table.released(now);
        case 6 -> table.drainingBegan();
        default -> {}
      }
      Flow flow = table.seen(view, direction(order), now, Origin.SEEN);
      if (flow != null) {
        assertThat(table.find(view, direction(order))).isSameAs(flow);
        assertThat(flow.stateLabel()).isNotEmpty();
        assertThat(flow.toString()).isNotEmpty();
        assertThat(flow.bytes(direction(order))).isPositive();
      }
      assertThat(table.size()).isLessThanOrEqualTo(MOST_FLOWS);
      int remaining = table.countRemaining(now);
      assertThat(remaining).isEqualTo(table.remaining(now).size());
      for (Flow each : table.remaining(now)) {
        assertThat(table.whyCounts(each, now)).isNotEmpty();
      }
    }
  }

  /** What is held stays within its bounds, and what was kept or removed adds up. */
  @MethodSource("conversations")
  @FuzzTest
  void holdQueue(byte[] data) {
    var input = new Bytes(data);
    var table = new FlowTable(MOST_FLOWS, FlowTimers.DEFAULTS, 1);
    var limits = new HoldLimits(4, 600, 10, 1500, 60_000_000_000L);
    var budget = new HoldBudget(8, 1200);
    var allocator = new UnpooledByteBufAllocator(false);
    var drops = new DropCounters();
    Map<Long, Integer> kept = new HashMap<>();
    var mirror =
        new HoldQueue.Mirror() {
          @Override
          public void kept(long id, int lane, ByteBuf vnetPacket) {
            assertThat(kept.put(id, lane)).isNull();
          }

          @Override
          public void removed(long id, int lane, DropReason why) {
            assertThat(kept.remove(id)).isEqualTo(lane);
          }
        };
    long now = 1;
    try (HoldQueue queue = new HoldQueue(limits, budget, allocator, drops, 2, 100)) {
      for (int i = 0; i < MOST_PACKETS && input.hasMore(); i++) {
        int order = input.u8();
        byte[] packet = Bytes.join(new byte[VirtioNetHeader.LENGTH], input.piece());
        now += later(order) % 100_000_000_000L;
        ByteBuf buf = Bounded.of(packet);
        if (view.check(buf, VirtioNetHeader.LENGTH, packet.length - VirtioNetHeader.LENGTH)
            != PacketFault.NONE) {
          continue;
        }
        queue.expire(now, mirror);
        Flow flow = table.seen(view, direction(order), now, Origin.SEEN);
        if (direction(order) == Direction.TO_GUEST) {
          long id = queue.offer(buf, 0, view, flow, now, mirror);
          assertThat(id == 0 || kept.containsKey(id)).isTrue();
        }
        assertThat(queue.packets()).isEqualTo(kept.size());
        assertThat(queue.packets()).isLessThanOrEqualTo(8);
        assertThat(queue.bytes()).isLessThanOrEqualTo(1200);
        assertThat(budget.packets()).isEqualTo(queue.packets());
        assertThat(budget.bytes()).isEqualTo(queue.bytes());
        assertThat(drops.total()).isEqualTo(queue.replaced() + queue.dropped());
        assertThat(queue.total()).isEqualTo(drops.total() + queue.packets());
        long[] last = {0};
        queue.forEachInOrder((id, lane, copy) -> {
          assertThat(id).isGreaterThan(last[0]);
          assertThat(kept.get(id)).isEqualTo(lane);
          last[0] = id;
        });
      }
    }
    assertThat(budget.bytes()).isZero();
    assertThat(allocator.metric().usedHeapMemory() + allocator.metric().usedDirectMemory())
        .as("bytes leaked")
        .isZero();
  }

  /** There is a verdict on every packet, in every state, and the same one each time. */
  @MethodSource("conversations")
  @FuzzTest
  void decision(byte[] data) {
    var input = new Bytes(data);
    int order = input.u8();
    byte[] packet = input.piece();
    ByteBuf buf = Bounded.of(packet);
    if (view.check(buf, 0, packet.length) != PacketFault.NONE) {
      return;
    }
    var table = new FlowTable(MOST_FLOWS, FlowTimers.DEFAULTS, 1);
    Flow flow = order >= 128 ? table.seen(view, direction(order), 1, Origin.SEEN) : null;
    for (Role role : Role.values()) {
      var decision =
          new Decision(
              role,
              OLD,
              (order & 2) == 0 ? HoldPolicy.QUEUE : HoldPolicy.DROP,
              StaleSyn.values()[(order >> 2) % StaleSyn.values().length]);
      for (MigrationState state : STATES) {
        Verdict verdict = decision.decide(state, direction(order), view, flow);
        assertThat(verdict).isNotNull();
        assertThat(decision.decide(state, direction(order), view, flow)).isSameAs(verdict);
        if (direction(order) == Direction.TO_GUEST && !isToOld() && role == Role.REDIRECTOR) {
          assertThat(verdict).as("to others").isInstanceOf(Verdict.Drop.class);
        }
      }
    }
  }

  private boolean isToOld() {
    return OLD.stream().anyMatch(view::isTo);
  }

  static Stream<byte[]> conversations() {
    byte[][] kinds = Bytes.packets().toArray(byte[][]::new);
    return Stream.concat(
        Stream.of(kinds).map(kind -> order(0, kind)),
        Stream.of(
            Bytes.join(Stream.of(kinds).map(kind -> order(0x40, kind)).toArray(byte[][]::new)),
            Bytes.join(
                order(2, kinds[1]), order(1, kinds[0]), order(4, kinds[2]), order(0, kinds[0])),
            Bytes.join(order(0xf8, kinds[1]), order(0xf8, kinds[3]), order(0x87, kinds[1]))));
  }

  private static byte[] order(int order, byte[] packet) {
    return Bytes.join(new byte[] {(byte) order}, Bytes.pieces("", packet));
  }
}
