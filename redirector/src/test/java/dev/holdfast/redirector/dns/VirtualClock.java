package dev.holdfast.redirector.dns;

import dev.holdfast.tunnel.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/** Stands still but for the pauses that are asked of it; things can be set to happen at a time. */
final class VirtualClock implements Clock, Pause {
  /** 2030-01-01T00:00:00Z. */
  static final long START = 1_893_456_000_000_000_000L;

  private final AtomicLong passed = new AtomicLong();
  private final List<Due> due = new ArrayList<>();

  private record Due(long at, Runnable action) {}

  /** Runs {@code action} in the pause that reaches {@code after} from the clock's start. */
  void at(Duration after, Runnable action) {
    due.add(new Due(after.toNanos(), action));
  }

  /** Since the clock's start. */
  Duration passed() {
    return Duration.ofNanos(passed.get());
  }

  void pass(Duration time) {
    long now = passed.addAndGet(time.toNanos());
    List<Due> ripe = due.stream().filter(each -> each.at() <= now).toList();
    due.removeAll(ripe);
    ripe.forEach(each -> each.action().run());
  }

  @Override
  public void sleep(Duration time) throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    pass(time);
  }

  @Override
  public long nanoTime() {
    return passed.get();
  }

  @Override
  public long epochNanos() {
    return START + passed.get();
  }
}
