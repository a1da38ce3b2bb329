package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.hook.Triggers.Outcome;
import dev.holdfast.redirector.hook.Triggers.Result;
import dev.holdfast.redirector.hook.Triggers.Verb;
import dev.holdfast.tunnel.time.Clock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Says what a hook hears and does, each line with the tool's event that it is about. */
final class HookLog {
  private final Clock clock;
  private final Consumer<HookLine> lines;
  private String migration = "";
  private String event = "";
  private long eventNanos;

  HookLog(Clock clock, Consumer<HookLine> lines) {
    this.clock = clock;
    this.lines = lines;
  }

  /** What the lines from here on are about. */
  void migration(String id) {
    migration = id;
  }

  /**
   * What is said from here on is about this event.
   *
   * @param epochNanos when the tool says that it was; 0 where it does not know
   */
  void begin(String happened, long epochNanos) {
    event = happened;
    eventNanos = epochNanos;
  }

  /** What is said from here on is about no event. */
  void end() {
    begin("", 0);
  }

  /** What became of a trigger. */
  void tell(Verb verb, Result result) {
    boolean good = result.outcome().isGood();
    lines.accept(
        new HookLine(
            HookLine.SCHEMA,
            clock.epochNanos(),
            migration,
            event,
            verb.label(),
            result.outcome().label(),
            good ? millis() : null,
            (event.isEmpty() ? "" : event + ": ")
                + (good ? "" : verb.label() + " is not possible: ")
                + result.text()));
  }

  /**
   * What was done, or seen.
   *
   * @param action "" where nothing was done
   */
  void tell(String action, @Nullable Outcome outcome, String text) {
    lines.accept(
        new HookLine(
            HookLine.SCHEMA,
            clock.epochNanos(),
            migration,
            event,
            action,
            outcome == null ? "" : outcome.label(),
            null,
            text));
  }

  void remark(String text) {
    tell("", null, text);
  }

  /** Since the tool's own time stamp of the event. */
  private @Nullable Double millis() {
    return eventNanos == 0 ? null : (clock.epochNanos() - eventNanos) / 1e6;
  }
}
