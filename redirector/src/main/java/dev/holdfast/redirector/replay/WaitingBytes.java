package dev.holdfast.redirector.replay;

/**
 * How much of the capture's data is in memory: read, and not yet delivered. A guest that is paused
 * for long, or a connection that has stalled, lets it grow with the capture; beyond a bound, which
 * is the same on every machine, a pattern stands for the bytes that follow.
 */
final class WaitingBytes {
  static final long MOST = 256L << 20;

  private final long most;
  private long bytes;

  WaitingBytes(long most) {
    this.most = most;
  }

  /** Asks for room; what was given is to be given back. */
  boolean take(long count) {
    if (bytes + count > most) {
      return false;
    }
    bytes += count;
    return true;
  }

  void giveBack(long count) {
    bytes -= count;
  }

  /** Given and not given back. */
  long bytes() {
    return bytes;
  }
}
