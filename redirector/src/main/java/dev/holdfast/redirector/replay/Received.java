package dev.holdfast.redirector.replay;

import java.util.ArrayList;
import java.util.List;

/** Which positions of a stream have arrived: all up to one, and pieces behind it. */
final class Received {
  private static final int MOST_PIECES = 1_024;
  private static final int BLOCKS = 3; // beside time stamps no more have room

  private record Piece(long start, long end) {}

  private final List<Piece> pieces = new ArrayList<>(0);
  private long next;
  private int newest;

  /** The first position that has not arrived. */
  long next() {
    return next;
  }

  boolean hasGap() {
    return !pieces.isEmpty();
  }

  void take(long start, long end) {
    if (start <= next) {
      next = Math.max(next, end);
      while (!pieces.isEmpty() && pieces.getFirst().start <= next) {
        next = Math.max(next, pieces.removeFirst().end);
      }
      newest = 0;
      return;
    }
    long from = start;
    long to = end;
    int at = 0;
    while (at < pieces.size() && pieces.get(at).end < from) {
      at++;
    }
    while (at < pieces.size() && pieces.get(at).start <= to) {
      Piece joined = pieces.remove(at);
      from = Math.min(from, joined.start);
      to = Math.max(to, joined.end);
    }
    if (pieces.size() < MOST_PIECES) {
      pieces.add(at, new Piece(from, to));
      newest = at;
    }
  }

  /**
   * Writes a SACK option (RFC 2018 section 3): the piece that the last segment fell into, and then
   * others.
   *
   * @return the index behind it
   */
  int sackBlocks(byte[] options, int at, Script of) {
    int count = Math.min(pieces.size(), BLOCKS);
    if (count == 0 || at + 4 + 8 * count > options.length) {
      return at;
    }
    int out = at;
    options[out++] = TcpOptions.NOP;
    options[out++] = TcpOptions.NOP;
    options[out++] = TcpOptions.SACK;
    options[out++] = (byte) (2 + 8 * count);
    for (int i = 0; i < count; i++) {
      Piece piece = pieces.get((newest + i) % pieces.size());
      out = put(options, out, of.sequence(piece.start));
      out = put(options, out, of.sequence(piece.end));
    }
    return out;
  }

  private static int put(byte[] options, int at, int value) {
    options[at] = (byte) (value >> 24);
    options[at + 1] = (byte) (value >> 16);
    options[at + 2] = (byte) (value >> 8);
    options[at + 3] = (byte) value;
    return at + 4;
  }
}
