package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * What one end of a connection has written and the other has not acknowledged, in pieces as the
 * capture has them. Positions are counted from the connection's first sequence number, so they do
 * not wrap.
 */
final class SendQueue {
  /** One piece. */
  static final class Chunk {
    final long start;
    final int length;

    /** Null for SYN and FIN, which take one sequence number each. */
    final byte @Nullable [] data;

    final boolean push;
    boolean sent;
    boolean sacked;
    boolean lost;
    boolean again;
    long sentAt;

    Chunk(long start, int length, byte @Nullable [] data, boolean push) {
      this.start = start;
      this.length = length;
      this.data = data;
      this.push = push;
    }

    long end() {
      return start + length;
    }

    boolean isData() {
      return data != null;
    }

    /** It is on its way, as far as its sender knows. */
    boolean isInFlight() {
      return sent && !sacked && !lost;
    }
  }

  private Chunk[] ring = new Chunk[2];
  private int head;
  private int size;
  private int unsent; // index of the first that was never sent, from the head

  void add(Chunk chunk) {
    if (size == ring.length) {
      Chunk[] larger = new Chunk[2 * size];
      for (int i = 0; i < size; i++) {
        larger[i] = get(i);
      }
      ring = larger;
      head = 0;
    }
    ring[head + size & ring.length - 1] = chunk;
    size++;
  }

  int size() {
    return size;
  }

  boolean isEmpty() {
    return size == 0;
  }

  Chunk get(int index) {
    return ring[head + index & ring.length - 1];
  }

  /** The first that was never sent; null where all were. */
  @Nullable Chunk firstUnsent() {
    return unsent < size ? get(unsent) : null;
  }

  /** The first one that {@link #firstUnsent} gave is sent. */
  void sentOne() {
    unsent++;
  }

  /** The first that is lost; null where none is. */
  @Nullable Chunk firstLost() {
    for (int i = 0; i < unsent; i++) {
      Chunk chunk = get(i);
      if (chunk.lost) {
        return chunk;
      }
    }
    return null;
  }

  /** How many were sent at least once. */
  int sentCount() {
    return unsent;
  }

  /** Forgets the first one. */
  void remove() {
    ring[head] = EMPTY;
    head = head + 1 & ring.length - 1;
    size--;
    unsent = Math.max(0, unsent - 1);
  }

  private static final Chunk EMPTY = new Chunk(0, 0, null, false);

  /** The index of the piece that has this position; -1 where none has. */
  int find(long position) {
    int low = 0;
    int high = size - 1;
    while (low <= high) {
      int middle = low + high >>> 1;
      Chunk chunk = get(middle);
      if (position < chunk.start) {
        high = middle - 1;
      } else if (position >= chunk.end()) {
        low = middle + 1;
      } else {
        return middle;
      }
    }
    return -1;
  }

  /**
   * Compares a segment's new data with what was written.
   *
   * @param at its position
   * @param next everything before this has been compared
   * @return the position of the first byte that differs; -1 where all are the same
   */
  long mismatch(PacketView segment, long at, long next) {
    long data = at + ((segment.tcpFlags() & PacketView.SYN) != 0 ? 1 : 0);
    int skip = (int) Math.max(0, next - data);
    int length = segment.tcpPayloadLength() - skip;
    return length <= 0
        ? -1
        : mismatch(data + skip, segment.buffer(), segment.tcpPayloadStart() + skip, length);
  }

  /**
   * Compares bytes that have arrived with what was written.
   *
   * @return the position of the first that differs; -1 where all are the same
   */
  long mismatch(long position, ByteBuf buf, int index, int length) {
    MemorySegment arrived = MemorySegment.ofBuffer(buf.internalNioBuffer(index, length));
    long at = position;
    int from = 0;
    for (int i = find(position); from < length; i++) {
      if (i < 0 || i >= size) {
        return at; // more has arrived than was ever written
      }
      Chunk chunk = get(i);
      int offset = (int) (at - chunk.start);
      int count = Math.min(length - from, chunk.length - offset);
      byte[] data = chunk.data;
      if (data == null) {
        return at; // a byte where there is SYN or FIN
      }
      long differs =
          MemorySegment.mismatch(
              MemorySegment.ofArray(data), offset, offset + count, arrived, from, from + count);
      if (differs >= 0) {
        return at + differs;
      }
      at += count;
      from += count;
    }
    return -1;
  }
}
