package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.hook.QmpCourse.End;
import dev.holdfast.redirector.hook.QmpCourse.Step;
import dev.holdfast.redirector.hook.Triggers.Outcome;
import dev.holdfast.redirector.hook.Triggers.Result;
import dev.holdfast.redirector.hook.Triggers.Verb;
import dev.holdfast.redirector.hook.WatchEnd.Over;
import dev.holdfast.redirector.hook.WatchEnd.Verdict;
import dev.holdfast.redirector.hook.WatchOptions.WithoutHold;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Watches one end of a QEMU guest's migration through its monitor, and triggers what it means. When
 * the guest pauses, its peers wait for what happens here. So everything that can be done before is:
 * both connections stand and have just been used, and the code has run so often that it is
 * compiled: interpreted it took 10 ms of a processor that the guest needs.
 */
public final class QmpWatch {
  private static final Duration AGAIN = Duration.ofMillis(50);
  private static final Duration BACK_WITHIN = Duration.ofSeconds(3);
  private static final Duration TURN = Duration.ofMillis(200);
  private static final Duration SHORT_TURN = Duration.ofMillis(20);

  /** The daemon ends a connection that says nothing for 30 s. */
  private static final long WARM_NANOS = 15_000_000_000L;

  /** While QEMU waits with the guest paused; a daemon that is restarted is back after about 2 s. */
  private static final long HOLD_WITHIN = 3_000_000_000L;

  private static final Duration RELEASE_WITHIN = Duration.ofSeconds(60);

  private static final long RELEASED_WITHIN = 10_000_000_000L;

  private static final Duration RUNS_WITHIN = Duration.ofSeconds(2);

  private final WatchOptions options;
  private final Triggers triggers;
  private final Clock clock;
  private final HookLog log;
  private final QmpGuest guest;
  private final StateNews news;
  private final End end;
  private MigrationView known;
  private QmpCourse course;
  private final long deadline;
  private QmpWay way = QmpWay.THERE;
  private boolean tellsMigrations;
  private long warmed;
  private long completedSince;

  private QmpWatch(
      WatchOptions options,
      Triggers triggers,
      StateNews news,
      MigrationView migration,
      Clock clock,
      HookLog log) {
    this.options = options;
    this.triggers = triggers;
    this.news = news;
    this.clock = clock;
    this.log = log;
    this.guest = new QmpGuest(options.socket(), clock);
    this.known = migration;
    this.end =
        options.end() == null
            ? End.of(migration)
            : End.valueOf(options.end().toUpperCase(Locale.ROOT));
    this.course = new QmpCourse(end, false);
    this.deadline = clock.nanoTime() + options.timeout().toNanos();
  }

  /**
   * Watches until the guest has moved, or has not.
   *
   * @param triggers best with a connection that is kept open
   * @param events another client of the same daemon, to follow its events
   * @param id of the migration, or its name
   */
  public static WatchEnd watch(
      WatchOptions options,
      Triggers triggers,
      ControlClient events,
      Clock clock,
      Consumer<HookLine> lines,
      String id) {
    Result shown = triggers.show(id);
    MigrationView migration = shown.migration();
    if (migration == null) {
      Verdict verdict =
          switch (shown.outcome()) {
            case NO_DAEMON -> Verdict.NO_DAEMON;
            case FAILED -> Verdict.FAILED;
            default -> Verdict.REFUSED;
          };
      return new WatchEnd(verdict, null, shown.text());
    }
    HookLog log = new HookLog(clock, lines);
    log.migration(migration.id());
    try (StateNews news = new StateNews(events, migration.id())) {
      return new QmpWatch(options, triggers, news, migration, clock, log).run();
    }
  }

  private WatchEnd run() {
    try (guest) {
      news.follow();
      warm(); // a state that was entered before the stream began
      requirePart();
      connect(options.connectWithin());
      begin();
      while (true) {
        turn();
      }
    } catch (Over over) {
      log.end();
      log.tell("end", over.verdict() == Verdict.MOVED ? Outcome.DONE : null, over.text());
      return new WatchEnd(over.verdict(), known, over.text());
    }
  }

  private void requirePart() throws Over {
    String refusal = QmpWay.refusal(end, known);
    if (refusal != null) {
      throw new Over(Verdict.REFUSED, refusal);
    }
    way = QmpWay.of(end, known);
  }

  private MigrationState state() {
    return MigrationState.ofLabel(known.state());
  }

  /** Tries again as long as the socket is not there. */
  private void connect(Duration within) throws Over {
    long last = clock.nanoTime() + within.toNanos();
    while (true) {
      try {
        guest.open();
        return;
      } catch (QmpMonitor.NotThere e) {
        if (clock.nanoTime() - last >= 0) {
          throw new Over(Verdict.FAILED, e.getMessage() + whatNow());
        }
      } catch (IOException e) {
        throw new Over(Verdict.FAILED, e.getMessage() + whatNow());
      }
      requireTime();
      lookAtDaemon();
      pause(AGAIN);
    }
  }

