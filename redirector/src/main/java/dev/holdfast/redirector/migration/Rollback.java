package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.ControlMessage.TakenBack;
import java.util.List;

/**
 * How a redirector gets the address back: the guest runs here (again).
 *
 * <pre>
 * armed, holding           the endpoint is told to forget it; one that has released refuses
 * redirecting, draining    the endpoint is asked for the address under the next epoch, and what
 *                          arrives meanwhile is queued; one that still hears the guest refuses
 * then                     journalled -> capture off, port open -> guest's MAC announced
 *                          -> guest gets what was queued -> name back -> strays are forwarded
 * </pre>
 *
 * <p>Both ends journal the new ownership before they act on it. A question that was sent and not
 * answered may have been agreed to, before release as well as after it, so it is journalled before
 * it is sent, and asked again until there is an answer: by this daemon, or the next. All of it is
 * done with the migration's lock held.
 */
final class Rollback {
  private static final long ANSWER_MILLIS = 15_000;
  private static final long AGAIN_MILLIS = 2_000;

  /**
   * A guest that has just left was heard a moment ago: a quick move back is asked for some times
   * before the answer is no.
   */
  private static final int TRIES = 3;

  private static final long TRY_MILLIS = 600;

  /** Strays are forwarded until there were none for so long. */
  private static final long LINGER_MILLIS = 5_000;

  private static final long LINGER_AT_MOST_NANOS = 60_000_000_000L;

  private final Host host;
  private final RedirectorMigration migration;
  private final RedirectorSteps steps;
  private final WayBack wayBack;
  private boolean waiting;
  private volatile long strays;

  Rollback(Host host, RedirectorMigration migration, RedirectorSteps steps, WayBack wayBack) {
    this.host = host;
    this.migration = migration;
    this.steps = steps;
    this.wayBack = wayBack;
  }

  /**
   * Makes the transition from whichever state it is in.
   *
   * @param force although the endpoint cannot be asked, or still hears the guest: the operator has
   *     made sure that the guest does not run there
   * @throws RequestRefused when the endpoint does not agree, cannot be reached, or has not answered
   */
  void run(boolean force) throws RequestRefused {
    try {
      switch (migration.state()) {
        case ARMED, HOLDING -> beforeRelease(force);
        case REDIRECTING, DRAINING -> afterRelease(force);
        case ROLLED_BACK -> {} // asked again: tools say it twice
        default -> throw migration.illegal("rollback");
      }
    } finally {
      if (isOpen()) {
        askAgain(AGAIN_MILLIS);
      }
    }
  }

  /** The endpoint may have agreed, and this host does not know. */
  private boolean isOpen() {
    return migration.record.takingBack() != null && !migration.state().isEnded();
  }

  /** One that was not held cannot have been released: then the endpoint need not answer. */
  private void beforeRelease(boolean force) throws RequestRefused {
    MigrationRecord record = migration.record;
    String refusal;
    try {
      ControlChannel channel = host.control(record.remote());
      migration.amend(asking -> asking.takingBack(record.epoch()));
      refusal = Asking.rollback(host, channel, record, ANSWER_MILLIS);
    } catch (RequestRefused e) {
      if (migration.state() == MigrationState.HOLDING) {
        if (!force) {
          throw unanswered(e);
        }
        complete(record.epoch() + 1, List.of(), "by force: " + e.getMessage());
        return;
      }
      refusal = "";
    }
    if (!refusal.isEmpty()) {
      migration.amend(refused -> refused.takingBack(null));
      throw new RequestRefused(RequestRefused.Kind.CONFLICT, refusal);
    }
    complete(record.epoch(), List.of(), "the guest runs here");
  }

  private RequestRefused unanswered(RequestRefused e) {
    return new RequestRefused(
        RequestRefused.Kind.REFUSED,
        e.getMessage()
            + "; it may have released the guest already, so this host goes on holding: "
            + (isOpen()
                ? "it is asked again until it answers (holdfast migration show)."
                    + " If it is gone for good, make"
                : "try again when it answers, or make")
            + " sure that the guest does not run there and use --force",
        e);
  }

