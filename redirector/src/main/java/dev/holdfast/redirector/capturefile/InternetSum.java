package dev.holdfast.redirector.capturefile;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** The Internet checksum (RFC 1071) over pieces of any length, one behind the other. */
public final class InternetSum {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  private long sum;
  private boolean isOdd;

  public InternetSum clear() {
    sum = 0;
    isOdd = false;
    return this;
  }

  /** Adds bytes from one index up to another. */
  public InternetSum add(byte[] bytes, int from, int to) {
    int at = from;
    if (isOdd && at < to) {
      sum += bytes[at++] & 0xff;
      isOdd = false;
    }
    long pairs = 0; // of words, two at a time: it has room for those of 2^34 bytes
    for (; at + 8 <= to; at += 8) {
      long word = (long) LONG.get(bytes, at);
      pairs += (word >>> 32) + (word & 0xffff_ffffL);
    }
    sum += fold(pairs);
    for (; at + 1 < to; at += 2) {
      sum += (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
    }
    if (at < to) {
      sum += (bytes[at] & 0xff) << 8;
      isOdd = true;
    }
    return this;
  }

  /** Adds a number to the whole: it stands at an even place, whatever came before. */
  public InternetSum addWord(int value) {
    sum += (value >>> 16) + (value & 0xffff);
    return this;
  }

  /** The complement, as it stands in a header: 0 for bytes that have their checksum within. */
  public int checksum() {
    return (int) ~fold(sum) & 0xffff;
  }

  private static long fold(long value) {
    long folded = (value >>> 32) + (value & 0xffff_ffffL);
    while (folded >>> 16 != 0) {
      folded = (folded >>> 16) + (folded & 0xffff);
    }
    return folded;
  }
}
