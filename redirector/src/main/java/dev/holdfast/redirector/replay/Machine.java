package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest that moves. While it is paused it neither sends nor hears, and its timers stand still.
 */
final class Machine {
  /** Where it runs. */
  enum Place {
    OLD_HOST,
    PAUSED,
    NEW_HOST
  }

  static final long NOT_YET = Long.MAX_VALUE;

  final int number;
  final GuestPlan plan;
  private Place place = Place.OLD_HOST;
  private long pausedAt = NOT_YET;
  private long resumedAt = NOT_YET;
  private final List<Runnable> waiting = new ArrayList<>();

  Machine(int number, GuestPlan plan) {
    this.number = number;
    this.plan = plan;
  }

  List<IpAddress> olds() {
    return plan.olds();
  }

  Place place() {
    return place;
  }

  boolean isRunning() {
    return place != Place.PAUSED;
  }

  /** Has {@code task} done at once, or as soon as it runs again. */
  void whenRunning(Runnable task) {
    if (isRunning()) {
      task.run();
    } else {
      waiting.add(task);
    }
  }

  void pause(long now) {
    place = Place.PAUSED;
    pausedAt = now;
  }

  void resume(long now) {
    place = Place.NEW_HOST;
    resumedAt = now;
    List<Runnable> due = List.copyOf(waiting);
    waiting.clear();
    due.forEach(Runnable::run);
  }

  /** {@link #NOT_YET} before. */
  long pausedAt() {
    return pausedAt;
  }

  /** {@link #NOT_YET} before. */
  long resumedAt() {
    return resumedAt;
  }

  /** What a guest did in its pause and since, it does later by the pause. */
  long afterPause(long captured) {
    return captured >= pausedAt ? captured + plan.pauseNanos() : captured;
  }

  /** How much of the time between two moments it was paused, nanoseconds. */
  long pausedWithin(long from, long to) {
    return Math.max(0, Math.min(to, resumedAt) - Math.max(from, pausedAt));
  }

  boolean isTo(PacketView view) {
    for (int i = 0; i < plan.olds().size(); i++) {
      if (view.isTo(plan.olds().get(i))) {
        return true;
      }
    }
    return false;
  }

  boolean isFrom(PacketView view) {
    for (int i = 0; i < plan.olds().size(); i++) {
      if (view.isFrom(plan.olds().get(i))) {
        return true;
      }
    }
    return false;
  }
}
