package dev.holdfast.tunnel.device;

import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * A device without a kernel, for tests and replay. What is put in with {@link #inject} is read;
 * what is written is taken out with {@link #take}.
 *
 * <p>It copies, as a system call does. Safe for use by several threads.
 */
public final class MemoryTun implements PacketDevice {
  private final String name;
  private final int capacity;
  private final Queue<ByteBuf> toRead = new ArrayDeque<>();
  private final Queue<ByteBuf> written = new ArrayDeque<>();
  private @Nullable String gone;

  /**
   * @param capacity packets that each direction holds; the oldest stay, as in the kernel's ring
   */
  public MemoryTun(String name, int capacity) {
    this.name = name;
    this.capacity = capacity;
  }

  @Override
  public String name() {
    return name;
  }

  /**
   * Makes one packet readable: a copy of the readable bytes, header included.
   *
   * @return false when the device already holds as many as it can
   */
  public synchronized boolean inject(ByteBuf packet) {
    return offer(toRead, packet);
  }

  /** The oldest packet that was written and not yet taken; the caller releases it. */
  public synchronized @Nullable ByteBuf take() {
    return written.poll();
  }

  /** From now on the device is gone, as one that was deleted. */
  public synchronized void vanish() {
    gone = "the TUN " + name + " was deleted";
  }

  @Override
  public synchronized int read(ByteBuf into) throws IOException {
    failIfGone();
    if (into.writableBytes() < READ_SIZE) {
      throw new IllegalArgumentException(
          "a TUN read needs " + READ_SIZE + " writable bytes, not " + into.writableBytes());
    }
    ByteBuf packet = toRead.poll();
    if (packet == null) {
      return 0;
    }
    try {
      int length = packet.readableBytes();
      into.writeBytes(packet);
      return length;
    } finally {
      packet.release();
    }
  }

  @Override
  public synchronized boolean write(ByteBuf packet) throws IOException {
    failIfGone();
    return offer(written, packet);
  }

  private boolean offer(Queue<ByteBuf> queue, ByteBuf packet) {
    return gone == null && queue.size() < capacity && queue.add(packet.copy());
  }

  private void failIfGone() throws IOException {
    if (gone != null) {
      throw new IOException(gone);
    }
  }

  @Override
  public synchronized void close() {
    gone = "the TUN " + name + " is closed";
    toRead.forEach(ByteBuf::release);
    toRead.clear();
    written.forEach(ByteBuf::release);
    written.clear();
  }
}
