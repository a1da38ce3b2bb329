package dev.holdfast.redirector.migration;

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
}
