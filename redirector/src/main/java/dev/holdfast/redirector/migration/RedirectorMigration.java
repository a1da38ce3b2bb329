package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.FlowLearner;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.endpoint.ControlMessage.HeldToReturn;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A migration on the host that the guest leaves: captures, holds, tunnels, and takes everything
 * down at the end.
 *
 * <p>Each method is one transition of the state table; the order of the steps in it is the
 * contract.
 */
final class RedirectorMigration extends LiveMigration {
  private static final long ANSWER_MILLIS = 15_000;
  private static final long RELEASE_MILLIS = 5_000;

  private final RedirectorSteps steps;
  private final DataConnections connections;
  private final Drain drain;
  private final @Nullable NameMoves names;
  private final FlowKnowledge known;
  private final Rollback rollback;
  private final WayBack wayBack;
  private final LeftPort leftPort;
  private final HoldLimit limit;
  private volatile boolean takenOver; // what an earlier daemon told neighbours is not known

  RedirectorMigration(Host host, MigrationRecord record) {
    super(host, record);
    this.steps = new RedirectorSteps(host, () -> this.record, this::alert);
    this.connections = new DataConnections(host, this);
    this.names = record.dnsNames().isEmpty() ? null : new NameMoves(host, this);
    this.known = new FlowKnowledge(host, this);
    this.leftPort = new LeftPort(host, this);
    this.limit = new HoldLimit(host, this);
    this.drain = new Drain(host, this, known);
    this.wayBack = new WayBack(host, this);
    this.rollback = new Rollback(host, this, steps, wayBack);
  }

