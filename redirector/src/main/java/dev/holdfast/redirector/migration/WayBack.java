package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.endpoint.ControlMessage.HeldToReturn;
import org.jspecify.annotations.Nullable;

/**
 * At the redirector: the guest that lives at the endpoint is paused there, and may be on its way
 * back. Nothing more is sent to it, and the endpoint returns what has come there meanwhile, until
 * either
 *
 * <pre>
 * the guest runs here          rollback: it gets all of that ({@link Rollback})
 * the guest goes on there      release: all of it goes there
 * </pre>
 *
 * <p>It changes with the migration's lock held.
 */
final class WayBack {
  private final Host host;
  private final RedirectorMigration migration;
  private final ReturnHold hold;
  private boolean told;

  WayBack(Host host, RedirectorMigration migration) {
    this.host = host;
    this.migration = migration;
    this.hold = new ReturnHold(host, migration, this::giveUp);
  }

  /**
   * Asking again changes nothing. Called with the lock held.
   *
   * @throws RequestRefused where the guest does not live at the endpoint
   */
  private void hold() throws RequestRefused {
    if (!isReleased()) {
      throw migration.illegal("hold to return");
    }
    MigrationPath there = migration.raised();
    if (!hold.begin()) {
      return;
    }
    host.data().run(() -> there.wayBack().queue(true));
    migration.event(
        "progress",
        "holding packets for "
            + migration.record.oldAddresses()
            + ": the guest may be on its way back");
    tell();
  }

  /** A request here. */
  void request() throws RequestRefused {
    migration.lock.lock();
    try {
      hold();
    } finally {
      migration.lock.unlock();
    }
  }

  /**
   * That it may come to its end.
   *
   * @throws RequestRefused {@code CONFLICT} where the guest may be on its way back, or here
   */
  void requireNone() throws RequestRefused {
    if (migration.record.takingBack() != null) {
      throw new RequestRefused(
          RequestRefused.Kind.CONFLICT,
          migration.record.remote()
              + " was asked for the address back and may have agreed, so the guest may run here again: it is asked"
              + " until it answers; if it is gone for good, rollback --force ends it");
    }
    if (isOn()) {
      throw new RequestRefused(
          RequestRefused.Kind.CONFLICT,
          "packets are held for a guest on its way back: roll back if it runs here, release if it"
              + " goes on at "
              + migration.record.remote());
    }
  }

  /** The guest stays at the endpoint; where nothing was held, nothing changes. */
  private void release() {
    if (!hold.end() || !isReleased()) {
      return;
    }
    MigrationPath there = migration.path;
    if (there != null && migration.record.takingBack() == null) {
      host.data().run(() -> there.wayBack().queue(false));
    }
    migration.event(
        "progress", "holding no more: the guest goes on at " + migration.record.remote());
    tell();
  }

  private boolean isReleased() {
    MigrationState now = migration.state();
    return now == MigrationState.REDIRECTING || now == MigrationState.DRAINING;
  }

  private void giveUp() {
    migration.lock.lock();
    try {
      release();
    } finally {
      migration.lock.unlock();
    }
  }

  /** The endpoint asks, as it sees its guest pause or go on. */
  HeldToReturn asked(boolean on) {
    migration.lock.lock();
    try {
      if (on) {
        hold();
      } else {
        release();
      }
      return state("");
    } catch (RequestRefused e) {
      return state(String.valueOf(e.getMessage()));
    } finally {
      migration.lock.unlock();
    }
  }

  private HeldToReturn state(String refusal) {
    return new HeldToReturn(
        migration.record.uuid(), migration.record.epoch(), hold.isOn(), refusal);
  }

  /** The endpoint goes by what was said last; it may have missed it. */
  void controlUp() {
    if (told && isReleased()) {
      tell();
    }
  }

  private void tell() {
    told = true;
    HeldToReturn now = state("");
    host.endpoint()
        .control(migration.record.remote())
        .thenAccept(channel -> {
          if (channel.remoteCapabilities().contains(ControlMessage.HOLD_TO_RETURN)) {
            channel.send(now);
          }
        })
        .exceptionally(failure -> null); // said again when the channel is back
  }

  boolean isOn() {
    return hold.isOn();
  }

  MigrationView.@Nullable WayBackView view() {
    MigrationPath there = migration.path;
    return hold.view(there == null ? 0 : there.wayBack().total());
  }
}
