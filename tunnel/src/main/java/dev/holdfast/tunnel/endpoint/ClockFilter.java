package dev.holdfast.tunnel.endpoint;

/**
 * Round-trip time and clock offset from keepalives.
 *
 * <p>Of the last eight samples the one with the shortest round trip is believed: what a queue added
 * to one direction falsifies the offset by half of it (RFC 5905 section 10).
 */
final class ClockFilter {
  private static final int SAMPLES = 8;

  private final long[] rttNanos = new long[SAMPLES];
  private final long[] offsetNanos = new long[SAMPLES];
  private int count;

  /**
   * @param sentEpochNanos this host's wall clock when the ping was sent
   * @param rttNanos by a monotonic clock
   * @param remoteEpochNanos the other host's wall clock in its answer
   */
  void add(long sentEpochNanos, long rttNanos, long remoteEpochNanos) {
    int slot = count++ % SAMPLES;
    this.rttNanos[slot] = rttNanos;
    this.offsetNanos[slot] = remoteEpochNanos - (sentEpochNanos + rttNanos / 2);
  }

  private int best() {
    int best = 0;
    for (int i = 1; i < Math.min(count, SAMPLES); i++) {
      if (rttNanos[i] < rttNanos[best]) {
        best = i;
      }
    }
    return best;
  }

  /** NaN before the first sample. */
  double rttMillis() {
    return count == 0 ? Double.NaN : rttNanos[best()] / 1e6;
  }

  /** The other host's wall clock minus this one's; 0 before the first sample. */
  long offsetNanos() {
    return count == 0 ? 0 : offsetNanos[best()];
  }
}
