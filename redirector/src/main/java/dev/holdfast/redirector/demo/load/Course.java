package dev.holdfast.redirector.demo.load;

import java.util.concurrent.CountDownLatch;

/** How far the demo is: what all connections look at. */
final class Course {
  private final CountDownLatch moved = new CountDownLatch(1);
  private final CountDownLatch closing = new CountDownLatch(1);
  private volatile Phase phase = Phase.BEFORE;

  Phase phase() {
    return phase;
  }

  void enter(Phase next) {
    phase = next;
    if (next == Phase.AFTER) {
      moved.countDown();
    }
  }

  /** From now on every connection comes to its end. */
  void close() {
    closing.countDown();
  }

  boolean isClosing() {
    return closing.getCount() == 0;
  }

  void awaitMoved() throws InterruptedException {
    moved.await();
  }

  void awaitClosing() throws InterruptedException {
    closing.await();
  }
}
