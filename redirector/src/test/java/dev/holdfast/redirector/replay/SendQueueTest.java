package dev.holdfast.redirector.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.replay.SendQueue.Chunk;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class SendQueueTest {
  private static SendQueue of(String... pieces) {
    var queue = new SendQueue();
    queue.add(new Chunk(0, 1, null, false)); // SYN
    long at = 1;
    for (String piece : pieces) {
      byte[] data = piece.getBytes(StandardCharsets.US_ASCII);
      queue.add(new Chunk(at, data.length, data, false));
      at += data.length;
    }
    return queue;
  }

  private static ByteBuf bytes(String text) {
    return Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII);
  }

  @Test
  void findsTheFirstByteThatDiffers() {
    SendQueue queue = of("hello ", "wor", "ld");

    assertThat(queue.mismatch(1, bytes("hello world"), 0, 11)).isEqualTo(-1);
    assertThat(queue.mismatch(3, bytes("llo wor"), 0, 7)).isEqualTo(-1);
    assertThat(queue.mismatch(1, bytes("hello wOrld"), 0, 11)).isEqualTo(8);
    assertThat(queue.mismatch(10, bytes("LD"), 0, 2)).isEqualTo(10);
  }

  @Test
  void whatWasNeverWrittenDiffersWhereItBegins() {
    SendQueue queue = of("abc");

    assertThat(queue.mismatch(1, bytes("abcd"), 0, 4)).isEqualTo(4);
    assertThat(queue.mismatch(9, bytes("x"), 0, 1)).isEqualTo(9);
    assertThat(queue.mismatch(0, bytes("x"), 0, 1)).isZero(); // that is the SYN
  }

  @Test
  void keepsItsOrderWhenItGrowsAndShrinks() {
    var queue = new SendQueue();
    for (int i = 0; i < 5; i++) {
      queue.add(new Chunk(i, 1, new byte[1], false));
    }
    queue.remove();
    queue.remove();
    for (int i = 5; i < 40; i++) {
      queue.add(new Chunk(i, 1, new byte[1], false));
    }

    assertThat(queue.size()).isEqualTo(38);
    assertThat(queue.get(0).start).isEqualTo(2);
    assertThat(queue.get(37).start).isEqualTo(39);
    assertThat(queue.find(20)).isEqualTo(18);
    assertThat(queue.find(40)).isEqualTo(-1);
  }
}
