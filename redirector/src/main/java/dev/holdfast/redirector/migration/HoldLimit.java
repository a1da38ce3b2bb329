package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.migration.MigrationView.HoldLimitView;
import org.jspecify.annotations.Nullable;

/**
 * What happens when nobody releases: an alarm at the limit, and a rollback only for those who have
 * chosen it. They fence, so that the guest cannot run at both hosts; without that a silent new host
 * proves nothing.
 */
final class HoldLimit {
  private final Host host;
  private final RedirectorMigration migration;

  HoldLimit(Host host, RedirectorMigration migration) {
    this.host = host;
    this.migration = migration;
  }

  /** Begins to wait. The limit counts from when the hold began, whichever daemon that was. */
  void await() {
    HoldLimitView limit = view();
    if (limit != null) {
      long left = Math.max(0, limit.epochNanos() - host.clock().epochNanos()) / 1_000_000;
      host.later(left, "hold-limit", this::over);
    }
  }

  /** Null where it does not hold. */
  @Nullable HoldLimitView view() {
    MigrationRecord record = migration.record;
    if (record.state() != MigrationState.HOLDING || record.history().isEmpty()) {
      return null;
    }
    return new HoldLimitView(
        record.history().getLast().epochNanos() + host.config().hold().limit().toNanos(),
        rollsBack() ? "rollback" : "keep");
  }

  private boolean rollsBack() {
    return host.config().hold().noRelease() == Config.NoRelease.ROLLBACK;
  }

  /** Nobody has released in time, unless it was released or rolled back. */
  void over() {
    if (migration.state() != MigrationState.HOLDING) {
      return;
    }
    migration.alert(
        "held for "
            + host.config().hold().limit().toSeconds()
            + " s without a release; "
            + (rollsBack()
                ? "rolling back, as hold.no-release says"
                : "still holding, as hold.no-release says: release or roll back by hand"));
    if (rollsBack()) {
      try {
        migration.rollback(false);
      } catch (RequestRefused e) {
        migration.alert("rollback was not possible: " + e.getMessage());
      }
    }
  }
}
