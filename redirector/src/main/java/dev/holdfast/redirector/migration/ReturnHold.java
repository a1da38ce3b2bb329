package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.migration.MigrationView.WayBackView;
import org.jspecify.annotations.Nullable;

/**
 * That a host holds for a guest on its way back, and for how long it may: like every hold it has a
 * limit ([hold] limit and no-release). There is no address to be asked back for then: packets go to
 * the endpoint again where a hold that nobody ends is to end by itself.
 *
 * <p>It is not journalled. While one of the two daemons lives, it tells the other again (when its
 * control channel is back), and what was held in the memory of one that has died is gone anyway.
 */
final class ReturnHold {
  private final Host host;
  private final LiveMigration migration;
  private final Runnable giveUp;
  private @Nullable Long sinceEpochNanos;

  /** One timer, however often it begins: a remote host may say so. */
  private boolean awaited;

  /**
   * @param giveUp lets the packets go to the endpoint again; called on a thread of its own
   */
  ReturnHold(Host host, LiveMigration migration, Runnable giveUp) {
    this.host = host;
    this.migration = migration;
    this.giveUp = giveUp;
  }

  /** Returns false where it stood already; the limit counts from the first time. */
  synchronized boolean begin() {
    if (sinceEpochNanos != null) {
      return false;
    }
    sinceEpochNanos = host.clock().epochNanos();
    if (!awaited) {
      await(host.config().hold().limit().toMillis());
    }
    return true;
  }

  private synchronized void await(long millis) {
    awaited = true;
    host.later(millis, "return-limit-" + migration.record.name(), this::look);
  }

  /** The limit counts from the last time it began. */
  private void look() {
    synchronized (this) {
      awaited = false;
      Long since = sinceEpochNanos;
      if (since == null || !isOn()) {
        return;
      }
      long left = since + host.config().hold().limit().toNanos() - host.clock().epochNanos();
      if (left > 0) {
        await(Math.max(1, left / 1_000_000));
        return;
      }
    }
    over();
  }

  /** Returns false where there was none. */
  synchronized boolean end() {
    boolean was = sinceEpochNanos != null;
    sinceEpochNanos = null;
    return was;
  }

  synchronized boolean isOn() {
    return sinceEpochNanos != null && !migration.state().isEnded();
  }

  /**
   * Null where nothing is held for the way back.
   *
   * @param returned packets that were in the tunnel, or at the endpoint, when the guest was paused
   */
  synchronized @Nullable WayBackView view(long returned) {
    Long since = sinceEpochNanos;
    return since == null || migration.state().isEnded()
        ? null
        : new WayBackView(
            since,
            since + host.config().hold().limit().toNanos(),
            gives() ? "release" : "keep",
            returned);
  }

  private boolean gives() {
    return host.config().hold().noRelease() == Config.NoRelease.ROLLBACK;
  }

  private void over() {
    migration.alert(
        "held for a guest on its way back for "
            + host.config().hold().limit().toSeconds()
            + " s; "
            + (gives()
                ? "packets go to the endpoint again, as hold.no-release says"
                : "still holding, as hold.no-release says: roll back if the guest runs at the old"
                    + " host, release if it runs at the new one"));
    if (gives()) {
      giveUp.run();
    }
  }
}
