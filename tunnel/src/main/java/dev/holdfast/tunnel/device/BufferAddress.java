package dev.holdfast.tunnel.device;

import io.netty.buffer.ByteBuf;
import java.lang.foreign.MemorySegment;

/** Where the bytes of a buffer are, for system calls. */
final class BufferAddress {
  private BufferAddress() {}

  /**
   * The address of the byte at {@code index}; {@code length} bytes from there are within the
   * buffer's capacity. Valid while the buffer is neither released nor grown.
   *
   * @throws IllegalArgumentException when the buffer is not one piece of memory outside of the heap
   */
  static long of(ByteBuf buffer, int index, int length) {
    if (index < 0 || length < 0 || index > buffer.capacity() - length) {
      throw new IndexOutOfBoundsException(
          length + " bytes at " + index + " of a buffer of " + buffer.capacity());
    }
    if (buffer.hasMemoryAddress()) {
      return buffer.memoryAddress() + index;
    }
    if (!buffer.isDirect() || buffer.nioBufferCount() != 1) {
      throw new IllegalArgumentException("a system call needs a direct buffer in one piece");
    }
    // Netty without Unsafe knows no addresses; this way costs two small objects.
    return MemorySegment.ofBuffer(buffer.internalNioBuffer(index, length)).address();
  }
}
