package dev.holdfast.tunnel.time;

/** Where time comes from. Pure code gets its values as arguments; threads own a clock. */
public interface Clock {
  /** A monotonic time in nanoseconds, of arbitrary origin. */
  long nanoTime();

  /**
   * Wall time in nanoseconds since the Unix epoch, for people, logs and captures: never for
   * intervals.
   */
  long epochNanos();
}
