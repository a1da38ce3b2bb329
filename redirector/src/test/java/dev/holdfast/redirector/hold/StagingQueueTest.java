package dev.holdfast.redirector.hold;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** The endpoint's stage: what a redirector may do to it, and what comes out at release. */
class StagingQueueTest {
  private final DropCounters drops = new DropCounters();
  private final HoldBudget host = new HoldBudget(10_000, 10_000_000);
  private final StagingQueue stage = queue(1000, 1_000_000);

  private StagingQueue queue(int maxPackets, long maxBytes) {
    return new StagingQueue(maxPackets, maxBytes, host, UnpooledByteBufAllocator.DEFAULT, drops, 3);
  }

  private static ByteBuf packet(int bytes) {
    return Unpooled.buffer().writeZero(bytes);
  }

  private static List<Long> release(StagingQueue stage) {
    List<Long> ids = new ArrayList<>();
    List<ByteBuf> copies = new ArrayList<>();
    int delivered =
        stage.release((id, lane, copy) -> {
          assertThat(copy.refCnt()).isEqualTo(1);
          ids.add(id);
          copies.add(copy);
        });
    assertThat(delivered).isEqualTo(ids.size());
    assertThat(copies).allMatch(copy -> copy.refCnt() == 0);
    return ids;
  }

  @Test
  void whatIsStagedIsChargedToTheHost() {
    var small = new HoldBudget(10, 100);
    var other =
        new StagingQueue(1000, 1_000_000, small, UnpooledByteBufAllocator.DEFAULT, drops, 1);
    assertThat(other.add(1, 0, 0, packet(60))).isTrue();
    assertThat(other.add(2, 0, 0, packet(60))).isFalse();
    assertThat(other.add(3, 0, 0, packet(20))).as("a gap is never left").isFalse();
    assertThat(small.bytes()).isEqualTo(60);
    assertThat(drops.nonZero()).containsEntry("hold-full", 2L);
    assertThat(release(other)).containsExactly(1L);
    assertThat(small.bytes()).isZero();
    assertThat(small.packets()).isZero();
  }

  @Test
  void releasesInOrderWhatWasNotTakenBack() {
    for (int id : new int[] {1, 2, 5, 9}) {
      assertThat(stage.add(id, 0, 0, packet(20))).isTrue();
    }
    assertThat(stage.remove(5, 0)).isTrue();
    assertThat(stage.remove(5, 0)).isFalse();
    assertThat(stage.remove(3, 0)).isFalse();
    assertThat(stage.remove(77, 0)).isFalse();
    assertThat(stage.packets()).isEqualTo(3);
    assertThat(stage.bytes()).isEqualTo(60);
    assertThat(stage.total()).isEqualTo(4);
    assertThat(release(stage)).containsExactly(1L, 2L, 9L);
    assertThat(stage.lastId(0)).isEqualTo(9);
    assertThat(stage.packets()).isZero();
    assertThat(stage.bytes()).isZero();
    assertThat(drops.total()).isZero();
  }

  @Test
  void flowsTakeTurnsAndKeepTheirOwnOrder() {
    int bulk = 7;
    int request = 8;
    for (int id = 1; id <= 100; id++) { // more than fit at first
      stage.add(id, 0, bulk, packet(20));
    }
    stage.add(101, 0, request, packet(20));
    stage.add(102, 0, request, packet(20));
    stage.remove(1, 0); // a retransmission takes its place, at its own time
    stage.add(103, 0, bulk, packet(20));
    List<Long> order = release(stage);
    assertThat(order).startsWith(2L, 101L, 3L, 102L, 4L, 5L).endsWith(99L, 100L, 103L).hasSize(102);
  }

  @Test
  void idsRiseOnEachDataConnectionByItself() {
    assertThat(stage.add(5, 0, 1, packet(20))).isTrue();
    assertThat(stage.add(2, 1, 2, packet(20))).as("another connection is slower").isTrue();
    assertThat(stage.add(3, 1, 2, packet(20))).isTrue();
    assertThat(stage.add(2, 1, 2, packet(20))).isFalse();
    assertThat(stage.remove(5, 1)).as("that is the other one's").isFalse();
    assertThat(stage.lastId(0)).isEqualTo(5);
    assertThat(stage.lastId(1)).isEqualTo(3);
    assertThat(stage.lastId(2)).isZero();
    assertThat(stage.packets()).isEqualTo(3);
    assertThat(release(stage)).containsExactly(5L, 2L, 3L);
  }

