package dev.holdfast.redirector.dns;

import java.time.Duration;

/** Waits; a test's double moves its virtual clock instead. */
@FunctionalInterface
public interface Pause {
  /** Really waits. */
  Pause REAL = Thread::sleep;

  void sleep(Duration time) throws InterruptedException;
}
