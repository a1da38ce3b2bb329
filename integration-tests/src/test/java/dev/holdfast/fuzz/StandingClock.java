package dev.holdfast.fuzz;

import dev.holdfast.tunnel.time.Clock;

/** A clock that is moved by hand, so that an input does the same each time. */
public final class StandingClock implements Clock {
  private long nanos = 1_000_000_000L;

  public void advance(long by) {
    nanos += by;
  }

  @Override
  public long nanoTime() {
    return nanos;
  }

  @Override
  public long epochNanos() {
    return nanos;
  }
}
