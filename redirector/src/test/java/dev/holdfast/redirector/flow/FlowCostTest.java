package dev.holdfast.redirector.flow;

import static dev.holdfast.redirector.flow.Direction.FROM_GUEST;
import static dev.holdfast.redirector.flow.Direction.TO_GUEST;
import static dev.holdfast.tunnel.packet.PacketView.ACK;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What flows cost: bytes each, nothing allocated for a packet, and a table that stays right. */
class FlowCostTest {
  private static final int HEADER = 12;
  private static final int REFERENCE = 4;

  /** The object's size on a 64-bit VM with compressed references. */
  private static int sizeOf(Class<?> type) {
    int size = HEADER;
    for (Field field : type.getDeclaredFields()) {
      if (!Modifier.isStatic(field.getModifiers())) {
        size +=
            switch (field.getType().getName()) {
              case "long", "double" -> 8;
              case "int", "float" -> 4;
              case "char", "short" -> 2;
              case "byte", "boolean" -> 1;
              default -> REFERENCE;
            };
      }
    }
    return (size + 7) / 8 * 8;
  }

  @Test
  void flowTakesNoMoreThan128BytesWithItsPlaceInTheTable() {
    double slots = REFERENCE / (0.75 / 2); // the table is just doubled
    assertThat(sizeOf(Flow.class) + slots).isLessThanOrEqualTo(128);
  }

  @Test
  void recordOfThoseAliveAtHoldTakesNoMoreThan64Bytes() {
    assertThat(sizeOf(HeldFlow.class) + REFERENCE).isLessThanOrEqualTo(64);
  }

  @Test
  void packetOfAKnownFlowAllocatesNothing() {
    var table = new FlowTable(1000, FlowTimers.DEFAULTS, 5);
    Conversation four = Conversation.v4();
    Conversation six = Conversation.v6();
    PacketView[] there = {four.tcp(TO_GUEST, ACK, 1, 1, 9), six.tcp(TO_GUEST, ACK, 1, 1, 9)};
    PacketView[] back = {four.udp(FROM_GUEST, 9), six.icmp(FROM_GUEST, 128, 4)};
    int rounds = 20_000;
    carry(table, there, back, rounds); // until every class is loaded and every flow known
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    carry(table, there, back, rounds);
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertThat(allocated / rounds).isZero();
  }

  private static void carry(FlowTable table, PacketView[] there, PacketView[] back, int rounds) {
    for (int i = 0; i < rounds; i++) {
      for (int k = 0; k < 2; k++) {
        Flow known = table.find(there[k], TO_GUEST);
        table.track(known, there[k], TO_GUEST, i, Origin.SEEN);
        table.seen(back[k], FROM_GUEST, i, Origin.SEEN);
      }
    }
  }

  @Test
  void slotsFindWhatAMapFindsThroughAddingAndRemoving() {
    var random = new Random(77);
    var slots = new FlowSlots(11);
    Map<FlowKey, Flow> model = new HashMap<>();
    List<FlowKey> keys = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      boolean v4 = i % 2 == 0;
      keys.add(
          new FlowKey(
              random.nextBoolean() ? 6 : 17,
              v4 ? IpAddress.v4(0x0a01_000a) : new IpAddress(1, 10),
              random.nextInt(3),
              v4 ? IpAddress.v4(random.nextInt(9)) : new IpAddress(5, random.nextInt(9)),
              random.nextInt(30)));
    }
    for (int i = 0; i < 30_000; i++) {
      FlowKey key = keys.get(random.nextInt(keys.size()));
      Flow known = slots.find(key);
      assertThat(known).isSameAs(model.get(key));
      if (known == null) {
        Flow flow = slots.flowOf(key, Origin.LISTED, 0);
        slots.add(flow);
        model.put(key, flow);
      } else if (random.nextInt(3) > 0) {
        assertThat(slots.remove(known)).isTrue();
        assertThat(slots.remove(known)).isFalse();
        model.remove(key);
      }
      assertThat(slots.size()).isEqualTo(model.size());
    }
    List<Flow> all = new ArrayList<>();
    slots.forEach(all::add);
    assertThat(all).containsExactlyInAnyOrderElementsOf(model.values());
  }
}
