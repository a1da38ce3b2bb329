package dev.holdfast.redirector.demo.load;

import dev.holdfast.tunnel.time.SystemClock;
import java.time.Duration;

/** A steady beat for one thread; beats that were missed are not made up for. */
final class Pace {
  private final long interval;
  private long next;

  /** Zero: no beat at all. */
  Pace(Duration interval) {
    this.interval = interval.toNanos();
    this.next = SystemClock.INSTANCE.nanoTime() + this.interval;
  }

  /** Waits for the next beat. */
  void await() throws InterruptedException {
    if (interval == 0) {
      return;
    }
    long now = SystemClock.INSTANCE.nanoTime();
    if (next - now > 0) {
      Thread.sleep(Duration.ofNanos(next - now));
      next += interval;
    } else {
      next = now + interval;
    }
  }
}
