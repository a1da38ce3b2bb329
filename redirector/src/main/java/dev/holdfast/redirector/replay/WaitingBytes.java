package dev.holdfast.redirector.replay;

/**
 * How much of the capture's data is in memory: read, and not yet delivered. A guest that is paused
 * for long, or a connection that has stalled, lets it grow with the capture; beyond a bound, which
 * is the same on every machine, a pattern stands for the bytes that follow.
 */
final class WaitingBytes {
  static final long MOST = 256L << 20;

  /** On their way from all ends together: more waits until something is acknowledged. */
  private static final long MOST_IN_FLIGHT = 256L << 20;

  /** What a capture may lack whatever it has; more than that, four times what it has. */
  private static final long FREELY_MADE_UP = 64L << 20;

  private final long most;
  private long bytes;
  private long inFlight;
  private long captured;
  private long madeUp;

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

  /** The capture has so many more bytes of data. */
  void captured(int count) {
    captured += count;
  }

  /** Asks whether so many bytes that are not in the capture are to be believed in. */
  boolean mayMakeUp(long count) {
    if (madeUp + count > FREELY_MADE_UP + 4 * captured) {
      return false;
    }
    madeUp += count;
    return true;
  }

  /** An end has sent so many, or has heard of so many; then it is less than 0. */
  void inFlight(long count) {
    inFlight += count;
  }

  /** Whether an end that has something on its way may send more. */
  boolean hasRoomFor(int count) {
    return inFlight + count <= MOST_IN_FLIGHT;
  }

  /** Given and not given back. */
  long bytes() {
    return bytes;
  }
}
