package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.control.DaemonNotRunning;
import dev.holdfast.redirector.control.EventLine;
import dev.holdfast.redirector.control.EventStream;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.RequestRefused;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/**
 * {@code holdfast wait}: returns when a migration has come so far.
 *
 * <p>It asks once how far the migration is and follows the daemon's events from there. A daemon
 * that is restarted meanwhile is waited for.
 */
@Command(
    name = "wait",
    description = "Waits until a migration has come so far; tells its progress on standard error.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  holdfast wait web1 --for redirecting",
      "  holdfast wait web1 --for done --timeout 30m   and prints the continuity report"
    })
final class WaitCommand extends Verb {
  private static final Duration RESTART_WITHIN = Duration.ofSeconds(30);
  private static final Duration AGAIN_AFTER = Duration.ofMillis(250);

  /** What the flows are asked for again after, since the end of one is no event. */
  private static final Duration FLOWS_AGAIN = Duration.ofSeconds(1);

  private static final Duration FOREVER = Duration.ofDays(10_000);

  /** What can be waited for. */
  enum Goal {
    /** Everything for the old address goes to the new host, or did so before. */
    REDIRECTING,
    /** No connection to the old address is left. */
    DRAINED,
    /** Nothing of the migration is left. */
    DONE
  }

  /** {@code --for}. */
  static final class GoalOption implements ITypeConverter<Goal> {
    @Override
    public Goal convert(String value) {
      return switch (value) {
        case "redirecting" -> Goal.REDIRECTING;
        case "drained" -> Goal.DRAINED;
        case "done" -> Goal.DONE;
        default ->
            throw new TypeConversionException(
                "'" + value + "' is not one of redirecting, drained, done");
      };
    }
  }

  @Mixin private MigrationCommand.MigrationId id;

  @Option(
      names = "--for",
      required = true,
      paramLabel = "GOAL",
      converter = GoalOption.class,
      description = "redirecting, drained (no connection is left) or done.")
  private Goal goal = Goal.DONE;

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      converter = TimeOption.class,
      description = "Give up after that, such as 30s or 10m. Default: never.")
  private Duration timeout = FOREVER;

  private long deadline;

  @Override
  public Integer call() throws Exception {
    deadline = now() + timeout.toNanos();
    MigrationView reached = follow();
    String report = ReportText.of(reached, when());
    answer(
        reached, goal == Goal.DONE && !report.isEmpty() ? report : MigrationText.sentence(reached));
    return ExitCode.OK;
  }

  private MigrationView follow() throws Exception {
    long lastSeen = now();
    boolean seen = false;
    while (true) {
      try (EventStream events = client().events()) {
        if (seen) {
          remark("The daemon is back.");
        }
        seen = true;
        MigrationView reached = follow(events);
        if (reached != null) {
          return reached;
        }
        lastSeen = now();
        remark("The daemon has stopped; waiting for it to come back.");
      } catch (DaemonNotRunning e) {
        if (!seen || now() - lastSeen > RESTART_WITHIN.toNanos()) {
          throw e;
        }
      } catch (IOException e) {
        if (!seen || now() - lastSeen > RESTART_WITHIN.toNanos()) {
          throw e;
        }
        lastSeen = now();
        remark("The daemon has vanished (" + e.getMessage() + "); waiting for it to come back.");
      }
      if (deadline - now() <= 0) {
        throw CommandFailed.failed("The daemon was not back within " + text(timeout) + ".");
      }
      Thread.sleep(AGAIN_AFTER);
    }
  }

  /** Null when the daemon stopped. */
  private @Nullable MigrationView follow(EventStream events) throws Exception {
    ControlClient client = client();
    MigrationView migration = client.show(id.text());
    String key = migration.id(); // a name may be taken by a newer one meanwhile
    String state = migration.state();
    while (!isReached(key, migration.name(), state)) {
      boolean countsFlows = goal == Goal.DRAINED && state.equals(MigrationState.DRAINING.label());
      try {
        EventLine event = nextOf(key, events, countsFlows ? FLOWS_AGAIN : FOREVER);
        if (event == null) {
          return null;
        }
        remark(EventsCommand.text(event, when()));
        state = event.state();
      } catch (SocketTimeoutException e) {
        if (deadline - now() <= 0) {
          throw CommandFailed.failed(late(client.show(key)));
        }
      }
    }
    return client.show(key);
  }

  /** Null when the stream has ended. */
  private @Nullable EventLine nextOf(String key, EventStream events, Duration within)
      throws IOException {
    while (true) {
      long left = Math.max(1, deadline - now());
      Duration most = Duration.ofNanos(left);
      EventLine event = events.next(most.compareTo(within) < 0 ? most : within);
      if (event == null || event.migration().equals(key)) {
        return event;
      }
      if (within.compareTo(FOREVER) < 0 || deadline - now() <= 0) {
        throw new SocketTimeoutException("events of others alone");
      }
    }
  }

  private boolean isReached(String key, String name, String label) throws Exception {
    MigrationState state = MigrationState.ofLabel(label);
    if (state == MigrationState.ROLLED_BACK) {
      throw CommandFailed.failed(name + " was rolled back.");
    }
    return switch (goal) {
      case REDIRECTING ->
          state == MigrationState.REDIRECTING
              || state == MigrationState.DRAINING
              || state == MigrationState.DONE;
      case DRAINED ->
          state == MigrationState.DONE
              || (state == MigrationState.DRAINING && client().flows(key, true).isEmpty());
      case DONE -> state == MigrationState.DONE;
    };
  }

  private String late(MigrationView migration) throws IOException, RequestRefused {
    int remaining = client().flows(migration.id(), true).size();
    return migration.name()
        + " is still "
        + migration.state()
        + " after "
        + text(timeout)
        + (remaining == 0
            ? "."
            : "; "
                + Amounts.count(remaining, "connection")
                + " left, see: holdfast flow list --remaining --migration "
                + migration.name());
  }

  private long now() {
    return surroundings().clock().nanoTime();
  }

  private static String text(Duration time) {
    return Amounts.time(time.toMillis());
  }
}
