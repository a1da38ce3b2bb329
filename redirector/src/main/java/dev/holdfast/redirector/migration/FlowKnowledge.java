package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.FlowLearner;
import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.redirector.flow.FlowTable;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a redirector knows of the guest's connections, and how: it sees those that speak, from arm
 * on, and the guest's own list, where there is one, has the others.
 */
final class FlowKnowledge {
  private static final long LIST_MILLIS = 30_000;
  private static final long FIRST_CHECK_NANOS = 2_000_000_000L;
  private static final long LAST_CHECK_NANOS = 60_000_000_000L;

  private final Host host;
  private final LiveMigration migration;
  private volatile @Nullable FlowLearner learner;
  private volatile boolean complete;
  private volatile boolean told;
  private volatile boolean checking;
  private volatile long checkedNanos;
  private volatile long checkAfterNanos;

  FlowKnowledge(Host host, LiveMigration migration) {
    this.host = host;
    this.migration = migration;
  }

  /**
   * Begins to learn, and asks the guest.
   *
   * @throws RequestRefused when one of them cannot be done
   */
  void begin() throws RequestRefused {
    FlowLearner learning = Paths.learn(host, migration.record);
    learner = learning;
    if (migration.record.flowListCommand() == null) {
      migration.alert(
          "no complete list of the guest's connections (give --flow-list-command): draining lasts at least "
              + host.config().drain().minimum().toSeconds()
              + " s");
      return;
    }
    Paths.addListed(host, migration.record, learning::withTable);
    complete = true;
  }

  /**
   * Begins once more after a restart, with nothing known. The guest is asked in the background:
   * packets do not wait for it.
   *
   * @throws RequestRefused when nothing can be captured
   */
  void resume() throws RequestRefused {
    close();
    if (migration.state() == MigrationState.ARMED) {
      learner = Paths.learn(host, migration.record);
    }
    if (migration.record.flowListCommand() != null) {
      Thread.ofVirtual().name("flow-list-" + migration.record.name()).start(this::listAgain);
    }
  }

  private void listAgain() {
    try {
      int listed = Paths.addListed(host, migration.record, this::withTable);
      complete = true;
      migration.event("progress", "the guest lists " + listed + " connections");
    } catch (RequestRefused e) {
      if (!told) {
        told = true;
        migration.alert(
            e.getMessage()
                + "; it is tried again, and until then draining lasts at least "
                + host.config().drain().minimum().toSeconds()
                + " s");
      }
      // A paused guest does not answer.
      host.later(LIST_MILLIS, "flow-list-" + migration.record.name(), this::listUntilEnded);
    }
  }

  private void listUntilEnded() {
    if (!migration.state().isEnded()) {
      listAgain();
    }
  }

  /**
   * Asks the guest now and then while draining, ever more seldom: what it no longer lists has
   * ended. Of a connection whose packets do not all pass here this is the only way to know, as of
   * one between the guest and its new host itself. To be called often; returns at once.
   */
  void checkWhileDraining() {
    long now = host.clock().nanoTime();
    if (!complete || checking || (checkAfterNanos > 0 && now - checkedNanos < checkAfterNanos)) {
      return;
    }
    checking = true;
    checkedNanos = now;
    checkAfterNanos =
        checkAfterNanos == 0 ? FIRST_CHECK_NANOS : Math.min(2 * checkAfterNanos, LAST_CHECK_NANOS);
    Thread.ofVirtual().name("flow-check-" + migration.record.name()).start(this::check);
  }

  private void check() {
    String command = migration.record.flowListCommand();
    var path = migration.path;
    try {
      if (command == null || path == null) {
        return;
      }
      long taken = host.clock().nanoTime();
      List<FlowKey> listed = GuestFlowList.run(command, migration.record.olds());
      int ended =
          host.data().call(() -> path.flows().listComplete(listed, taken, host.clock().nanoTime()));
      if (ended > 0) {
        migration.event(
            "progress", ended + " connections have ended: the guest lists them no more");
      }
    } catch (IOException e) {
      migration.event("progress", "the guest's connections could not be listed: " + e.getMessage());
    } finally {
      checking = false;
    }
  }

  /** Shows the table that is being filled: the learner's, or from hold on the packet path's. */
  private void withTable(Consumer<FlowTable> use) {
    FlowLearner learning = learner;
    if (learning != null && migration.state() == MigrationState.ARMED) {
      learning.withTable(use);
      return;
    }
    var path = migration.path;
    if (path != null) {
      host.data().run(() -> use.accept(path.flows()));
    }
  }

  /** Whether no connection can be unknown, not even one that sleeps. */
  boolean isComplete() {
    return complete;
  }

  /** Null where nothing is being learnt. */
  @Nullable FlowLearner learner() {
    return learner;
  }

  /** From hold on the packet path knows. */
  void close() {
    FlowLearner learning = learner;
    learner = null;
    if (learning != null) {
      learning.close(); // a capture on a silent port takes its time to end
    }
  }
}