  /** QEMU's process may have ended, or somebody has ended the connection alone. */
  private void reconnect(IOException lost) throws Over {
    guest.close();
    if (completedSince != 0) {
      throw moved("the source's QEMU has ended");
    }
    log.remark(lost.getMessage() + " Trying to get it back.");
    connect(BACK_WITHIN);
    log.remark("QEMU is back.");
    look(false);
  }

  /** Makes everything ready that will be needed. */
  private void begin() throws Over {
    try {
      tellsMigrations = guest.tellMigrations();
      course = new QmpCourse(end, options.gate() && guest.waitsBeforeSwitchover());
      requireRightEnd();
      look(true);
      QmpRehearsal.play(end, triggers, guest, known.id(), clock);
      warmed = clock.nanoTime();
    } catch (IOException | QmpRefused e) {
      throw new Over(Verdict.FAILED, e.getMessage() + whatNow());
    }
    log.tell(
        "watch",
        Outcome.DONE,
        "Watching QEMU as the "
            + end.name().toLowerCase(Locale.ROOT)
            + " of "
            + known.name()
            + ", which is "
            + known.state()
            + ".");
  }

  private void requireRightEnd() throws IOException, QmpRefused, Over {
    QmpGuest.Run run = guest.run();
    boolean waits = run.state().equals("inmigrate");
    if (end == End.SOURCE && (waits || run.state().equals("postmigrate"))) {
      throw new Over(
          Verdict.REFUSED,
          "The guest of "
              + known.name()
              + " is to leave, but QEMU on "
              + guest.socket()
              + (waits ? " waits for an incoming migration" : " has migrated its guest already")
              + ": is it the wrong socket?");
    }
    if (end == End.DESTINATION && !waits && !isArriving(run.running())) {
      throw new Over(
          Verdict.REFUSED,
          "QEMU on "
              + guest.socket()
              + " waits for no incoming migration (it is "
              + run.state()
              + "): is it the wrong socket? If the guest has come already: holdfast migration"
              + " release "
              + known.name());
    }
  }

  /**
   * One that does not wait any more: the guest is just coming, or has come while nobody watched.
   */
  private boolean isArriving(boolean running) throws IOException, QmpRefused, Over {
    String migration = guest.migration();
    boolean came = migration.equals("completed") || migration.startsWith("postcopy");
    if (running && came && (way == QmpWay.BACK || state() == MigrationState.HOLDING)) {
      release();
    }
    return came || migration.equals("active") || migration.equals("device");
  }

  /**
   * Asks QEMU how it is.
   *
   * @param anew whether nothing of it was seen before
   */
  private void look(boolean anew) throws Over {
    try {
      perform(course.observe(guest.migration(), guest.run().running(), anew));
    } catch (QmpRefused e) {
      log.remark("QEMU does not tell how it is: " + e.getMessage());
    } catch (IOException e) {
      reconnect(e);
    }
  }

  private void turn() throws Over {
    requireTime();
    QmpEvent event;
    try {
      event = guest.next(completedSince != 0 || course.wantsHold() ? SHORT_TURN : TURN);
    } catch (IOException e) {
      reconnect(e);
      return;
    }
    if (event != null) {
      log.begin(event.toString(), event.epochNanos());
      List<Step> steps = course.on(event);
      perform(steps);
      if (steps.isEmpty() && event.name().equals("MIGRATION")) {
        log.remark("QEMU says " + event + ".");
      }
      log.end();
      return;
    }
    if (!tellsMigrations) {
      look(false);
    }
    if (course.wantsHold()) {
      hold();
    }
    lookAtDaemon();
  }

  private void requireTime() throws Over {
    if (clock.nanoTime() - deadline >= 0) {
      throw new Over(Verdict.FAILED, "The time is over." + whatNow());
    }
  }

  /** Somebody else may have done our part, or ended the migration. */
  private void lookAtDaemon() throws Over {
    long now = clock.nanoTime();
    boolean followed = news.isFollowing();
    news.follow();
    String said = news.state();
    if ((said != null && !said.equals(known.state()))
        || (!followed && news.isFollowing())
        || now - warmed >= WARM_NANOS) {
      warm();
    }
    switch (state()) {
      case HOLDING -> course.held();
      case REDIRECTING, DRAINING, DONE -> {
        if (way == QmpWay.THERE || state() == MigrationState.DONE) {
          throw moved("it was released");
        }
      }
      case ROLLED_BACK -> {
        if (end == End.SOURCE && way == QmpWay.BACK) {
          throw moved("it is back at " + known.remote());
        }
        throw new Over(Verdict.ROLLED_BACK, known.name() + " was rolled back meanwhile.");
      }
      default -> {}
    }
    if (completedSince != 0 && now - completedSince >= RELEASED_WITHIN) {
      throw new Over(Verdict.MOVED, way.left(known));
    }
  }

