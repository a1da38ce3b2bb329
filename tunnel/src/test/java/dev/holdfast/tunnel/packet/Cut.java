package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.function.Consumer;

/**
 * Bytes that end where they end: a slice over memory that goes on with a pattern, so that a read
 * past the end throws and a write is seen.
 */
public final class Cut {
  private static final int GUARD = 64;

  private final ByteBuf memory;
  private final byte[] before;
  private final ByteBuf slice;

  private Cut(byte[] bytes, int length) {
    memory = Bytes.empty(GUARD + length + GUARD).writerIndex(GUARD).writeBytes(bytes, 0, length);
    memory.writerIndex(memory.capacity());
    before = new byte[memory.capacity()];
    memory.getBytes(0, before);
    slice = memory.slice(GUARD, length);
  }

  /** Shows the first {@code length} bytes to a parser, which must leave all bytes as they were. */
  public static void show(byte[] bytes, int length, Consumer<ByteBuf> parser) {
    var cut = new Cut(bytes, length);
    parser.accept(cut.slice);
    byte[] after = new byte[cut.before.length];
    cut.memory.getBytes(0, after);
    assertThat(after).as("nothing is written").isEqualTo(cut.before);
  }

  /** The bytes that the builder describes. */
  public static byte[] bytes(PacketBuilder packet) {
    ByteBuf buf = Bytes.packet(packet);
    byte[] bytes = new byte[buf.readableBytes()];
    buf.readBytes(bytes);
    return bytes;
  }

  /** What a field of {@code width} bytes may lie: 0, 1, the most, and one off either way. */
  public static long[] lies(byte[] bytes, int index, int width) {
    long truth = 0;
    for (int i = 0; i < width; i++) {
      truth = truth << 8 | bytes[index + i] & 0xff;
    }
    long most = (1L << 8 * width) - 1;
    return new long[] {0, 1, most, truth - 1 & most, truth + 1 & most};
  }

  /** A copy with another value in that field. */
  public static byte[] with(byte[] bytes, int index, int width, long value) {
    byte[] copy = bytes.clone();
    for (int i = 0; i < width; i++) {
      copy[index + i] = (byte) (value >> 8 * (width - 1 - i));
    }
    return copy;
  }
}