  /**
   * planned -> armed: everything exists, switched off. What was made is undone when a step fails.
   */
  void arm() throws RequestRefused {
    lock.lock();
    boolean asked = false;
    try {
      host.journal().record(record);
      ControlChannel channel = host.control(record.remote());
      asked = true;
      new TunnelProof(host, this, connections).establish(channel);
      new ReturnPathProof(host, this).choose(channel);
      known.begin();
      if (names != null) {
        names.arm();
      }
      host.rehearsal().await();
      enter(
          MigrationState.ARMED,
          host.clock().epochNanos(),
          "armed: " + record.oldAddresses() + " may move to " + record.remote());
      drain.start();
      connections.pathMtu().start();
    } catch (RequestRefused e) {
      abandon(asked);
      throw e;
    } catch (RuntimeException e) {
      abandon(asked);
      throw new RequestRefused(
          RequestRefused.Kind.FAILED,
          "arming failed, and what was done was undone: " + e.getMessage(),
          e);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Makes what the record says should exist; used at arm and when a restarted daemon takes over.
   */
  void raise() throws RequestRefused {
    dropPath(); // of an attempt that came half the way
    steps.apply();
    MigrationPath made =
        Paths.build(host, record, Role.REDIRECTOR, HexFormat.of().parseHex(record.token()));
    made.enter(record.state()); // nobody else has it yet
    host.objects().addPath(made);
    path = made;
  }

  private void abandon(boolean asked) {
    if (asked) {
      host.endpoint()
          .control(record.remote())
          .thenAccept(
              channel -> channel.send(new ControlMessage.Rollback(record.uuid(), record.epoch())))
          .exceptionally(failure -> null);
    }
    lower();
    forgetWithName();
  }

  /**
   * The record goes last: as long as a name is not put back, a restarted daemon must know of it.
   */
  private void forgetWithName() {
    if (names == null) {
      host.journal().forget(record.id());
    } else {
      names.rollback(() -> host.journal().forget(record.id()));
    }
  }

  /**
   * armed -> holding: from here on packets for the old address are kept, and copied ahead. Asking
   * again changes nothing: tools say it twice.
   */
  void hold() throws RequestRefused {
    lock.lock();
    try {
      if (record.state() == MigrationState.HOLDING) {
        return;
      }
      if (record.state() != MigrationState.ARMED) {
        throw illegal("hold");
      }
      MigrationPath there = raised();
      FlowLearner learning = known.learner();
      journalled(MigrationState.HOLDING, host.clock().epochNanos());
      host.data()
          .run(() -> {
            if (learning != null) {
              there.learn(learning.handOver());
            }
            there.beginHold(host.clock().nanoTime());
          });
      try {
        steps.captureOn();
      } catch (RuntimeException e) {
        throw undoHold(there, e);
      }
      event("state", "holding packets for " + record.oldAddresses());
      Thread.ofVirtual().name("held-" + record.name()).start(this::tellHeld);
      limit.await();
    } finally {
      lock.unlock();
    }
  }

  private RequestRefused undoHold(MigrationPath there, RuntimeException cause) {
    host.data().run(() -> there.enter(MigrationState.ARMED));
    amend(held -> held.rewound(MigrationState.ARMED));
    known.learnAgain(there);
    return new RequestRefused(
        RequestRefused.Kind.FAILED,
        "capture could not be switched on, and the migration is armed as before: "
            + cause.getMessage(),
        cause);
  }

  private void tellHeld() {
    MigrationPath there = path;
    if (there == null) {
      return;
    }
    host.endpoint()
        .control(record.remote())
        .thenAccept(channel -> {
          channel.send(new ControlMessage.Held(record.uuid(), record.epoch()));
          ControlMessage.FlowSnapshot.of(record.uuid(), record.epoch(), Paths.snapshot(host, there))
              .forEach(channel::send);
        })
        .exceptionally(failure -> {
          alert("the endpoint could not be told of the hold: " + failure.getMessage());
          return null;
        });
    known.close(); // last, since it takes its time
  }

  /** The path to the endpoint was lost: is there still something on the other connection? */
  void controlDown() {
    connections.verify();
  }

  /** Says again what the endpoint may have missed, when its control channel is back. */
  void controlUp() {
    connections.verify(); // it may have come from another place than where that one goes
    connections.pathMtu().tell();
    if (record.state() == MigrationState.HOLDING) {
      tellHeld();
    }
    wayBack.controlUp();
  }

  /** What is held when the guest may be on its way back from the endpoint. */
  WayBack returning() {
    return wayBack;
  }

  @Override
  MigrationView.@Nullable WayBackView wayBack() {
    return wayBack.view();
  }

  @Override
  MigrationView.@Nullable HoldLimitView holdLimit() {
    return limit.view();
  }

  /** A request here to release: the endpoint is asked, and its answer makes the transition. */
  void release() throws RequestRefused {
    switch (record.state()) {
      case HOLDING -> {}
      case REDIRECTING, DRAINING, DONE -> {
        if (wayBack.isOn()) {
          HeldToReturn unused = wayBack.asked(false);
        }
        return; // else the same answer again
      }
      default -> throw illegal("release");
    }
    ControlChannel channel = host.control(record.remote());
    CompletableFuture<ControlMessage> answer =
        host.calls().expect(record.remote(), ControlMessage.Released.class, record.uuid());
    channel.send(
        new ControlMessage.Release(record.uuid(), record.epoch(), host.clock().epochNanos()));
    released(
        ControlCalls.await(
            answer, ControlMessage.Released.class, RELEASE_MILLIS, record.remote(), "the release"));
  }

  /**
   * holding -> redirecting: the endpoint has delivered what was staged; the rest follows, then live
   * packets.
   */
  void released(ControlMessage.Released message) {
    lock.lock();
    try {
      MigrationPath there = path;
      if (there == null || message.epoch() != record.epoch()) {
        return;
      }
      if (record.state() == MigrationState.HOLDING) {
        journalled(
            MigrationState.REDIRECTING,
            host.clock().epochNanos(),
            asked -> asked.takingBack(null)); // a rollback that it has not heard of came too late
        host.data().run(() -> there.beginRedirect(message.stagedUpTo(), host.clock().nanoTime()));
        event(
            "state",
            "redirecting to "
                + record.remote()
                + ": "
                + message.delivered()
                + " staged packets delivered there");
        drain.released();
        leftPort.watch();
        if (names != null) {
          names.publish(drain::namesMoved);
        }
      } else {
        host.data().run(there::mark); // the endpoint asks again: it has not seen our marker
      }
    } finally {
      lock.unlock();
    }
  }

  /** Only compliant caches that break their TTL can still say "old": what begins now is stale. */
  void beginDraining(String why) {
    lock.lock();
    try {
      if (record.state() == MigrationState.REDIRECTING) {
        enter(MigrationState.DRAINING, host.clock().epochNanos(), "draining: " + why);
        known.drain();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * armed, holding, redirecting or draining -> rolled back: the guest runs here (again), and gets
   * what was held for it.
   */
  void rollback(boolean force) throws RequestRefused {
    lock.lock();
    try {
      rollback.run(force);
    } finally {
      lock.unlock();
    }
  }

  /** Neighbours may send to this host's MAC, and go on until the guest's announcement comes. */
  boolean mayHaveBeenAnnounced() {
    return takenOver || steps.hasAnswered();
  }

  /** The guest has its old address again, and its name follows. Called with the lock held. */
  void returned() {
    drain.stop();
    if (names != null) {
      names.rollback(() -> {});
    }
  }

  /**
   * Ends what a daemon that was killed had still to do after the migration's end.
   *
   * @param ownNames those that no later migration has in hand
   */
  void settleAfterCrash(List<String> ownNames) {
    boolean wasCapturing = host.ledger().owners().contains(record.id());
    settle();
    if (wasCapturing && record.state() == MigrationState.ROLLED_BACK) {
      steps.announceGuest();
    }
    if (names != null) {
      names.settle(record.state() == MigrationState.DONE, ownNames);
    }
  }

  /** Ends it: by itself when no connection is left, or by force. */
  void finish(boolean force) throws RequestRefused {
    lock.lock();
    try {
      if (record.state() != MigrationState.REDIRECTING
          && record.state() != MigrationState.DRAINING) {
        throw illegal("finish");
      }
      wayBack.requireNone();
      MigrationPath there = path;
      if (there == null && !force) {
        throw new RequestRefused(
            RequestRefused.Kind.REFUSED,
            "it could not be taken over, so its connections are not known; --force ends it");
      }
      int remaining =
          there == null
              ? 0
              : host.data().call(() -> there.flows().countRemaining(host.clock().nanoTime()));
      if (remaining > 0 && !force) {
        throw new RequestRefused(
            RequestRefused.Kind.REFUSED,
            remaining
                + " connections still use the old address (holdfast flow list --remaining --migration "
                + record.name()
                + "); --force ends them");
      }
      String notYet = drain.notYet();
      if (notYet != null && !force) {
        throw new RequestRefused(
            RequestRefused.Kind.REFUSED, notYet + "; --force ends it nevertheless");
      }
      end(
          remaining == 0
              ? notYet == null ? "no connection is left" : "finished by force; " + notYet
              : "finished by force with " + remaining + " connections");
    } finally {
      lock.unlock();
    }
  }

  /** draining -> done. Called with the lock held. */
  private void end(String why) {
    drain.stop();
    kernelCounts.read(this);
    report = Reports.of(host, this);
    String told = Asking.finish(host, record, ANSWER_MILLIS);
    if (!told.isEmpty()) {
      alert("the endpoint could not be told that it is done; it will ask when it is back: " + told);
    }
    if (names != null) {
      names.finish();
    }
    lower();
    if (record.state() == MigrationState.REDIRECTING) {
      enter(MigrationState.DRAINING, host.clock().epochNanos(), "draining: " + why);
    }
    enter(MigrationState.DONE, host.clock().epochNanos(), "done: " + why);
  }

  /** Takes everything of it off this host, in reverse order. Doing it again does nothing. */
  @Override
  void lower() {
    leftPort.close();
    known.close();
    steps.captureOffQuietly();
    connections.close();
    dropPath();
    steps.undo();
  }

  @Override
  void discard() {
    lower();
    forgetWithName();
  }

  boolean isNameEnding() {
    return names != null && names.isEnding();
  }

  /** Of these names, one that is still being put in order; null where none is. */
  @Nullable String nameEnding(List<String> wanted) {
    return names == null ? null : names.ending(wanted);
  }

  @Override
  void resume() throws RequestRefused {
    try {
      raiseAgain();
    } catch (RequestRefused | RuntimeException e) {
      dropPath(); // whole or not at all: it is tried again
      throw e;
    }
  }

  private void raiseAgain() throws RequestRefused {
    raise();
    MigrationPath there = raised();
    if (record.state() != MigrationState.ARMED) {
      host.data().run(() -> there.beginHold(host.clock().nanoTime()));
      host.data().run(() -> there.enter(record.state()));
      steps.captureOn();
    }
    takenOver = true;
    known.resume();
    connections.keepOpen();
    connections.pathMtu().start();
    drain.start();
    switch (record.state()) {
      case HOLDING -> limit.await();
      case REDIRECTING -> {
        leftPort.watch();
        drain.released();
        if (names != null) {
          names.publish(drain::namesMoved);
        }
      }
      case DRAINING -> {
        leftPort.watch();
        drain.released();
      }
      default -> {}
    }
    rollback.resume();
  }

  @Override
  int knownFlows(int inPath) {
    FlowLearner learning = known.learner();
    int[] learnt = {inPath};
    if (learning != null) {
      learning.withTable(table -> learnt[0] = table.size());
    }
    return learnt[0];
  }

  @Nullable FlowLearner learner() {
    return known.learner();
  }

  @Nullable NameMoves names() {
    return names;
  }

  @Override
  List<String> legal() {
    List<String> verbs = new ArrayList<>();
    switch (record.state()) {
      case ARMED -> verbs.addAll(List.of("hold", "rollback"));
      case HOLDING -> verbs.addAll(List.of("release", "rollback"));
      case REDIRECTING, DRAINING ->
          verbs.addAll(List.of("rollback", wayBack.isOn() ? "release" : "finish"));
      default -> {}
    }
    return verbs;
  }

  @Override
  MigrationView.@Nullable DnsView dnsView() {
    return names == null ? null : names.view();
  }
}
