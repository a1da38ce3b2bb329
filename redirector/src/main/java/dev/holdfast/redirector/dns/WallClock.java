package dev.holdfast.redirector.dns;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;

/** Our clock in the form that dnsjava takes. */
final class WallClock extends Clock {
  private final dev.holdfast.tunnel.time.Clock clock;

  WallClock(dev.holdfast.tunnel.time.Clock clock) {
    this.clock = clock;
  }

  @Override
  public Instant instant() {
    return Instant.ofEpochSecond(0, clock.epochNanos());
  }

  @Override
  public ZoneId getZone() {
    return ZoneOffset.UTC;
  }

  @Override
  public Clock withZone(ZoneId zone) {
    return this;
  }
}
