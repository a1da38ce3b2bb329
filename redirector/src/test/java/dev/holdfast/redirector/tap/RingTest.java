package dev.holdfast.redirector.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class RingTest {
  private static final int LENGTH = 4;

  @Test
  void whatWasReservedIsSeenWhenItIsPublished() {
    Ring ring = new Ring(64);
    int first = ring.reserve(12);
    assertThat(first).isZero();
    assertThat(ring.next()).isEqualTo(-1);
    int second = ring.reserve(8);
    assertThat(second).as("aligned to 8").isEqualTo(16);
    ring.publish();
    assertThat(ring.next()).isEqualTo(first);
    assertThat(ring.next()).as("until it is freed").isEqualTo(first);
    ring.free();
    assertThat(ring.next()).isEqualTo(second);
    ring.free();
    assertThat(ring.next()).isEqualTo(-1);
    ring.release();
  }

  @Test
  void whatFindsNoRoomIsRefusedAndNothingIsOverwritten() {
    Ring ring = new Ring(64);
    for (int i = 0; i < 4; i++) {
      int at = ring.reserve(16);
      ring.bytes().setInt(at + LENGTH, i);
    }
    assertThat(ring.reserve(8)).isEqualTo(-1);
    assertThat(ring.reserve(65)).as("it never fits").isEqualTo(-1);
    ring.publish();
    for (int i = 0; i < 4; i++) {
      assertThat(ring.bytes().getInt(ring.next() + LENGTH)).isEqualTo(i);
      ring.free();
    }
    assertThat(ring.reserve(64)).isZero();
    ring.release();
  }

  @Test
  void aRecordLiesInOnePiece() {
    Ring ring = new Ring(64);
    assertThat(ring.reserve(40)).isZero();
    ring.publish();
    assertThat(ring.next()).isZero();
    assertThat(ring.reserve(32)).as("24 bytes are left at the end").isEqualTo(-1);
    ring.free();
    assertThat(ring.reserve(32)).as("at the begin again").isZero();
    ring.publish();
    assertThat(ring.next()).isZero();
    ring.free();
    assertThat(ring.next()).isEqualTo(-1);
    ring.release();
  }

  @Test
  void oneThreadReadsWhatAnotherWrites() throws InterruptedException {
    Ring ring = new Ring(4096);
    int records = 200_000;
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread writer =
        Thread.ofPlatform()
            .uncaughtExceptionHandler((thread, thrown) -> failure.set(thrown))
            .start(() -> {
              Random random = new Random(1);
              for (int i = 0; i < records; ) {
                int length = 16 + random.nextInt(400);
                int at = ring.reserve(length);
                while (at < 0) {
                  Thread.onSpinWait();
                  at = ring.reserve(length);
                }
                ring.bytes().setInt(at + LENGTH, i);
                ring.bytes().setByte(at + length - 1, i);
                ring.publish();
                i++;
              }
            });
    for (int i = 0; i < records; ) {
      int at = ring.next();
      if (at >= 0) {
        assertThat(ring.bytes().getInt(at + LENGTH)).isEqualTo(i);
        assertThat(ring.bytes().getByte(at + ring.bytes().getInt(at) - 1)).isEqualTo((byte) i);
        ring.free();
        i++;
      } else {
        assertThat(failure.get()).isNull();
        Thread.onSpinWait();
      }
    }
    writer.join();
    ring.release();
  }

  @Test
  void aRingOfOddSizeIsRefused() {
    assertThatThrownBy(() -> new Ring(63)).hasMessageContaining("63");
  }
}
