package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.steer.GuestWatch;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The port that the guest has left, from release to the end: if the guest speaks there too, both
 * hosts have it, and somebody must be told.
 */
final class LeftPort {
  private static final long AGAIN_MILLIS = 5_000;

  private final Host host;
  private final LiveMigration migration;
  private @Nullable GuestWatch watch;
  private boolean wanted;

  LeftPort(Host host, LiveMigration migration) {
    this.host = host;
    this.migration = migration;
  }

  /** Begins to listen, again and again: a machine that is started once more makes its port anew. */
  synchronized void watch() {
    wanted = true;
    listen();
  }

  private synchronized void listen() {
    String port = migration.record.guestPort();
    MacAddress guest = migration.record.mac();
    if (!wanted || watch != null || port == null || guest == null) {
      return;
    }
    try {
      watch = GuestWatch.start(host.data().loop(), port, guest, heard -> over(heard, port));
    } catch (IOException absent) {
      again();
    }
  }

  private void again() {
    host.later(AGAIN_MILLIS, "left-port-" + migration.record.name(), this::listen);
  }

  /** On the data loop, which must not wait for the monitor. */
  private void over(boolean heard, String port) {
    Thread.ofVirtual().name("left-port-" + migration.record.name()).start(() -> ended(heard, port));
  }

  private synchronized void ended(boolean heard, String port) {
    watch = null;
    if (!wanted) {
      return;
    }
    if (!heard || migration.wayBack() != null) { // expected here
      again();
      return;
    }
    wanted = false;
    migration.alert(
        "both hosts have the guest: "
            + migration.record.mac()
            + " speaks on "
            + port
            + " here, while its packets go to "
            + migration.record.remote()
            + "; what it sends here is dropped. Stop it on one of them");
  }

  synchronized void close() {
    wanted = false;
    GuestWatch listening = watch;
    watch = null;
    if (listening != null) {
      listening.close();
    }
  }
}
