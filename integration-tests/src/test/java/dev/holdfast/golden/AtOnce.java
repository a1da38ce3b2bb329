package dev.holdfast.golden;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Several things that go on at the same time. */
final class AtOnce {
  /** One of them. */
  @FunctionalInterface
  interface Part {
    void run() throws Exception;
  }

  private static final long LIMIT_SECONDS = 60;

  private AtOnce() {}

  /** Returns when all have ended; where one fails or hangs, the others are interrupted. */
  static void run(Part... parts) throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> running = new ArrayList<>();
      for (Part part : parts) {
        running.add(
            threads.submit(() -> {
              part.run();
              return null;
            }));
      }
      try {
        for (Future<?> each : running) {
          each.get(LIMIT_SECONDS, TimeUnit.SECONDS);
        }
      } catch (Exception e) {
        threads.shutdownNow();
        throw e;
      }
    }
  }
}
