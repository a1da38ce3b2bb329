package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.migration.MigrationService.Event;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.MigrationView.HistoryEntry;
import dev.holdfast.redirector.migration.MigrationView.HookView;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The user's own commands, run when a migration enters a state or raises an alarm.
 *
 * <p>No transition waits for them: an event only says that there is something to look at. What is
 * to be announced is read from the migration's history, which is in the journal, so a state that an
 * earlier daemon entered and did not come to announce is announced by the next one, and none is
 * twice ({@link Announced}). Alarms are of the moment; nobody makes up for those.
 *
 * <p>The hooks of one migration run one after the other, in the order of its states; of all
 * migrations a few at a time.
 */
public final class UserHooks implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(UserHooks.class);
  private static final int AT_A_TIME = 4;
  private static final int MOST_WAITING = 100;

  /** The first packets after a release need the processors, and a hook can wait for them. */
  private static final Duration GRACE = Duration.ofMillis(100);

  /** The migrations of a daemon, as its hooks need them. */
  public interface Migrations {
    /** Every one that can be shown. */
    List<String> ids();

    /** Its name and the states that it has entered; null where there is none. Costs nothing. */
    @Nullable Course course(String id);

    /** How it is now; null where there is none. The packets' thread counts for that. */
    @Nullable MigrationView look(String id);

    /**
     * Shows with the migration how a hook runs, or ran.
     *
     * @param text for who follows events; "" where there is nothing to be told
     */
    void ran(String id, HookView run, String text);
  }

  /**
   * How far a migration has come.
   *
   * @param history in order
   */
  public record Course(String name, List<HistoryEntry> history) {}

  /**
   * What a hook reads on its standard input.
   *
   * @param schema "holdfast.hook/1"
   * @param event armed, holding, redirecting, draining, done, rolled-back or alert
   * @param epochNanos when it happened
   * @param text a sentence; for people
   * @param host this daemon's name
   * @param migration as it is now, which may be further on
   */
  record Input(
      String schema,
      String event,
      long epochNanos,
      String text,
      String host,
      MigrationView migration) {}

  private record Work(Config.Hook hook, String event, long epochNanos, String text) {}

  private final List<Config.Hook> hooks;
  private final Config.Daemon daemon;
  private final Migrations migrations;
  private final Clock clock;
  private final CountDownLatch begun = new CountDownLatch(1);
  private volatile @Nullable Announced announced; // since it has begun
  private final ExecutorService looking =
      Executors.newSingleThreadExecutor(
          task -> Thread.ofPlatform().name("hooks").daemon().unstarted(task));
  private final Semaphore places = new Semaphore(AT_A_TIME);
  private final Map<String, Deque<Work>> waiting = new ConcurrentHashMap<>();

  /** Takes events from here on, and looks at them when it has begun. */
  public UserHooks(
      List<Config.Hook> hooks, Config.Daemon daemon, Migrations migrations, Clock clock) {
    this.hooks = hooks;
    this.daemon = daemon;
    this.migrations = migrations;
    this.clock = clock;
    looking.execute(this::awaitBegin);
  }

  private void awaitBegin() {
    try {
      begun.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * All migrations are known: announces what an earlier daemon did not come to.
   *
   * @throws IOException when the file in the state folder cannot be used
   */
  public void begin() throws IOException {
    List<String> known = migrations.ids();
    Announced opened = new Announced(daemon.state().resolve("hooks.jsonl"), known::contains);
    announced = opened;
    opened.runs().forEach((id, runs) -> runs.forEach(run -> migrations.ran(id, run, "")));
    known.forEach(id -> look(id, opened.existed()));
    begun.countDown();
  }

  private Announced announced() {
    return Objects.requireNonNull(announced);
  }

  /** Takes an event of the daemon; returns at once. */
  public void happened(Event event) {
    try {
      switch (event.type()) {
        case "state" -> looking.execute(() -> look(event.migration(), true));
        case "alert" -> looking.execute(() -> alarm(event));
        default -> {}
      }
    } catch (RejectedExecutionException e) {
      // The daemon stops; the next one looks.
    }
  }

  private void look(String id, boolean tell) {
    Course course = migrations.course(id);
    if (course == null) {
      return;
    }
    for (HistoryEntry entry : course.history()) {
      String key = entry.state() + "@" + entry.epochNanos();
      if (announced().announce(id, key) && tell) {
        String text = course.name() + " is " + entry.state() + " on " + daemon.name() + ".";
        tell(id, course.name(), entry.state(), entry.epochNanos(), text);
      }
    }
  }

  private void alarm(Event event) {
    Course course = migrations.course(event.migration());
    if (course != null) {
      tell(event.migration(), course.name(), "alert", event.epochNanos(), event.text());
    }
  }

  private void tell(String id, String name, String event, long epochNanos, String text) {
    for (Config.Hook hook : hooks) {
      if (hook.isFor(event, name)) {
        queue(id, new Work(hook, event, epochNanos, text));
      }
    }
  }

  private void queue(String id, Work work) {
    Deque<Work> mine = waiting.computeIfAbsent(id, each -> new ArrayDeque<>());
    synchronized (mine) {
      if (mine.size() >= MOST_WAITING) {
        log.warn("{} hooks of {} wait: {} is not run", MOST_WAITING, id, work.hook().command());
        return;
      }
      mine.addLast(work);
      if (mine.size() == 1) {
        Thread.ofPlatform().name("hook").daemon().start(() -> runAll(id, mine));
      }
    }
  }

  /** As long as one waits; the one that runs stays at the head. */
  private void runAll(String id, Deque<Work> mine) {
    while (true) {
      Work next;
      synchronized (mine) {
        next = mine.peekFirst();
      }
      if (next == null) {
        return;
      }
      try {
        Thread.sleep(GRACE);
        places.acquire();
        try {
          run(id, next);
        } finally {
          places.release();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      } catch (RuntimeException e) {
        log.error("a hook of {} was not run", id, e);
      }
      synchronized (mine) {
        mine.removeFirst();
        if (mine.isEmpty()) {
          return;
        }
      }
    }
  }

  private void run(String id, Work work) {
    MigrationView view = migrations.look(id);
    if (view == null) {
      return; // it was forgotten meanwhile
    }
    HookView run =
        HookView.begun(work.event(), String.join(" ", work.hook().command()), clock.epochNanos());
    note(id, run, "");
    String input =
        Json.line(
            new Input(
                "holdfast.hook/1",
                work.event(),
                work.epochNanos(),
                work.text(),
                daemon.name(),
                view));
    HookProcess.Ended ended =
        HookProcess.run(
            work.hook().command(),
            (input + "\n").getBytes(StandardCharsets.UTF_8),
            Map.of(
                "HOLDFAST_EVENT", work.event(),
                "HOLDFAST_MIGRATION", view.name(),
                "HOLDFAST_MIGRATION_ID", view.id(),
                "HOLDFAST_CONTROL", daemon.control().toString()),
            work.hook().timeout(),
            clock);
    HookView done = run.ended(ended.result(), ended.exitCode(), ended.millis(), ended.output());
    note(id, done, text(done));
  }

  private static String text(HookView run) {
    String how =
        switch (run.result()) {
          case "ok" -> "has ended well";
          case "failed" -> "has failed with status " + run.exitCode();
          case "timed-out" -> "took too long and was ended";
          default -> "could not be started";
        };
    String last = run.output().substring(run.output().lastIndexOf('\n') + 1);
    return "hook "
        + run.command()
        + " for "
        + run.event()
        + " "
        + how
        + (run.result().equals("ok") || last.isEmpty() ? "" : ": " + last);
  }

  private void note(String id, HookView run, String text) {
    announced().ran(id, run);
    migrations.ran(id, run, text);
  }

  /** Looks no more. What runs goes on; its end is not known to the next daemon. */
  @Override
  public void close() throws IOException {
    looking.shutdownNow();
    Announced opened = announced;
    if (opened != null) {
      opened.close();
    }
  }
}
