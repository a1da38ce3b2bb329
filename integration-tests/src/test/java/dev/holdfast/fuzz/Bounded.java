package dev.holdfast.fuzz;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;

/** Bytes in direct memory, as in the daemon, that end where they end: one read more is an error. */
final class Bounded {
  private static final int MOST = 1 << 17;

  /** Before the bytes, so that nothing may depend on where they begin. */
  private static final int BEFORE = 7;

  private static final ThreadLocal<ByteBuf> MEMORY = ThreadLocal.withInitial(() -> room(MOST));

  private Bounded() {}

  /** An empty buffer in direct memory, which the garbage collector frees and no test has to. */
  static ByteBuf room(int capacity) {
    return Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(capacity)).clear();
  }

  /** A copy of the bytes, over memory that the next call uses again. */
  static ByteBuf of(byte[] bytes) {
    return of(bytes, 0);
  }

  /** A copy of the bytes from {@code from} on. */
  static ByteBuf of(byte[] bytes, int from) {
    int length = Math.clamp(bytes.length - from, 0, MOST - BEFORE);
    ByteBuf memory = MEMORY.get();
    memory.setBytes(BEFORE, bytes, Math.min(from, bytes.length), length);
    return memory.slice(BEFORE, length);
  }
}
