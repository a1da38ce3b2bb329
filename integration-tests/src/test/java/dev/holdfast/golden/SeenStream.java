package dev.holdfast.golden;

import java.util.Map;
import java.util.TreeMap;

/** What a capture shows of one direction of a TCP connection: which of its bytes, and how often. */
final class SeenStream {
  private final TreeMap<Long, Long> covered = new TreeMap<>();
  private long newest;
  private boolean isBegun;
  private long repeated;
  private int repeats;
  private boolean isEnded;

  /** One packet of this direction. */
  void add(SeenPacket packet) {
    int first = packet.sequence + (packet.has(SeenPacket.SYN) ? 1 : 0);
    if (!isBegun) {
      isBegun = true;
      newest = first & 0xffff_ffffL;
    }
    long start = newest + (first - (int) newest); // the nearest such number, past 32 bits too
    long end = start + packet.payload.length;
    newest = Math.max(newest, end);
    isEnded |= packet.has(SeenPacket.FIN);
    if (start == end) {
      return;
    }
    long added = end - start - cover(start, end);
    if (added > 0) {
      repeated += added;
      repeats++;
    }
  }

  /** Gives how many of the bytes are new. */
  private long cover(long start, long end) {
    long before = bytes();
    long from = start;
    long to = end;
    Map.Entry<Long, Long> near = covered.floorEntry(to);
    while (near != null && near.getValue() >= from) {
      from = Math.min(from, near.getKey());
      to = Math.max(to, near.getValue());
      covered.remove(near.getKey());
      near = covered.floorEntry(to);
    }
    covered.put(from, to);
    return bytes() - before;
  }

  /** How many different bytes there are. */
  long bytes() {
    long sum = 0;
    for (Map.Entry<Long, Long> each : covered.entrySet()) {
      sum += each.getValue() - each.getKey();
    }
    return sum;
  }

  /** How many bytes were sent that had been seen before. */
  long repeatedBytes() {
    return repeated;
  }

  /** How many packets had some of those. */
  int repeats() {
    return repeats;
  }

  /** Whether bytes between others are missing. */
  boolean hasHole() {
    return covered.size() > 1;
  }

  /** Whether there was a FIN. */
  boolean isEnded() {
    return isEnded;
  }
}
