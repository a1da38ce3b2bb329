package dev.holdfast.redirector.demo.load;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * An endless stream of bytes that a seed determines; any part of it can be had at once.
 *
 * @param seed two seeds give streams that have nothing in common
 */
record SeededBytes(long seed) {
  private static final VarHandle WORDS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long STEP = 0x9e37_79b9_7f4a_7c15L;

  /** Fills {@code into} with the bytes from {@code position} on. */
  void fill(long position, byte[] into, int offset, int length) {
    int done = 0;
    while (done < length) {
      long at = position + done;
      long word = word(at >>> 3);
      int first = (int) (at & 7);
      int count = Math.min(8 - first, length - done);
      if (count == 8) {
        WORDS.set(into, offset + done, word);
        done += 8;
        continue;
      }
      for (int i = 0; i < count; i++) {
        into[offset + done + i] = (byte) (word >>> (8 * (first + i)));
      }
      done += count;
    }
  }

  /** SplitMix64's finisher, over a counter. */
  private long word(long index) {
    long z = seed + (index + 1) * STEP;
    z = (z ^ z >>> 30) * 0xbf58_476d_1ce4_e5b9L;
    z = (z ^ z >>> 27) * 0x94d0_49bb_1331_11ebL;
    return z ^ z >>> 31;
  }
}
