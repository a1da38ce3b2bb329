package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Measures what IP-in-IP carries whole between two hosts where less passes than is usual: by probes
 * of many sizes at a time, since the routers in between may say nothing of what they drop (RFC 4821
 * section 7.3 searches alike).
 */
final class PathMtuSearch {
  private static final int COARSE = 32;

  /** Of each size, so that a lost probe is not taken for one that is too long. */
  private static final int COPIES = 3;

  private static final long ANSWER_MILLIS = 1_000;

  private final Host host;
  private final MigrationPath path;
  private final IpAddress old;
  private final AtomicLong numbers;

  /**
   * @param old whose family the probes have; IPv4 where there is a choice: they may not be
   *     fragmented at any size
   * @param numbers gives probes numbers of their own
   */
  PathMtuSearch(Host host, MigrationPath path, IpAddress old, AtomicLong numbers) {
    this.host = host;
    this.path = path;
    this.old = old;
    this.numbers = numbers;
  }

  /**
   * @param tooLong bytes of inner packet that do not pass
   * @return the longest that does; 0 where not even the shortest packet passes that every sender
   *     may send
   */
  int measure(int tooLong) throws InterruptedException {
    int floor = old.isV4() ? Fit.SMALLEST_V4 : Fit.SMALLEST_V6;
    int shortest = Math.max(floor, Paths.smallestInnerMtu(host.config()));
    int coarse = longestAnswered(shortest, tooLong - 1, COARSE);
    return coarse == 0
        ? 0
        : Math.max(coarse, longestAnswered(coarse + 1, Math.min(coarse + COARSE, tooLong) - 1, 1));
  }

  private int longestAnswered(int from, int to, int step) throws InterruptedException {
    if (from > to) {
      return 0;
    }
    Map<Long, Integer> sizes = new ConcurrentHashMap<>();
    AtomicInteger longest = new AtomicInteger();
    CountDownLatch all = new CountDownLatch(((to - from) / step + 1) * COPIES);
    host.data()
        .run(() -> {
          path.listenToProbes(number -> {
            Integer size = sizes.remove(number);
            if (size != null) {
              longest.accumulateAndGet(size, Math::max);
              all.countDown();
            }
          });
          for (int copy = 0; copy < COPIES; copy++) {
            for (int size = from; size <= to; size += step) {
              long number = numbers.incrementAndGet();
              sizes.put(number, size);
              boolean unused = path.probe(old, number, size);
            }
          }
        });
    try {
      boolean unused = all.await(ANSWER_MILLIS, TimeUnit.MILLISECONDS);
    } finally {
      host.data().run(() -> path.listenToProbes(null));
    }
    return longest.get();
  }
}