  private Over moved(String why) {
    return new Over(Verdict.MOVED, "The guest of " + known.name() + " has moved: " + why + ".");
  }

  private void warm() {
    Result unused = note(triggers.show(known.id()));
    warmed = clock.nanoTime();
  }

  private void perform(List<Step> steps) throws Over {
    for (Step step : steps) {
      switch (step) {
        case Step.Hold hold -> hold();
        case Step.Continue go -> switchOverOrNot();
        case Step.Release release -> release();
        case Step.RollBack back -> rollBack(back);
        case Step.Look look -> lookAtPause();
        case Step.Completed completed -> {
          completedSince = clock.nanoTime();
          log.remark("QEMU's migration is complete.");
        }
        case Step.GiveUp up -> throw new Over(Verdict.FAILED, up.why() + "." + whatNow());
        case Step.Remark(String text) -> log.remark(text);
      }
    }
  }

  private Result ask(Verb verb) {
    return note(triggers.ask(verb, known));
  }

  private Result note(Result result) {
    MigrationView now = result.migration();
    known = now == null ? known : now;
    return result;
  }

  private void hold() {
    Result result = ask(way.hold);
    if (result.outcome().isGood()) {
      course.held();
    }
    log.tell(way.hold, result);
  }

  private void switchOverOrNot() throws Over {
    long last = clock.nanoTime() + HOLD_WITHIN;
    while (!course.isHeld() && clock.nanoTime() - last < 0) {
      pause(AGAIN); // QEMU waits; the daemon may be back in a moment
      hold();
    }
    if (!course.isHeld() && options.withoutHold() == WithoutHold.CANCEL) {
      cancel("packets cannot be held");
      return;
    }
    try {
      guest.switchOver();
      log.tell(
          "continue",
          Outcome.DONE,
          course.isHeld()
              ? "The hold stands: QEMU switches over."
              : "QEMU switches over without a hold: what is sent to the guest meanwhile is lost.");
    } catch (QmpRefused e) {
      log.remark("QEMU goes on: somebody else was quicker to tell it (" + e.getMessage() + ").");
    } catch (IOException e) {
      reconnect(e);
    }
  }

  private void cancel(String why) throws Over {
    try {
      guest.cancel();
      log.tell(
          "cancel",
          Outcome.DONE,
          "QEMU's migration is cancelled, since " + why + ": the guest stays here.");
    } catch (QmpRefused e) {
      log.remark("QEMU's migration could not be cancelled: " + e.getMessage());
    } catch (IOException e) {
      reconnect(e);
    }
  }

  /** The guest runs here: at the new host, or back at the old one. */
  private void release() throws Over {
    Duration left = Duration.ofNanos(deadline - clock.nanoTime());
    Verb verb = way.arrive;
    Result result =
        triggers.insist(
            verb,
            known,
            left.compareTo(RELEASE_WITHIN) < 0 ? left : RELEASE_WITHIN,
            clock,
            answer -> log.tell(verb, answer));
    note(result);
    if (!result.outcome().isGood()) {
      throw new Over(
          Verdict.FAILED,
          "The guest runs here, but the "
              + verb.label()
              + " was not accepted: "
              + result.text()
              + whatNow());
    }
    throw moved(way == QmpWay.BACK ? "it is back" : "it runs at the destination, and was released");
  }

  /** Only on proof that the guest runs here; QEMU may need a moment to start it again. */
  private void rollBack(Step.RollBack back) throws Over {
    if (!back.proven() && !guest.runsWithin(RUNS_WITHIN)) {
      throw new Over(
          Verdict.FAILED,
          back.why() + ", but the guest does not run here: nothing is rolled back." + whatNow());
    }
    if (back.migrates() && options.withoutHold() == WithoutHold.CANCEL) {
      cancel(back.why() + ", and its connections would not follow it now");
    }
    Result result = ask(way.undo);
    log.tell(way.undo, result);
    if (!result.outcome().isGood()) {
      throw new Over(
          Verdict.FAILED,
          back.why()
              + ", but the "
              + way.undo.label()
              + " was not possible: "
              + result.text()
              + whatNow());
    }
    throw new Over(Verdict.ROLLED_BACK, way.undone(known) + back.why() + ".");
  }

  /** The guest is paused, and no event has said that it is being migrated. */
  private void lookAtPause() throws Over {
    try {
      perform(course.observe(guest.migration(), false, false));
      if (!course.isInProgress()) {
        log.remark("The guest is paused, but nobody migrates it: nothing is held.");
      }
    } catch (QmpRefused e) {
      log.remark("QEMU does not tell whether it migrates the guest: " + e.getMessage());
    } catch (IOException e) {
      reconnect(e);
    }
  }

  private String whatNow() {
    warm();
    return WatchEnd.whatNow(known);
  }

  private static void pause(Duration time) throws Over {
    try {
      Thread.sleep(time);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Over(Verdict.FAILED, "It was interrupted.");
    }
  }
}
