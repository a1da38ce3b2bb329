package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.migration.MigrationView;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What QEMU's events mean for a migration: events in, steps out, and nothing is done here.
 *
 * <p>The usual order, from a QEMU 7.2 that moves a guest (seconds after {@code migrate}):
 *
 * <pre>
 *  source                                        destination
 *  .000 MIGRATION setup                          .000 MIGRATION setup, active
 *  .004 MIGRATION active
 *  .504 STOP               -> hold
 *  .505 MIGRATION pre-switchover -> continue
 *  .523 MIGRATION completed                      .529 RESUME              -> release
 *                                                .530 MIGRATION completed
 * </pre>
 *
 * <p>A guest may also be stopped before its migration begins (stop and copy), run at the
 * destination before its memory is there (post-copy), or be paused by a person while nobody
 * migrates it, which means nothing here.
 */
final class QmpCourse {
  /** MigrationStatus (qapi/migration.json) of a migration that is not over and not begun. */
  private static final Set<String> NOT_IN_PROGRESS =
      Set.of("", "none", "completed", "failed", "cancelled", "cancelling");

  private static final Set<String> FAILED = Set.of("failed", "cancelled");

  /** Which end of QEMU's migration the monitor belongs to. */
  enum End {
    SOURCE,
    DESTINATION;

    /** Of a guest that leaves its redirector. */
    static End of(MigrationView migration) {
      return migration.role().equals("redirector") ? SOURCE : DESTINATION;
    }
  }

  /** What is to be done now. */
  sealed interface Step {
    /** The guest is paused here: hold. */
    record Hold() implements Step {}

    /** QEMU waits before it switches over: let it go on, if the hold stands. */
    record Continue() implements Step {}

    /** The guest runs at the destination: release. */
    record Release() implements Step {}

    /**
     * The guest may run here again: roll back if it does.
     *
     * @param proven whether QEMU has said that it runs
     * @param migrates whether QEMU still migrates it, which would go on without Holdfast
     */
    record RollBack(String why, boolean proven, boolean migrates) implements Step {}

    /** QEMU is to be asked how the migration stands: an event of it may be missing. */
    record Look() implements Step {}

    /** The memory is over there: what is left is the release. */
    record Completed() implements Step {}

    /** The move has come to nothing; the other end knows more. */
    record GiveUp(String why) implements Step {}

    /** Worth saying. */
    record Remark(String text) implements Step {}
  }

  private final End end;
  private final boolean gates;
  private String status = "";
  private boolean stopped;
  private boolean held;
  private boolean begun;

  /**
   * @param gates whether QEMU waits before it switches over until it is told to go on
   */
  QmpCourse(End end, boolean gates) {
    this.end = end;
    this.gates = gates;
  }

  /** Runs once what must be quick when it counts. */
  static void rehearse(End end) {
    QmpCourse play = new QmpCourse(end, true);
    for (String status : List.of("setup", "active", "pre-switchover", "completed", "failed")) {
      List<Step> unused = play.on(new QmpEvent("MIGRATION", status, 1));
      unused = play.on(new QmpEvent(status.equals("active") ? "STOP" : "RESUME", "", 1));
      play.held();
    }
  }

  /** The hold stands, or the migration is past it. */
  void held() {
    held = true;
  }

  /** The guest is paused, is being moved, and is not held: a hold that failed is worth a retry. */
  boolean wantsHold() {
    return end == End.SOURCE && !held && stopped && isInProgress();
  }

  boolean isHeld() {
    return held;
  }

  boolean isInProgress() {
    return !NOT_IN_PROGRESS.contains(status);
  }

  /** What an event means. */
  List<Step> on(QmpEvent event) {
    return switch (event.name()) {
      case "STOP" -> stop();
      case "RESUME" -> resume();
      case "MIGRATION" -> status(event.status());
      case "SHUTDOWN" -> List.of(new Step.Remark("The guest is shut down."));
      default -> List.of();
    };
  }

  /**
   * What QEMU says when it is asked: at the beginning, after a lost connection, or in doubt.
   *
   * @param migration its {@code query-migrate}: MigrationStatus, "" where there was none
   * @param running whether the guest runs
   * @param anew whether this watch has seen nothing of the migration before: then a migration that
   *     is over is an earlier one
   */
  List<Step> observe(String migration, boolean running, boolean anew) {
    List<Step> steps = new ArrayList<>();
    boolean wasStopped = stopped;
    stopped = !running;
    if (anew && NOT_IN_PROGRESS.contains(migration)) {
      return steps;
    }
    if (end == End.DESTINATION) {
      if (running && begun(migration)) {
        steps.add(new Step.Release());
      } else {
        steps.addAll(status(migration));
      }
      return steps;
    }
    steps.addAll(status(migration));
    if (running && wasStopped && held && !migration.equals("completed")) {
      steps.addAll(runsAgain());
    }
    return steps;
  }

  private boolean begun(String migration) {
    return begun || !NOT_IN_PROGRESS.contains(migration) || migration.equals("completed");
  }

  private List<Step> stop() {
    if (stopped && held) {
      return List.of();
    }
    stopped = true;
    if (end == End.DESTINATION) {
      return List.of();
    }
    return isInProgress() ? hold() : List.of(new Step.Look());
  }

  private List<Step> hold() {
    return held ? List.of() : List.of(new Step.Hold());
  }

  private List<Step> resume() {
    stopped = false;
    if (end == End.DESTINATION) {
      return List.of(new Step.Release());
    }
    return held ? runsAgain() : List.of(new Step.Remark("The guest goes on."));
  }

  private List<Step> runsAgain() {
    return List.of(new Step.RollBack("the guest runs here again", true, isInProgress()));
  }

  private List<Step> status(String next) {
    if (next.equals(status)) {
      return List.of();
    }
    status = next;
    begun |= isInProgress();
    if (end == End.DESTINATION) {
      return FAILED.contains(next)
          ? List.of(
              new Step.GiveUp(
                  "the guest did not arrive: MIGRATION "
                      + next
                      + ". The source's QEMU goes on with it, and the hook there rolls back"))
          : List.of();
    }
    if ((FAILED.contains(next) || next.equals("completed")) && !begun && !held) {
      return List.of(
          new Step.Remark(
              "A migration that was not seen to begin has "
                  + past(next)
                  + ": nothing is changed."));
    }
    if (FAILED.contains(next)) {
      return List.of(new Step.RollBack("QEMU's migration has " + past(next), false, false));
    }
    if (next.equals("completed")) {
      return List.of(new Step.Completed());
    }
    if (next.equals("postcopy-paused")) {
      return List.of(
          new Step.Remark(
              "Post-copy is interrupted: the guest's memory is on both hosts. Recover QEMU's"
                  + " migration; nothing is changed here."));
    }
    List<Step> steps = new ArrayList<>();
    boolean waits = gates && next.equals("pre-switchover");
    if (isInProgress() && (stopped || waits)) {
      steps.addAll(hold());
    }
    if (waits) {
      steps.add(new Step.Continue());
    }
    return steps;
  }

  private static String past(String status) {
    return status.equals("cancelled") ? "been cancelled" : status;
  }
}
