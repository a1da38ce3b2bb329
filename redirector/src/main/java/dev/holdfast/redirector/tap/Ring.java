package dev.holdfast.redirector.tap;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Records of any length, from one thread to another, in memory that is taken once. Each record lies
 * in one piece; where it would not at the end of the memory, that end is left out.
 *
 * <p>A record begins with its length, which the ring writes; the rest is the two threads' business.
 */
final class Ring {
  private static final int ALIGN = 8;
  private static final int LEFT_OUT = -1;
  private static final VarHandle PUBLISHED;
  private static final VarHandle TAKEN;

  static {
    try {
      MethodHandles.Lookup here = MethodHandles.lookup();
      PUBLISHED = here.findVarHandle(Ring.class, "published", long.class);
      TAKEN = here.findVarHandle(Ring.class, "taken", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final ByteBuf bytes;
  private final int capacity;

  // All positions only rise; where they are in the memory is their remainder.

  /** The writer's: behind the last record that was reserved. */
  private long reserved;

  /** The writer's: what it last knew of {@link #taken}. */
  private long knownTaken;

  /** Behind the last record that may be read. */
  private long published;

  /** Before the first record that is still needed. */
  private long taken;

  /**
   * @param capacity bytes, a multiple of 8
   */
  Ring(int capacity) {
    if (capacity <= 0 || capacity % ALIGN != 0) {
      throw new IllegalArgumentException("a ring of " + capacity + " bytes");
    }
    this.capacity = capacity;
    this.bytes = Unpooled.directBuffer(capacity, capacity).writerIndex(capacity);
  }

  /** The memory; indexes in it are absolute. */
  ByteBuf bytes() {
    return bytes;
  }

  // ---- the writer's ----

  /**
   * Takes room for a record, which is not seen by the reader until {@link #publish}.
   *
   * @param length bytes, the first four of which are the length
   * @return its absolute index, or -1 where there is no room
   */
  int reserve(int length) {
    int needed = aligned(length);
    int at = (int) (reserved % capacity);
    int toEnd = capacity - at;
    int left = toEnd < needed ? toEnd : 0;
    long end = reserved + left + needed;
    if (needed > capacity) {
      return -1;
    }
    if (end - knownTaken > capacity) {
      knownTaken = (long) TAKEN.getAcquire(this);
      if (end - knownTaken > capacity) {
        return -1;
      }
    }
    if (left > 0) {
      bytes.setInt(at, LEFT_OUT);
      at = 0;
    }
    bytes.setInt(at, length);
    reserved = end;
    return at;
  }

  /** Lets the reader see all that was reserved until now. */
  void publish() {
    PUBLISHED.setRelease(this, reserved);
  }

  // ---- the reader's ----

  /** The absolute index of the next record, or -1 where there is none now. */
  int next() {
    long end = (long) PUBLISHED.getAcquire(this);
    while (taken != end) {
      int at = (int) (taken % capacity);
      if (bytes.getInt(at) != LEFT_OUT) {
        return at;
      }
      TAKEN.setRelease(this, taken + capacity - at);
    }
    return -1;
  }

  /** The record that {@link #next} has shown is not needed any more. */
  void free() {
    TAKEN.setRelease(this, taken + aligned(bytes.getInt((int) (taken % capacity))));
  }

  private static int aligned(int length) {
    return length + ALIGN - 1 & -ALIGN;
  }

  /** Gives the memory back. Neither thread may use the ring from then on. */
  void release() {
    bytes.release();
  }
}
