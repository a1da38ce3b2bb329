package dev.holdfast.tunnel.device;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MemoryTunTest {

  private final MemoryTun tun = new MemoryTun("hf0", 2);
  private final ByteBuf into = Unpooled.directBuffer(PacketDevice.READ_SIZE + 3);

  @AfterEach
  void release() {
    tun.close();
    into.release();
  }

  private static ByteBuf bytes(String hex) {
    return Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(hex));
  }

  @Test
  void whatIsInjectedIsReadInOrderBehindTheWriterIndex() throws IOException {
    into.writeZero(3);
    assertThat(tun.read(into)).isZero();
    assertThat(tun.inject(bytes("0102"))).isTrue();
    assertThat(tun.inject(bytes("030405"))).isTrue();
    assertThat(tun.read(into)).isEqualTo(2);
    assertThat(ByteBufUtil.hexDump(into)).isEqualTo("0000000102");
    into.clear();
    assertThat(tun.read(into)).isEqualTo(3);
    assertThat(tun.read(into.clear())).isZero();
  }

  @Test
  void whatIsWrittenIsTakenAsACopy() throws IOException {
    ByteBuf packet = bytes("a5010203").skipBytes(1);
    assertThat(tun.write(packet)).isTrue();
    assertThat(packet.readableBytes()).isEqualTo(3);
    packet.setZero(0, 4);
    ByteBuf taken = requireNonNull(tun.take());
    assertThat(ByteBufUtil.hexDump(taken)).isEqualTo("010203");
    taken.release();
    assertThat(tun.take()).isNull();
  }

  @Test
  void aFullDeviceTakesNoMore() throws IOException {
    for (int i = 0; i < 2; i++) {
      assertThat(tun.inject(bytes("01"))).isTrue();
      assertThat(tun.write(bytes("01"))).isTrue();
    }
    assertThat(tun.inject(bytes("01"))).isFalse();
    assertThat(tun.write(bytes("01"))).isFalse();
  }

  @Test
  void roomForTheLongestPacketIsAskedFor() {
    into.writeZero(4);
    assertThatThrownBy(() -> tun.read(into))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a TUN read needs 65545 writable bytes, not 65544");
  }

  @Test
  void aDeviceThatVanishedSaysSo() {
    tun.vanish();
    assertThat(tun.inject(bytes("01"))).isFalse();
    assertThatThrownBy(() -> tun.read(into))
        .isInstanceOf(IOException.class)
        .hasMessage("the TUN hf0 was deleted");
    assertThatThrownBy(() -> tun.write(bytes("01")))
        .isInstanceOf(IOException.class)
        .hasMessage("the TUN hf0 was deleted");
    tun.close();
    assertThatThrownBy(() -> tun.read(into)).hasMessage("the TUN hf0 is closed");
  }
}
