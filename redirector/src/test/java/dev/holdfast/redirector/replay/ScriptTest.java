package dev.holdfast.redirector.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;

/** What a script keeps of a capture, and what it gives back. */
class ScriptTest {
  private static final int ROOM = 10_000;

  private final WaitingBytes memory = new WaitingBytes(ROOM);
  private final Script script = new Script(memory);
  private final Script other = new Script(memory);
  private final PacketView view = new PacketView();
  private final TcpOptions options = new TcpOptions();
  private long now = VirtualTime.BEGIN;

  /** A segment whose first bytes alone are in the capture; all are where that is more. */
  private void captured(long sequence, int length, int there) {
    ByteBuf packet = Unpooled.buffer();
    int unused =
        PacketBuilder.of("10.9.0.2", "10.1.0.10")
            .tcp(40_000, 80, sequence, 1, PacketView.ACK, 60_000)
            .payload(length)
            .write(packet);
    int captured = Math.min(packet.readableBytes(), 40 + there);
    assertThat(view.checkHeaders(packet, 0, captured)).isEqualTo(PacketFault.NONE);
    options.read(view);
    script.captured(view, options, captured, other, now++);
  }

  private long written() {
    return script.writes.stream().mapToLong(write -> write.length).sum();
  }

  @Test
  void bytesAreKeptUntilSomebodyGivesThemBack() {
    captured(1, 3_000, 3_000);
    captured(3_001, 3_000, 3_000);

    assertThat(memory.bytes()).isEqualTo(6_000);
    script.giveBack(script.writes.getFirst().data, 3_000);
    script.writes.removeFirst();
    script.forget();
    assertThat(memory.bytes()).isZero();
  }

  /** The positions stay right, and a pattern stands for the bytes. */
  @Test
  void whatFindsNoRoomIsWrittenAllTheSame() {
    for (int i = 0; i < 100; i++) {
      captured(1 + i * 3_000L, 3_000, 3_000);
    }

    assertThat(memory.bytes()).isEqualTo(9_000);
    assertThat(written()).isEqualTo(300_000);
    assertThat(script.notKept()).isEqualTo(291_000);
    script.forget();
    assertThat(memory.bytes()).isZero();
  }

  @Test
  void aLengthThatAFileOnlyClaimsTakesNoMemory() {
    for (int i = 0; i < 100; i++) {
      captured(1 + i * 60_000L, 60_000, 0);
    }

    assertThat(memory.bytes()).isZero();
    assertThat(script.madeUp()).isEqualTo(6_000_000);
    assertThat(written()).isEqualTo(6_000_000);
  }

  @Test
  void whatCameTooEarlyIsCountedOnce() {
    captured(1, 1_000, 1_000);
    captured(3_001, 1_000, 1_000);
    captured(4_001, 1_000, 1_000);
    captured(3_501, 1_000, 1_000);
    assertThat(memory.bytes()).isEqualTo(4_000);

    captured(1_001, 2_000, 2_000);

    assertThat(written()).isEqualTo(5_000);
    assertThat(memory.bytes())
        .as("of the one that lay over two others nothing is left")
        .isEqualTo(5_000);
    script.forget();
    assertThat(memory.bytes()).isZero();
  }

  @Test
  void whatNeverFoundItsPlaceIsGivenBack() {
    captured(1, 1_000, 1_000);
    captured(3_001, 1_000, 1_000);
    script.forget();
    assertThat(memory.bytes()).isZero();
  }
}
