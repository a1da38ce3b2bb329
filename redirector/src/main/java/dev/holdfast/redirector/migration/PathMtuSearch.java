package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
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
    // What IPv6 may always send is carried in fragments of the outer packet where less passes.
    return longest(Paths.smallestInnerMtu(host.config()), tooLong - 1);
  }

  /** The longest of these sizes that passes; 0 where not even {@code from} does. */
  int longest(int from, int to) throws InterruptedException {
    int coarse = longestAnswered(from, to, COARSE, COPIES);
    if (coarse == 0) {
      return 0;
    }
    int end = Math.min(coarse + COARSE - 1, to);
    return Math.max(coarse, longestAnswered(coarse + 1, end, 1, COPIES));
  }

  /** Whether one probe of that size is answered; 0 is the shortest that there is. */
  boolean passes(int size) throws InterruptedException {
    return !answered(size, size, 1, 1).isEmpty();
  }

  private int longestAnswered(int from, int to, int step, int copies) throws InterruptedException {
    return answered(from, to, step, copies).stream().mapToInt(size -> size).max().orElse(0);
  }

  private Set<Integer> answered(int from, int to, int step, int copies)
      throws InterruptedException {
    Set<Integer> answered = ConcurrentHashMap.newKeySet();
    if (from > to) {
      return answered;
    }
    Map<Long, Integer> sizes = new ConcurrentHashMap<>();
    CountDownLatch all = new CountDownLatch(((to - from) / step + 1) * copies);
    host.data()
        .run(() -> {
          path.listenToProbes(number -> {
            Integer size = sizes.remove(number);
            if (size != null) {
              answered.add(size);
              all.countDown();
            }
          });
          // The longest first: what a queue drops is the end of a burst.
          int longest = to - (to - from) % step;
          for (int copy = 0; copy < copies; copy++) {
            for (int size = longest; size >= from; size -= step) {
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
    return answered;
  }
}
