package dev.holdfast.redirector.hook;

import org.jspecify.annotations.Nullable;

/**
 * One thing that a hook has heard or done, as {@code --json} prints it, a line each.
 *
 * @param schema "holdfast.hook-line/1"
 * @param migration its id; "" before that is known
 * @param event what the tool said, such as {@code MIGRATION active}; "" where it said nothing
 * @param action watch, hold, release, rollback, continue, cancel, end; "" where nothing was done
 * @param outcome of the action: done, already, late, unknown, refused, failed, no-daemon
 * @param millis from the event, by the tool's own time stamp, until the action stood; null where
 *     that is not known
 * @param text a sentence
 */
public record HookLine(
    String schema,
    long epochNanos,
    String migration,
    String event,
    String action,
    String outcome,
    @Nullable Double millis,
    String text) {
  static final String SCHEMA = "holdfast.hook-line/1";
}
