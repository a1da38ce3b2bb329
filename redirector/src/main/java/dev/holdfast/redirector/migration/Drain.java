package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.MigrationPath;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Watches a redirecting migration until nothing uses the old address any more.
 *
 * <p>Draining begins when no compliant cache can still say "old": at the last stale second of the
 * DNS change, or {@code drain.after} past release where there is no name. It ends when no
 * connection that counts is left; where no complete list of the guest's connections is known, one
 * may be asleep, and it lasts at least {@code drain.minimum}.
 */
final class Drain {
  /** An end is seen within that, and acted on; what the endpoint takes for its part is little. */
  static final long LOOK_MILLIS = 200;

  private static final long NEVER = Long.MAX_VALUE;

  private final Host host;
  private final RedirectorMigration migration;
  private final FlowKnowledge known;
  private final DrainRule rule;
  private volatile @Nullable ScheduledFuture<?> watch;
  private volatile long releasedNanos;
  private volatile boolean wasReleased;
  private volatile long staleUntilEpochNanos = NEVER;
  private volatile boolean busy;

  Drain(Host host, RedirectorMigration migration, FlowKnowledge known) {
    this.host = host;
    this.migration = migration;
    this.known = known;
    this.rule = new DrainRule(host.config().drain().minimum().toNanos());
  }

  void start() {
    watch =
        host.timer()
            .scheduleWithFixedDelay(this::look, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
  }

  void stop() {
    ScheduledFuture<?> running = watch;
    watch = null;
    if (running != null) {
      running.cancel(false);
    }
  }

  void released() {
    releasedNanos = host.clock().nanoTime();
    wasReleased = true;
    if (migration.names() == null) {
      staleUntilEpochNanos = host.clock().epochNanos() + host.config().drain().after().toNanos();
    }
  }

  /** DNS has moved, and from {@code lastStaleEpochNanos} on no compliant cache says "old". */
  void namesMoved(long lastStaleEpochNanos) {
    staleUntilEpochNanos = lastStaleEpochNanos;
  }

  /** Why it is not over though no connection is seen; null where it is. */
  @Nullable String notYet() {
    return rule.notYet(
        migration.state(),
        migration.names() != null,
        host.clock().nanoTime() - releasedNanos,
        known.isComplete());
  }

  private void look() {
    if (busy) {
      return;
    }
    MigrationState state = migration.state();
    MigrationPath path = migration.path;
    if (path == null || state.isEnded()) {
      return;
    }
    host.data().post(() -> tend(path));
    if (!wasReleased || migration.record.takingBack() != null || migration.returning().isOn()) {
      return; // not there yet, or perhaps on the way back
    }
    int remaining =
        state == MigrationState.DRAINING
            ? host.data().call(() -> path.flows().countRemaining(host.clock().nanoTime()))
            : 0;
    switch (rule.due(
        state,
        host.clock().epochNanos() - staleUntilEpochNanos,
        host.clock().nanoTime() - releasedNanos,
        known.isComplete(),
        remaining)) {
      case NOTHING -> {}
      case DRAINING ->
          apart(() ->
              migration.beginDraining(
                  migration.names() == null
                      ? "drain.after has passed (no name is moved)"
                      : "no cache that keeps to its TTL can say the old address any more"));
      case END ->
          apart(() -> {
            try {
              migration.finish(false);
            } catch (RequestRefused e) {
              migration.event("progress", "not done yet: " + e.getMessage());
            }
          });
    }
  }

  /** What the packet path wants done from time to time: ages, gaps. Data loop. */
  private void tend(MigrationPath path) {
    path.tend(host.clock().nanoTime());
  }

  /** Transitions wait for other hosts: not on the timer's thread. */
  private void apart(Runnable transition) {
    busy = true;
    Thread.ofVirtual()
        .name("drain-" + migration.record.name())
        .start(() -> {
          try {
            transition.run();
          } finally {
            busy = false;
          }
        });
  }
}
