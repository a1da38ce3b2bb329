package dev.holdfast.tunnel.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledDirectByteBuf;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class BufferAddressTest {

  private static byte byteAt(long address) {
    return MemorySegment.ofAddress(address).reinterpret(1).get(ValueLayout.JAVA_BYTE, 0);
  }

  @Test
  void isWhereTheByteIs() {
    ByteBuf buffer = Unpooled.directBuffer(8).writeLong(0x0102030405060708L);
    assertThat(byteAt(BufferAddress.of(buffer, 2, 6))).isEqualTo((byte) 3);
    assertThat(byteAt(BufferAddress.of(buffer.slice(4, 4), 1, 3))).isEqualTo((byte) 6);
    buffer.release();
  }

  /** As every buffer is where Netty may not use Unsafe. */
  private static final class Reticent extends UnpooledDirectByteBuf {
    Reticent() {
      super(UnpooledByteBufAllocator.DEFAULT, 8, 8);
    }

    @Override
    public boolean hasMemoryAddress() {
      return false;
    }
  }

  @Test
  void isFoundWhereNettyDoesNotTellIt() {
    ByteBuf buffer = new Reticent().writeLong(0x0102030405060708L);
    assertThat(byteAt(BufferAddress.of(buffer, 2, 6))).isEqualTo((byte) 3);
    buffer.release();
  }

  @Test
  void nothingOutsideOfTheBufferHasOne() {
    ByteBuf buffer = Unpooled.directBuffer(8, 8);
    assertThatThrownBy(() -> BufferAddress.of(buffer, 2, 7))
        .isInstanceOf(IndexOutOfBoundsException.class)
        .hasMessage("7 bytes at 2 of a buffer of 8");
    assertThatThrownBy(() -> BufferAddress.of(buffer, -1, 1))
        .isInstanceOf(IndexOutOfBoundsException.class);
    buffer.release();
  }

  @Test
  void memoryOfTheHeapHasNone() {
    assertThatThrownBy(() -> BufferAddress.of(Unpooled.buffer(8), 0, 8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a system call needs a direct buffer in one piece");
  }
}