  private void afterRelease(boolean force) throws RequestRefused {
    MigrationRecord record = migration.record;
    long next = record.epoch() + 1;
    ControlChannel channel;
    try {
      channel = host.control(record.remote());
    } catch (RequestRefused e) {
      if (force) {
        complete(next, List.of(), "by force: " + e.getMessage());
        return;
      }
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          e.getMessage()
              + "; it may still deliver to the guest, so nothing was changed: try again when it answers, or make"
              + " sure that the guest does not run there and use --force",
          e);
    }
    complete(next, ask(channel, next, force), "the guest runs here again");
  }

  /**
   * Returns up to which of the held packets the guest has got at the endpoint, for each data
   * connection.
   */
  private List<Long> ask(ControlChannel channel, long next, boolean force) throws RequestRefused {
    MigrationRecord record = migration.record;
    try {
      for (int tries = 1; ; tries++) {
        migration.amend(asking -> asking.takingBack(next));
        queue(true);
        TakenBack answer = Asking.takeBack(host, channel, record, next, force, ANSWER_MILLIS);
        if (answer.refusal().isEmpty()) {
          steps.misled(answer.answeredFor());
          return answer.deliveredUpTo();
        }
        migration.amend(refused -> refused.takingBack(null));
        queue(wayBack.isOn());
        if (tries == TRIES) {
          throw new RequestRefused(RequestRefused.Kind.CONFLICT, answer.refusal());
        }
        Thread.sleep(TRY_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RequestRefused(
          RequestRefused.Kind.FAILED, "interrupted while the endpoint was asked", e);
    } catch (RequestRefused e) {
      if (!isOpen()) {
        throw e;
      }
      if (force) {
        return List.of();
      }
      throw new RequestRefused(
          RequestRefused.Kind.FAILED,
          e.getMessage()
              + "; it may have agreed, so packets are held, and it is asked again until it answers (holdfast migration"
              + " show). If it is gone for good: rollback --force",
          e);
    }
  }

  /** What arrives is neither lost at the endpoint nor delivered by it twice. */
  private void queue(boolean on) {
    MigrationPath there = migration.path;
    if (there != null) {
      host.data().run(() -> there.wayBack().queue(on));
    }
  }

  /** Goes on with what an earlier daemon asked for; its answer is not known here. */
  void resume() {
    if (!isOpen()) {
      return;
    }
    if (migration.state() == MigrationState.REDIRECTING
        || migration.state() == MigrationState.DRAINING) {
      queue(true);
    }
    askAgain(0); // the guest may run here already, and its packets are held
  }

  private void askAgain(long millis) {
    if (waiting) {
      return;
    }
    waiting = true;
    host.later(millis, "rollback-" + migration.record.name(), this::again);
  }

  private void again() {
    migration.lock.lock();
    try {
      waiting = false;
      if (isOpen()) {
        run(false);
      }
    } catch (RequestRefused | RuntimeException e) {
      if (!isOpen()) {
        migration.alert("the rollback was refused: " + e.getMessage());
      }
    } finally {
      migration.lock.unlock();
    }
  }

  /**
   * The address is this host's. From the journal's line on there is no way back: what fails after
   * it is told, and tried again by the ledger.
   */
  private void complete(long epoch, List<Long> deliveredUpTo, String why) {
    boolean wasCaptured = migration.state() != MigrationState.ARMED;
    boolean wasReleased = wasCaptured && migration.state() != MigrationState.HOLDING;
    boolean wasAwaited = wayBack.isOn(); // the last of what the endpoint returns may come late
    migration.report = Reports.of(host, migration);
    migration.journalled(
        MigrationState.ROLLED_BACK, host.clock().epochNanos(), record -> record.inEpoch(epoch));
    boolean lingers = false;
    if (wasCaptured) {
      try {
        steps.captureOff();
        lingers = migration.path != null && (wasAwaited || migration.mayHaveBeenAnnounced());
      } catch (RuntimeException e) {
        migration.alert("capture was not switched off at once: " + e.getMessage());
      }
      steps.announceGuest();
      giveBack(deliveredUpTo);
    }
    migration.event("state", "rolled back: " + why);
    if (wasReleased) {
      migration.alert(
          "connections that began with the new address ("
              + String.join(", ", migration.record.newAddresses())
              + ") cannot follow the guest back; those with the old address go on");
    }
    migration.returned();
    countKeptBack();
    if (lingers) {
      strays = strays();
      awaitNoStrays(host.clock().nanoTime() + LINGER_AT_MOST_NANOS);
    } else {
      migration.lower();
    }
  }

  /** It takes a process, so it comes after all that the guest waits for. */
  private void countKeptBack() {
    ContinuityReport written = migration.report;
    if (written != null) {
      migration.kernelCounts.read(migration);
      migration.report = written.withKeptBack(migration.kernelCounts.errorsKeptBack());
    }
  }

  /**
   * Neighbours that learnt this host's MAC go on sending to it until the guest's announcement
   * reaches them. Where this host is the guest's router its ordinary traffic looks the same.
   */
  private void awaitNoStrays(long deadline) {
    host.later(
        LINGER_MILLIS,
        "strays-" + migration.record.name(),
        () -> {
          long now = strays();
          if (now == strays || host.clock().nanoTime() - deadline >= 0) {
            migration.settle();
            return;
          }
          strays = now;
          awaitNoStrays(deadline);
        });
  }

  /** Counted by the kernel, or by us where it is we who forward them. */
  private long strays() {
    MigrationPath there = migration.path;
    return migration.record.byPcap() && there != null
        ? host.data().call(there::passed)
        : steps.strays();
  }

  /** The guest gets what was queued for it. One that was not taken over has nothing queued. */
  private void giveBack(List<Long> deliveredUpTo) {
    MigrationPath there = migration.path;
    if (there == null) {
      return;
    }
    long again =
        host.data()
            .call(() -> {
              there.delivered(deliveredUpTo);
              there.enter(MigrationState.ROLLED_BACK); // what comes now goes to the guest too
              return host.objects().reinject(there);
            });
    migration.event("progress", again + " held packets were given to the guest");
  }
}
