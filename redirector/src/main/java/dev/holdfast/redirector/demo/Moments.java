package dev.holdfast.redirector.demo;

/**
 * When the steps of the move happened: wall clock, nanoseconds since the epoch, as the captures
 * have it.
 *
 * @param hold hold was asked for (without Holdfast: the cable was pulled)
 * @param resumed the guest was plugged in, with its address
 * @param released release was accepted (without Holdfast: as {@code resumed})
 * @param ending the connections were told to end
 */
record Moments(long hold, long resumed, long released, long ending) {
  Moments endingAt(long epochNanos) {
    return new Moments(hold, resumed, released, epochNanos);
  }
}
