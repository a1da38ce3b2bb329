package dev.holdfast.tunnel.identity;

import dev.holdfast.tunnel.time.Clock;
import java.time.Duration;
import java.time.Instant;

/** A clock that stands until it is moved. */
public final class TestClock implements Clock {
  public static final Instant START = Instant.parse("2026-03-01T12:00:00Z");

  private volatile long nanos;

  public void advance(Duration by) {
    nanos += by.toNanos();
  }

  @Override
  public long nanoTime() {
    return nanos;
  }

  @Override
  public long epochNanos() {
    return START.getEpochSecond() * 1_000_000_000L + nanos;
  }
}
