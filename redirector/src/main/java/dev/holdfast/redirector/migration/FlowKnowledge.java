package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.EarlyNotice;
import dev.holdfast.redirector.capture.FlowLearner;
import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.redirector.path.MigrationPath;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a redirector knows of the guest's connections, and how.
 *
 * <p>It sees those that speak, from arm on. Those that were silent since before are named by this
 * host's connection tracking, where it has them ({@link ConntrackFlows}), and by the guest's own
 * list ({@link GuestFlowList}). What is known counts as complete while the newest list of the guest
 * was got without an error and has not been contradicted: it lacks no older connection on which the
 * guest has spoken since. Connection tracking never makes it complete.
 *
 * <p>The guest is asked at arm, after a restart, and while draining again and again: what its list
 * no longer has has ended.
 */
final class FlowKnowledge {
  private static final long LIST_MILLIS = 30_000;
  private static final long DRAIN_LIST_MILLIS = 10_000;

  private final Host host;
  private final LiveMigration migration;
  private final AtomicBoolean listing = new AtomicBoolean();
  private volatile @Nullable FlowLearner learner;
  private volatile boolean complete;
  private volatile boolean told;

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
    startLearning();
    String command = migration.record.flowListCommand();
    if (command == null) {
      migration.alert(
          "no complete list of the guest's connections (give --flow-list-command): draining lasts at least "
              + minimum());
      return;
    }
    try {
      int unused = list(command);
    } catch (IOException e) {
      throw new RequestRefused(
          RequestRefused.Kind.FAILED,
          "the guest's connections could not be listed: " + e.getMessage(),
          e);
    }
  }

  private void startLearning() throws RequestRefused {
    learnFrom(Paths.flowTable(host));
    List<FlowKey> tracked = ConntrackFlows.read(migration.record.olds());
    if (!tracked.isEmpty()) {
      long now = host.clock().nanoTime();
      withTable(table -> tracked.forEach(key -> table.list(key, now, Origin.CONNTRACK)));
      migration.event(
          "progress", "connection tracking has " + tracked.size() + " of the guest's connections");
    }
  }

  /** Learns, and rehearses the smaller path MTU, from what {@code known} has already. */
  private void learnFrom(FlowTable known) throws RequestRefused {
    MigrationRecord record = migration.record;
    FlowLearner learning = Paths.learn(host, record, known);
    learner = learning;
    MigrationPath path = migration.raised();
    // By pcap this host would ask the LAN for its neighbours' MACs in the name of an address that
    // the guest still has, and be taken for it.
    if (record.isIpInIp() && !record.byPcap()) {
      learning.notice(
          new EarlyNotice(path::tunnelMtu, error -> host.objects().write(record, error)));
    }
  }

  /**
   * A hold has failed, and the guest's packets pass this host by as before: what the path was given
   * is learnt on from. Where that cannot be, the path keeps it, and an alert says so.
   */
  void learnAgain(MigrationPath path) {
    close(); // it has ended with the hold
    FlowTable none = Paths.flowTable(host);
    FlowTable known =
        host.data()
            .call(() -> {
              FlowTable learnt = path.flows();
              path.learn(none);
              return learnt;
            });
    try {
      learnFrom(known);
      complete = false; // a list that came in between went nowhere
      listInBackground();
    } catch (RequestRefused e) {
      host.data().run(() -> path.learn(known));
      migration.alert(
          "connections that begin from now on are not known before the next hold: "
              + e.getMessage());
    }
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
      startLearning();
    }
    listInBackground();
  }

  /** The migration drains: from now on the guest is asked again and again. */
  void drain() {
    listInBackground();
  }

  /** Goes on until there is a list; while draining until the end. Only one does so at a time. */
  private void listInBackground() {
    if (migration.record.flowListCommand() != null && listing.compareAndSet(false, true)) {
      Thread.ofVirtual().name("flow-list-" + migration.record.name()).start(this::listAgain);
    }
  }

  private void listAgain() {
    String command = migration.record.flowListCommand();
    if (migration.state().isEnded() || command == null) {
      listing.set(false);
      return;
    }
    try {
      int listed = list(command);
      if (complete) {
        told = false;
        if (migration.state() != MigrationState.DRAINING) {
          migration.event("progress", "the guest lists " + listed + " connections");
          listing.set(false);
          return;
        }
      }
    } catch (IOException e) {
      if (!told) {
        told = true;
        migration.alert(
            "the guest's connections could not be listed: "
                + e.getMessage()
                + "; it is tried again"
                + (complete ? "" : ", and until then draining lasts at least " + minimum()));
      }
      // A paused guest does not answer.
    }
    host.later(
        migration.state() == MigrationState.DRAINING ? DRAIN_LIST_MILLIS : LIST_MILLIS,
        "flow-list-" + migration.record.name(),
        this::listAgain);
  }

  /** Returns how many connections the guest has. */
  private int list(String command) throws IOException {
    long taken = host.clock().nanoTime();
    List<FlowKey> listed = GuestFlowList.run(command, migration.record.olds());
    withTable(table -> {
      boolean sound = table.listComplete(listed, taken, host.clock().nanoTime());
      if (!sound && complete) {
        migration.alert(
            "the flow list command leaves out connections that the guest uses: its list is not taken as complete");
      }
      complete = sound;
    });
    return listed.size();
  }

  private String minimum() {
    return host.config().drain().minimum().toSeconds() + " s";
  }

  /**
   * Shows the table that is being filled: the learner's, or from hold on the packet path's. It
   * changes hands within one task of the data loop, so that what comes next there finds it.
   */
  private void withTable(Consumer<FlowTable> use) {
    FlowLearner learning = learner;
    if (learning != null && learning.withTable(use)) {
      return;
    }
    host.data()
        .run(() -> {
          var path = migration.path;
          if (path != null) {
            use.accept(path.flows());
          }
        });
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
