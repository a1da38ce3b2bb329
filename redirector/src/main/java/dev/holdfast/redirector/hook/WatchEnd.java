package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link QmpWatch} ended.
 *
 * @param migration as it was last seen; null where it never was
 * @param text what happened, and what a person may do
 */
public record WatchEnd(Verdict verdict, @Nullable MigrationView migration, String text) {

  /** In a word. */
  public enum Verdict {
    /** The guest has moved, and this end has done its part. */
    MOVED,
    /** The guest runs where it was, and the migration was rolled back. */
    ROLLED_BACK,
    /** It is not known, or something did not work: a person must look. */
    FAILED,
    /** It was not begun: the wrong state, host or socket. */
    REFUSED,
    NO_DAEMON
  }

  /** What a person may do, where a watch cannot go on; begins with a space. */
  static String whatNow(MigrationView migration) {
    String name = migration.name();
    return switch (MigrationState.ofLabel(migration.state())) {
      case HOLDING ->
          " "
              + name
              + " goes on holding. If the guest runs at the new host: holdfast migration release "
              + name
              + ". If it runs at the old one: holdfast migration rollback "
              + name
              + " there.";
      case ARMED -> " " + name + " is armed as before, and nothing is held.";
      default ->
          " "
              + name
              + " is "
              + migration.state()
              + "."
              + (migration.wayBack() == null
                  ? ""
                  : " It goes on holding for the way back. If the guest runs at the new host:"
                      + " holdfast migration release "
                      + name
                      + ". If it runs at the old one: holdfast migration rollback "
                      + name
                      + " there.");
    };
  }

  /** Leaves a watch with an answer. */
  static final class Over extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient Verdict verdict;

    Over(Verdict verdict, String text) {
      super(text);
      this.verdict = verdict;
    }

    Verdict verdict() {
      return verdict;
    }

    String text() {
      return String.valueOf(getMessage());
    }
  }
}