  @Test
  void flowsOfAllDataConnectionsTakeTurns() {
    for (int id = 1; id <= 100; id++) {
      stage.add(id, 0, 7, packet(20));
    }
    stage.add(101, 1, 8, packet(20));
    stage.add(102, 1, 8, packet(20));
    assertThat(release(stage)).startsWith(1L, 101L, 2L, 102L, 3L, 4L).hasSize(102);
  }

  @Test
  void copiesOnlyTheReadablePartAndLeavesTheSourceAlone() {
    ByteBuf source = Unpooled.buffer().writeLong(1).writeInt(2).skipBytes(8);
    stage.add(1, 0, 0, source);
    assertThat(source.refCnt()).isEqualTo(1);
    assertThat(source.readableBytes()).isEqualTo(4);
    source.setInt(8, 99);
    stage.release((id, lane, copy) -> assertThat(copy).isEqualTo(Unpooled.buffer().writeInt(2)));
  }

  @Test
  void idThatDoesNotRiseIsRefusedAndCounted() {
    assertThat(stage.add(5, 0, 0, packet(1))).isTrue();
    for (long id : new long[] {5, 4, 0, -1, Long.MIN_VALUE}) {
      assertThat(stage.add(id, 0, 0, packet(1))).isFalse();
    }
    stage.remove(5, 0);
    assertThat(stage.add(5, 0, 0, packet(1))).as("it was here once").isFalse();
    assertThat(drops.get(DropReason.BAD_STAGING_ID)).isEqualTo(6);
    assertThat(release(stage)).isEmpty();
  }

  @Test
  void fullQueueStaysFullSoThatNothingIsMissingBeforeItsLastId() {
    StagingQueue small = queue(2, 100);
    assertThat(small.add(1, 0, 0, packet(10))).isTrue();
    assertThat(small.add(2, 0, 0, packet(10))).isTrue();
    assertThat(small.add(3, 0, 0, packet(10))).isFalse();
    small.remove(1, 0);
    assertThat(small.add(4, 0, 0, packet(10))).isFalse();
    assertThat(small.lastId(0)).isEqualTo(2);
    assertThat(drops.get(DropReason.HOLD_FULL)).isEqualTo(2);
    assertThat(release(small)).containsExactly(2L);

    StagingQueue narrow = queue(100, 25);
    assertThat(narrow.add(1, 0, 0, packet(20))).isTrue();
    assertThat(narrow.add(2, 0, 0, packet(6))).isFalse();
    assertThat(narrow.add(3, 0, 0, packet(1))).isFalse();
    assertThat(release(narrow)).containsExactly(1L);
  }

  @Test
  void afterReleaseNothingIsTakenIn() {
    stage.add(1, 0, 0, packet(10));
    assertThat(release(stage)).containsExactly(1L);
    assertThat(stage.add(2, 0, 0, packet(10))).isFalse();
    assertThat(stage.lastId(0)).isEqualTo(1);
    assertThat(release(stage)).as("released twice").isEmpty();
    assertThat(drops.total()).as("the redirector sends it again").isZero();
  }

  @Test
  void discardCountsWhatIsLost() {
    stage.add(1, 0, 0, packet(10));
    stage.add(2, 0, 0, packet(10));
    stage.remove(1, 0);
    stage.discard();
    assertThat(drops.get(DropReason.DISCARDED_AT_ROLLBACK)).isEqualTo(1);
    assertThat(stage.packets()).isZero();
    assertThat(stage.add(3, 0, 0, packet(10))).isFalse();
    assertThat(release(stage)).isEmpty();
  }

  @Test
  void agreesWithAMapThroughRandomStagingAndTakingBack() {
    var random = new Random(12);
    var model = new TreeMap<Long, Integer>();
    StagingQueue queue = queue(100_000, 10_000_000);
    long id = 0;
    for (int i = 0; i < 20_000; i++) {
      if (random.nextInt(5) < 3) {
        id += 1 + random.nextInt(3);
        int length = 1 + random.nextInt(50);
        assertThat(queue.add(id, 0, 0, packet(length))).isTrue();
        model.put(id, length);
      } else {
        long which = id - random.nextInt(100);
        assertThat(queue.remove(which, 0)).isEqualTo(model.remove(which) != null);
      }
      if (i % 1000 == 0) {
        assertThat(queue.packets()).isEqualTo(model.size());
        assertThat(queue.bytes()).isEqualTo(model.values().stream().mapToLong(x -> x).sum());
      }
    }
    assertThat(release(queue)).containsExactlyElementsOf(model.keySet());
  }
}
