package dev.holdfast.redirector.demo.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WanDirectionTest {
  private static final long MILLI = 1_000_000;

  private static Wan wan(double loss, long bitsPerSecond, int queueBytes) {
    return new Wan(Duration.ofMillis(20), loss, bitsPerSecond, queueBytes, 7);
  }

  /** Which of so many packets are lost. */
  private static List<Integer> lost(long seed, int packets) {
    var way = new WanDirection<Integer>(wan(0.01, 0, 1 << 20), seed);
    List<Integer> lost = new ArrayList<>();
    for (int i = 0; i < packets; i++) {
      if (!way.offer(i, 100, i)) {
        lost.add(i);
      }
      way.drain();
    }
    assertThat(way.lost()).isEqualTo(lost.size());
    return lost;
  }

  @Test
  void aPacketArrivesAfterTheDelayAndNotBefore() {
    var way = new WanDirection<String>(wan(0, 0, 1 << 20), 7);
    assertThat(way.offer("first", 1500, 5)).isTrue();
    assertThat(way.poll(5 + 20 * MILLI - 1)).isNull();
    assertThat(way.poll(5 + 20 * MILLI)).isEqualTo("first");
    assertThat(way.poll(Long.MAX_VALUE / 2)).isNull();
  }

  @Test
  void theLineTakesOnePacketAfterTheOther() {
    var way = new WanDirection<String>(wan(0, 12_000_000, 1 << 20), 7); // 1500 bytes: 1 ms
    assertThat(way.offer("first", 1500, 0)).isTrue();
    assertThat(way.offer("second", 1500, 0)).isTrue();
    assertThat(way.poll(21 * MILLI)).isEqualTo("first");
    assertThat(way.poll(22 * MILLI - 1)).isNull();
    assertThat(way.poll(22 * MILLI)).isEqualTo("second");
    assertThat(way.offer("third", 1500, 100 * MILLI)).isTrue(); // the line is idle again
    assertThat(way.poll(121 * MILLI)).isEqualTo("third");
  }

  @Test
  void whatFindsAFullQueueIsDropped() {
    var way = new WanDirection<Integer>(wan(0, 12_000_000, 3000), 7);
    int taken = 0;
    for (int i = 0; i < 10; i++) {
      taken += way.offer(i, 1500, 0) ? 1 : 0;
    }
    assertThat(taken).isEqualTo(3); // one on the line and two that wait
    assertThat(way.refused()).isEqualTo(7);
    assertThat(way.offer(10, 1500, 3 * MILLI)).isTrue();
  }

  @Test
  void withoutARateTheQueueHoldsWhatIsOnItsWay() {
    var way = new WanDirection<Integer>(wan(0, 0, 3000), 7);
    assertThat(way.offer(1, 1500, 0)).isTrue();
    assertThat(way.offer(2, 1500, 0)).isTrue();
    assertThat(way.offer(3, 1500, 0)).isFalse();
    assertThat(way.poll(20 * MILLI)).isEqualTo(1);
    assertThat(way.offer(4, 1500, 20 * MILLI)).isTrue();
  }

  @Test
  void theSamePacketsAreLostInEveryRun() {
    List<Integer> first = lost(42, 100_000);
    assertThat(first).hasSizeBetween(900, 1_100).isEqualTo(lost(42, 100_000));
    assertThat(first).isNotEqualTo(lost(43, 100_000));
  }

  @Test
  void whatCannotBeIsRefused() {
    assertThatThrownBy(() -> wan(1.5, 0, 1)).hasMessageContaining("no such way");
    assertThatThrownBy(() -> wan(0, -1, 1)).hasMessageContaining("no such way");
    assertThatThrownBy(() -> wan(0, 1, 0)).hasMessageContaining("no such way");
    assertThat(Wan.NONE.isThere()).isFalse();
    assertThat(Wan.USUAL.isThere()).isTrue();
  }
}
