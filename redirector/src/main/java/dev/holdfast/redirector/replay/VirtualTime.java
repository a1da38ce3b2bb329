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

  private long[] times = new long[1 << 10];
  private long[] orders = new long[1 << 10];
  private Runnable[] events = new Runnable[1 << 10];
  private int size;
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

  /** Lets everything happen up to a moment, and stays there. */
  void runUntil(long nanos) {
    while (size > 0 && times[0] <= nanos) {
      happen();
    }
    now = Math.max(now, nanos);
  }

  /** When the next event happens; the highest number where none is planned. */
  long next() {
    return size == 0 ? Long.MAX_VALUE : times[0];
  }

  /**
   * Lets the next event happen.
   *
   * @return false where there is none up to {@code limit}
   */
  boolean runNext(long limit) {
    if (size == 0 || times[0] > limit) {
      return false;
    }
    happen();
    return true;
  }

  private void happen() {
    now = times[0];
    Runnable event = events[0];
    size--;
    if (size > 0) {
      sink(times[size], orders[size], events[size]);
    }
    events[size] = Runtime::getRuntime;
    event.run();
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
