package dev.holdfast.redirector.capturediff;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What one capture has of one direction of a TCP connection and was not compared yet: pieces by
 * their place in the stream. Bytes that come twice are taken as they came first.
 */
final class StreamSide {
  /** Bytes of the stream, and the packet in which they came. */
  record Piece(byte[] bytes, long packet) {}

  private final TreeMap<Long, Piece> pieces = new TreeMap<>();
  private boolean hasBegun;
  private boolean hasSyn;
  private int origin; // the sequence number of place 0
  private long newest; // the place of the last segment, for numbers that wrap around
  private int bytes;

  private long firstPacket;
  private boolean hasFin;
  private boolean hasReset;

  boolean hasBegun() {
    return hasBegun;
  }

  boolean hasSyn() {
    return hasSyn;
  }

  int origin() {
    return origin;
  }

  /** Bytes that wait. */
  int bytes() {
    return bytes;
  }

  /** The number of the first packet. */
  long firstPacket() {
    return firstPacket;
  }

  void begin(int sequenceOfPlaceZero, boolean bySyn, long packet) {
    hasBegun = true;
    origin = sequenceOfPlaceZero;
    hasSyn = bySyn;
    firstPacket = packet;
  }

  void end(boolean byFin, boolean byReset) {
    hasFin |= byFin;
    hasReset |= byReset;
  }

  /** How it ends, in words. */
  String ending() {
    return hasReset ? "a reset" : hasFin ? "FIN" : "nothing";
  }

  /** Whether another ending could still come: nothing comes after a reset. */
  boolean mayEndOtherwise() {
    return !hasReset;
  }

  /** The place of a sequence number: the nearest to the last one's. */
  long place(int sequence) {
    newest += sequence - (origin + (int) newest);
    return newest;
  }

  /**
   * Adds a segment's bytes.
   *
   * @param from place of the first one
   * @param compared places below are not wanted any more
   */
  void add(long from, byte[] array, int at, int length, long packet, long compared) {
    long next = Math.max(from, compared);
    long end = from + length;
    while (next < end) {
      Map.Entry<Long, Piece> before = pieces.floorEntry(next);
      if (before != null) {
        long covered = before.getKey() + before.getValue().bytes.length;
        if (covered > next) {
          next = covered;
          continue;
        }
      }
      Long after = pieces.higherKey(next);
      long to = after == null ? end : Math.min(end, after);
      byte[] fresh = new byte[(int) (to - next)];
      System.arraycopy(array, at + (int) (next - from), fresh, 0, fresh.length);
      pieces.put(next, new Piece(fresh, packet));
      bytes += fresh.length;
      next = to;
    }
  }

  /** The first place of which there are bytes; null where there are none. */
  @Nullable Long first() {
    return pieces.isEmpty() ? null : pieces.firstKey();
  }

  Piece firstPiece() {
    return pieces.firstEntry().getValue();
  }

  /** Forgets bytes below a place. */
  void dropBelow(long place) {
    while (!pieces.isEmpty() && pieces.firstKey() < place) {
      Map.Entry<Long, Piece> entry = pieces.pollFirstEntry();
      byte[] piece = entry.getValue().bytes;
      bytes -= piece.length;
      long end = entry.getKey() + piece.length;
      if (end > place) {
        byte[] rest = Arrays.copyOfRange(piece, (int) (place - entry.getKey()), piece.length);
        pieces.put(place, new Piece(rest, entry.getValue().packet));
        bytes += rest.length;
      }
    }
  }

  void clear() {
    pieces.clear();
    bytes = 0;
  }
}
