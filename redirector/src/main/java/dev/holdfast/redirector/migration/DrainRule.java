package dev.holdfast.redirector.migration;

import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * When a released migration drains, and when it is over. Time comes in as numbers.
 *
 * @param minimumNanos how long after release it lasts at least where a connection may be unknown
 */
record DrainRule(long minimumNanos) {

  /** What is due now. */
  enum Due {
    NOTHING,
    DRAINING,
    END
  }

  /**
   * @param state redirecting or draining; nothing is due in another
   * @param sinceStaleNanos since the last second in which a compliant cache could say the old
   *     address; negative before
   * @param sinceReleaseNanos since the guest runs at the new host
   * @param isComplete no connection can be unknown
   * @param remaining connections that count
   */
  Due due(
      MigrationState state,
      long sinceStaleNanos,
      long sinceReleaseNanos,
      boolean isComplete,
      int remaining) {
    return switch (state) {
      case REDIRECTING -> sinceStaleNanos >= 0 ? Due.DRAINING : Due.NOTHING;
      case DRAINING ->
          remaining == 0 && (isComplete || sinceReleaseNanos >= minimumNanos)
              ? Due.END
              : Due.NOTHING;
      case PLANNED, ARMED, HOLDING, DONE, ROLLED_BACK -> Due.NOTHING;
    };
  }

  /**
   * Why a migration of which no connection is seen any more is not over for all that: a sentence
   * for who wants to end it by hand; null where it is over.
   */
  @Nullable String notYet(
      MigrationState state, boolean hasName, long sinceReleaseNanos, boolean isComplete) {
    if (state == MigrationState.REDIRECTING) {
      return hasName
          ? "clients may still be told the old address, and begin connections to it: draining has not begun"
          : "clients may still begin connections to the old address: draining has not begun (drain.after)";
    }
    long left = TimeUnit.NANOSECONDS.toSeconds(minimumNanos - sinceReleaseNanos);
    return isComplete || left <= 0
        ? null
        : "no complete list of the guest's connections is known (--flow-list-command), so one may be"
            + " asleep: draining lasts "
            + left
            + " s more (drain.minimum)";
  }
}
