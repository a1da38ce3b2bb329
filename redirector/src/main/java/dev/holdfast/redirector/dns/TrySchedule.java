package dev.holdfast.redirector.dns;

import java.time.Duration;
import java.util.List;

/**
 * How often and how patiently one request is put to one server.
 *
 * @param timeouts how long each try waits for its answer; as many tries as there are timeouts
 * @param pauses between the tries, growing: one fewer than the tries
 */
public record TrySchedule(List<Duration> timeouts, List<Duration> pauses) {

  /**
   * Four tries in 8.7 s: a lost packet costs a second, and a server that restarts is waited for.
   */
  public static final TrySchedule STANDARD =
      new TrySchedule(
          List.of(
              Duration.ofSeconds(1),
              Duration.ofSeconds(1),
              Duration.ofSeconds(2),
              Duration.ofSeconds(3)),
          List.of(Duration.ofMillis(200), Duration.ofMillis(500), Duration.ofSeconds(1)));

  /** One try: for polling, where the next round comes anyway. */
  public static final TrySchedule ONCE = once(Duration.ofSeconds(1));

  public TrySchedule {
    timeouts = List.copyOf(timeouts);
    pauses = List.copyOf(pauses);
    if (timeouts.isEmpty() || pauses.size() != timeouts.size() - 1) {
      throw new IllegalArgumentException(
          timeouts.size() + " tries have " + pauses.size() + " pauses between them");
    }
  }

  /** One try only. */
  public static TrySchedule once(Duration timeout) {
    return new TrySchedule(List.of(timeout), List.of());
  }

  /** The longest that a request can take with all its tries. */
  public Duration total() {
    Duration sum = Duration.ZERO;
    for (Duration each : timeouts) {
      sum = sum.plus(each);
    }
    for (Duration each : pauses) {
      sum = sum.plus(each);
    }
    return sum;
  }
}
