package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.hook.QmpCourse.End;
import dev.holdfast.redirector.hook.Triggers.Verb;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import org.jspecify.annotations.Nullable;

/** Which way a guest goes that a {@link QmpWatch} watches, and what is asked for on it. */
enum QmpWay {
  /** From its redirector to the endpoint. */
  THERE(Verb.HOLD, Verb.RELEASE, Verb.ROLLBACK),
  /** From the endpoint, where it lives since a release, back to its redirector. */
  BACK(Verb.HOLD_TO_RETURN, Verb.TAKE_BACK, Verb.STAY);

  /** When it is paused at its source. */
  final Verb hold;

  /** When it runs at its destination. */
  final Verb arrive;

  /** When it runs at its source again. */
  final Verb undo;

  QmpWay(Verb hold, Verb arrive, Verb undo) {
    this.hold = hold;
    this.arrive = arrive;
    this.undo = undo;
  }

  static QmpWay of(End end, MigrationView migration) {
    return end != End.of(migration) && isReleased(migration) ? BACK : THERE;
  }

  private static boolean isReleased(MigrationView migration) {
    MigrationState state = MigrationState.ofLabel(migration.state());
    return state == MigrationState.REDIRECTING || state == MigrationState.DRAINING;
  }

  /** Why this end cannot be watched on this host; null where it can. */
  static @Nullable String refusal(End end, MigrationView migration) {
    if (MigrationState.ofLabel(migration.state()).isEnded()) {
      return migration.name() + " is " + migration.state() + " already: arm it anew.";
    }
    return end == End.SOURCE && End.of(migration) == End.DESTINATION && !isReleased(migration)
        ? "This host is the endpoint of "
            + migration.name()
            + ", which is "
            + migration.state()
            + ": before its release, a source is watched at its redirector, "
            + migration.remote()
            + "."
        : null;
  }

  /** What the other end has still to do when QEMU's migration is complete. */
  String left(MigrationView migration) {
    return "QEMU's migration is complete, but nobody has "
        + (this == THERE
            ? "released "
                + migration.name()
                + " yet: the hook at the destination does, or: holdfast migration release "
            : "taken "
                + migration.name()
                + " back yet: the hook at its redirector does, or there: holdfast migration"
                + " rollback ")
        + migration.name();
  }

  /** How it ended where the guest runs at its source. */
  String undone(MigrationView migration) {
    return migration.name() + (this == THERE ? " was rolled back: " : " goes on here: ");
  }
}
