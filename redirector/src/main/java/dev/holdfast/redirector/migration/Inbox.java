package dev.holdfast.redirector.migration;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What one remote host has said, on whichever of its channels, and this host has still to act upon.
 * What is about the same thing is done in order, by one thread; what is about several, side by
 * side. There is room for more of it than an honest host ever has waiting, and no more than that:
 * otherwise it would be the remote host that decides how much memory is used here.
 */
final class Inbox {
  /** A thousand holds at once, with what is said of each. */
  static final int ROOM = 4096;

  private static final Logger log = LoggerFactory.getLogger(Inbox.class);

  /** Held by whoever arms: it looks at the host with many processes, and once at a time will do. */
  final ReentrantLock arming = new ReentrantLock(true);

  final LogBudget lines = new LogBudget();

  private final Map<About, Deque<Task>> waiting = new HashMap<>();
  private int taken;

  /** What is done in order: one migration, or a part of it that must not wait for the rest. */
  record About(String id, String part) {}

  private record Task(int weight, Runnable work) {}

  /**
   * Does {@code work} soon, after whatever is about the same.
   *
   * @param weight how much of the room it takes until it is done
   * @return false where there is no room; it is not done then
   */
  synchronized boolean offer(About about, int weight, Runnable work) {
    if (taken + weight > ROOM) {
      return false;
    }
    taken += weight;
    Deque<Task> before = waiting.get(about);
    if (before != null) {
      before.add(new Task(weight, work));
      return true;
    }
    Deque<Task> fresh = new ArrayDeque<>();
    fresh.add(new Task(weight, work));
    waiting.put(about, fresh);
    Thread.ofVirtual().name("inbox-" + about.part()).start(() -> workOff(about, fresh));
    return true;
  }

  private void workOff(About about, Deque<Task> tasks) {
    for (Task task = first(tasks); task != null; task = next(about, tasks, task)) {
      try {
        task.work().run();
      } catch (RuntimeException e) {
        log.error("what a remote host said of {} could not be done", about, e);
      }
    }
  }

  private synchronized Task first(Deque<Task> tasks) {
    return tasks.getFirst();
  }

  private synchronized @Nullable Task next(About about, Deque<Task> tasks, Task done) {
    taken -= done.weight();
    tasks.removeFirst();
    if (tasks.isEmpty()) {
      waiting.remove(about);
    }
    return tasks.peekFirst();
  }
}
