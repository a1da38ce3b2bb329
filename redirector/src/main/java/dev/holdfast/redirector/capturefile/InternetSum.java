package dev.holdfast.redirector.capturefile;

/** The Internet checksum (RFC 1071) over pieces of any length, one behind the other. */
public final class InternetSum {
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
    long folded = sum;
    while (folded >>> 16 != 0) {
      folded = (folded >>> 16) + (folded & 0xffff);
    }
    return (int) ~folded & 0xffff;
  }
}
