package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.hook.Triggers.Result;
import dev.holdfast.redirector.hook.Triggers.Verb;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.time.Clock;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * CRIU's action script (criu.org/Action_scripts): what is done at which action, and why not at
 * another.
 *
 * <pre>
 *  action          old host                          new host
 *  pre-dump        hold: nothing is frozen yet       -
 *  network-lock    hold: with a net namespace of     -
 *                  the dumped tree's own alone
 *  post-dump       - (it is held, and stays so)      -
 *  pre-restore     -                                 -
 *  post-restore    -                                 - CRIU's own lock still drops packets
 *  network-unlock  rollback: the dump has failed,    - sockets are still in repair mode
 *                  or leaves it running
 *  pre-resume      rollback: it was restored here    release: sockets are whole, nothing is locked
 *  post-resume     rollback                          release, if the one before did not succeed
 * </pre>
 *
 * <p>A packet must meet either a whole socket or nobody. At the old host it is held from before the
 * freeze on; so neither the frozen sockets nor a namespace that is torn down answers it. At the new
 * host it is staged until CRIU has taken its lock away and ended the repair mode of every socket.
 */
public final class CriuHook {
  private static final Duration RELEASE_WITHIN = Duration.ofSeconds(10);

  private final Triggers triggers;
  private final ToolHook hook;
  private final Clock clock;

  public CriuHook(Triggers triggers, Clock clock, Consumer<HookLine> lines) {
    this.triggers = triggers;
    this.hook = new ToolHook(triggers, new HookLog(clock, lines));
    this.clock = clock;
  }

  /** What an action asks for; null for nothing. */
  static @Nullable Verb verb(String action, String role) {
    boolean old = role.equals("redirector");
    return switch (action) {
      case "pre-dump", "network-lock" -> old ? Verb.HOLD : null;
      case "network-unlock" -> old ? Verb.ROLLBACK : null;
      case "pre-resume", "post-resume" -> old ? Verb.ROLLBACK : Verb.RELEASE;
      default -> null;
    };
  }

  /**
   * Does what an action needs.
   *
   * @param action CRTOOLS_SCRIPT_ACTION
   * @param migration id or name
   * @return what became of it, or how the migration stands where nothing was to be done
   */
  public Result run(String action, String migration) {
    Result shown = triggers.show(migration);
    MigrationView known = shown.migration();
    if (known == null) {
      return shown;
    }
    Verb verb = verb(action, known.role());
    if (verb == null) {
      return shown;
    }
    // Nobody calls again after the last action.
    return action.equals("post-resume") && verb == Verb.RELEASE
        ? hook.insist(verb, known, RELEASE_WITHIN, clock)
        : hook.ask(verb, known);
  }
}
