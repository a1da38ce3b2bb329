package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.time.Clock;
import java.util.Arrays;

/**
 * Time that passes only from event to event. Events of one moment happen in the order in which they
 * were planned, so the same plan is the same run.
 */
final class VirtualTime implements Clock {
  /** Of the first packet; the paths take 0 for "never". */
  static final long BEGIN = 1_000_000_000L;

  private static final Runnable DONE = () -> {};

  private long[] times = new long[1 << 10];
  private long[] orders = new long[1 << 10];
  private Runnable[] events = new Runnable[1 << 10];
  private int size;
  private Line[] lines = {};
  private long planned;
  private long now = BEGIN;
  private final long epochNanos;

  /**
   * @param epochNanos the wall's time at the first packet
   */
  VirtualTime(long epochNanos) {
    this.epochNanos = epochNanos;
  }

  @Override
  public long nanoTime() {
    return now;
  }

  @Override
  public long epochNanos() {
    return epochNanos + (now - BEGIN);
  }

  /** Plans an event; one for the past happens next. */
  void at(long nanos, Runnable event) {
    if (size == times.length) {
      times = Arrays.copyOf(times, 2 * size);
      orders = Arrays.copyOf(orders, 2 * size);
      events = Arrays.copyOf(events, 2 * size);
    }
    put(size++, Math.max(nanos, now), planned++, event);
  }

  void after(long nanos, Runnable event) {
    at(now + nanos, event);
  }

  /** For events that always happen after the same time: they need no sorting. */
  Line line(long delayNanos) {
    for (Line line : lines) {
      if (line.delay == delayNanos) {
        return line;
      }
    }
    Line made = new Line(delayNanos);
    lines = Arrays.copyOf(lines, lines.length + 1);
    lines[lines.length - 1] = made;
    return made;
  }

  /** Events in the order in which they were planned, each so long after that. */
  final class Line {
    private final long delay;
    private long[] due = new long[1 << 6];
    private long[] order = new long[1 << 6];
    private Runnable[] what = new Runnable[1 << 6];
    private int head;
    private int count;

    private Line(long delay) {
      this.delay = delay;
    }

    void add(Runnable event) {
      if (count == due.length) {
        grow();
      }
      int at = head + count++ & due.length - 1;
      due[at] = now + delay;
      order[at] = planned++;
      what[at] = event;
    }

    private void grow() {
      int size = due.length;
      long[] longerDue = new long[2 * size];
      long[] longerOrder = new long[2 * size];
      Runnable[] longerWhat = new Runnable[2 * size];
      for (int i = 0; i < size; i++) {
        int at = head + i & size - 1;
        longerDue[i] = due[at];
        longerOrder[i] = order[at];
        longerWhat[i] = what[at];
      }
      due = longerDue;
      order = longerOrder;
      what = longerWhat;
      head = 0;
    }

    private Runnable remove() {
      Runnable event = what[head];
      what[head] = DONE;
      head = head + 1 & due.length - 1;
      count--;
      return event;
    }
  }

  /** Lets everything happen up to a moment, and stays there. */
  void runUntil(long nanos) {
    while (next(nanos)) {
      // one after the other
    }
    now = Math.max(now, nanos);
  }

  /** When the next event happens; the highest number where none is planned. */
  long next() {
    long next = size > 0 ? times[0] : Long.MAX_VALUE;
    for (Line line : lines) {
      if (line.count > 0) {
        next = Math.min(next, line.due[line.head]);
      }
    }
    return next;
  }

  private boolean next(long limit) {
    long time = size > 0 ? times[0] : Long.MAX_VALUE;
    long order = size > 0 ? orders[0] : Long.MAX_VALUE;
    Line first = null;
    for (Line line : lines) {
      if (line.count > 0 && isBefore(line.due[line.head], line.order[line.head], time, order)) {
        first = line;
        time = line.due[line.head];
        order = line.order[line.head];
      }
    }
    if (time > limit || (first == null && size == 0)) {
      return false;
    }
    now = time;
    Runnable event = first == null ? pop() : first.remove();
    event.run();
    return true;
  }

  private Runnable pop() {
    Runnable event = events[0];
    size--;
    if (size > 0) {
      sink(times[size], orders[size], events[size]);
    }
    events[size] = DONE;
    return event;
  }

  /** A binary heap by time, then by order. */
  private void put(int from, long time, long order, Runnable event) {
    int at = from;
    while (at > 0) {
      int above = at - 1 >> 1;
      if (isBefore(times[above], orders[above], time, order)) {
        break;
      }
      move(above, at);
      at = above;
    }
    set(at, time, order, event);
  }

  private void sink(long time, long order, Runnable event) {
    int at = 0;
    while (true) {
      int below = 2 * at + 1;
      if (below >= size) {
        break;
      }
      int other = below + 1;
      if (other < size && isBefore(times[other], orders[other], times[below], orders[below])) {
        below = other;
      }
      if (isBefore(time, order, times[below], orders[below])) {
        break;
      }
      move(below, at);
      at = below;
    }
    set(at, time, order, event);
  }

  private static boolean isBefore(long time, long order, long otherTime, long otherOrder) {
    return time < otherTime || (time == otherTime && order < otherOrder);
  }

  private void move(int from, int to) {
    set(to, times[from], orders[from], events[from]);
  }

  private void set(int at, long time, long order, Runnable event) {
    times[at] = time;
    orders[at] = order;
    events[at] = event;
  }
}
