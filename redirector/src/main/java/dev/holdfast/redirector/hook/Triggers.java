package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.control.DaemonNotRunning;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Hold, release and rollback as a tool asks for them: perhaps twice, perhaps late. The one place
 * that decides what of that is harmless.
 *
 * <p>Not one of the methods throws: a tool's hook has to go on, and to say what became of it.
 */
public final class Triggers implements AutoCloseable {

  /** What can be asked for. */
  public enum Verb {
    HOLD,
    RELEASE,
    ROLLBACK,
    /**
     * A rollback on the proof that the guest runs here, though the endpoint has just heard it: it
     * has come home by a tool that never runs it twice.
     */
    TAKE_BACK,
    /** After release: the guest is paused at the endpoint, and may be on its way back. */
    HOLD_TO_RETURN,
    /** After that: it goes on at the endpoint. */
    STAY;

    /** As people and JSON see it. */
    public String label() {
      return switch (this) {
        case HOLD, HOLD_TO_RETURN -> "hold";
        case RELEASE, STAY -> "release";
        case ROLLBACK, TAKE_BACK -> "rollback";
      };
    }
  }

  /** What became of it. */
  public enum Outcome {
    /** It stands. */
    DONE,
    /** It stood before: somebody else was quicker, or the tool says it twice. */
    ALREADY,
    /** The migration is past it. Nothing was changed, and nothing is wrong. */
    LATE,
    /** The daemon knows no such migration. */
    UNKNOWN,
    /** Not in this state, or not on this host. */
    REFUSED,
    /** It was tried and failed. */
    FAILED,
    /** There is no daemon to ask. */
    NO_DAEMON;

    /** Nothing is left to be done. */
    public boolean isGood() {
      return this == DONE || this == ALREADY || this == LATE;
    }

    /** As JSON has it: {@code no-daemon}. */
    public String label() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /**
   * An answer.
   *
   * @param migration as it is now; null where that is not known
   * @param text a sentence
   */
  public record Result(Outcome outcome, @Nullable MigrationView migration, String text) {}

  private static final Duration AGAIN = Duration.ofMillis(200);

  private final ControlClient daemon;

  /**
   * @param daemon which is closed with this
   */
  public Triggers(ControlClient daemon) {
    this.daemon = daemon;
  }

  /** How a migration stands. Asking costs one round trip and keeps a kept connection alive. */
  public Result show(String id) {
    try {
      MigrationView view = daemon.show(id);
      return new Result(Outcome.DONE, view, view.name() + " is " + view.state() + ".");
    } catch (RequestRefused refused) {
      return refused(refused, null);
    } catch (IOException e) {
      return broken(e);
    }
  }

  /** Every migration of this host, newest first; none where no daemon answers. */
  public List<MigrationView> list() {
    try {
      return daemon.list();
    } catch (RequestRefused | IOException e) {
      return List.of();
    }
  }

  /**
   * Asks for it.
   *
   * @param known the migration as it was last seen
   */
  public Result ask(Verb verb, MigrationView known) {
    try {
      MigrationView view =
          switch (verb) {
            case HOLD -> daemon.hold(known.id());
            case HOLD_TO_RETURN -> daemon.holdToReturn(known.id());
            case RELEASE, STAY -> daemon.release(known.id());
            case ROLLBACK -> daemon.rollback(known.id(), false);
            case TAKE_BACK -> daemon.rollback(known.id(), true);
          };
      boolean already = isAtOrPast(verb, known);
      return new Result(
          already ? Outcome.ALREADY : Outcome.DONE,
          view,
          view.name() + (already ? " was already " : " is ") + how(view) + ".");
    } catch (RequestRefused refused) {
      return refused.kind() == RequestRefused.Kind.CONFLICT
          ? conflict(verb, known, refused)
          : refused(refused, known);
    } catch (IOException e) {
      return broken(e);
    }
  }

  /**
   * Asks until it is accepted, or the migration has ended, or the time is over: the guest runs, and
   * its peers wait.
   *
   * @param told gets the first answer, and each that is another
   */
  public Result insist(
      Verb verb, MigrationView known, Duration within, Clock clock, Consumer<Result> told) {
    long last = clock.nanoTime() + within.toNanos();
    Result result = ask(verb, known);
    told.accept(result);
    while (!result.outcome().isGood() && !hasEnded(result) && clock.nanoTime() - last < 0) {
      try {
        Thread.sleep(AGAIN);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        break;
      }
      Result again = ask(verb, known);
      if (again.outcome() != result.outcome()) {
        told.accept(again);
      }
      result = again;
    }
    return result;
  }

  private static boolean hasEnded(Result result) {
    MigrationView view = result.migration();
    return view != null && MigrationState.ofLabel(view.state()).isEnded();
  }

  /** Refused for its state: past it, or out of order? */
  private Result conflict(Verb verb, MigrationView known, RequestRefused refused) {
    Result now = show(known.id());
    MigrationView view = now.migration();
    if (view == null) {
      return refused(refused, known);
    }
    if (isAtOrPast(verb, view)) {
      return new Result(
          Outcome.LATE,
          view,
          "a late " + verb.label() + ": " + view.name() + " is " + view.state() + " already.");
    }
    return refused(refused, view);
  }

  /** Its state, and whether that is held for the way back. */
  private static String how(MigrationView view) {
    return view.state() + (view.wayBack() == null ? "" : ", held for the way back");
  }

  /** Whether what {@code verb} wants is so, or was. */
  private static boolean isAtOrPast(Verb verb, MigrationView view) {
    MigrationState state = MigrationState.ofLabel(view.state());
    return switch (verb) {
      case HOLD_TO_RETURN -> view.wayBack() != null || state.isEnded();
      case STAY -> view.wayBack() == null;
      case HOLD ->
          switch (state) {
            case HOLDING, REDIRECTING, DRAINING, DONE -> true;
            default -> false;
          };
      case RELEASE ->
          switch (state) {
            case REDIRECTING, DRAINING, DONE -> true;
            default -> false;
          };
      case ROLLBACK, TAKE_BACK -> state == MigrationState.ROLLED_BACK;
    };
  }

  private static Result refused(RequestRefused refused, @Nullable MigrationView known) {
    return new Result(
        switch (refused.kind()) {
          case UNKNOWN -> Outcome.UNKNOWN;
          case FAILED -> Outcome.FAILED;
          case INVALID, CONFLICT, REFUSED -> Outcome.REFUSED;
        },
        known,
        String.valueOf(refused.getMessage()));
  }

  private static Result broken(IOException e) {
    return new Result(
        e instanceof DaemonNotRunning ? Outcome.NO_DAEMON : Outcome.FAILED,
        null,
        String.valueOf(e.getMessage()));
  }

  @Override
  public void close() throws IOException {
    daemon.close();
  }
}
