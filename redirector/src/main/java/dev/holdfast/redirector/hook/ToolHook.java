package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.hook.Triggers.Outcome;
import dev.holdfast.redirector.hook.Triggers.Result;
import dev.holdfast.redirector.hook.Triggers.Verb;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;

/** What the hooks share that a tool calls once for each thing that happens. */
final class ToolHook {
  private final Triggers triggers;
  private final HookLog log;

  ToolHook(Triggers triggers, HookLog log) {
    this.triggers = triggers;
    this.log = log;
  }

  /** The migrations that match and have not ended; none where no daemon runs. */
  List<MigrationView> live(Predicate<MigrationView> matches) {
    return triggers.list().stream()
        .filter(each -> !MigrationState.ofLabel(each.state()).isEnded())
        .filter(matches)
        .toList();
  }

  /** Asks, tells, and returns how it stands then. */
  Result ask(Verb verb, MigrationView migration) {
    log.migration(migration.id());
    Result result = triggers.ask(verb, migration);
    log.tell(verb, result);
    return result;
  }

  /** The same, until it is accepted or the time is over. */
  Result insist(Verb verb, MigrationView migration, Duration within, Clock clock) {
    log.migration(migration.id());
    return triggers.insist(verb, migration, within, clock, answer -> log.tell(verb, answer));
  }

  void remark(MigrationView migration, String text) {
    log.migration(migration.id());
    log.remark(text);
  }

  /** Starts the watch of a monitor that is the guest's of {@code migration}. */
  void watch(MigrationView migration, Path monitor, WatchStarter starter) {
    String end = migration.role().equals("redirector") ? "source" : "destination";
    try {
      starter.start(monitor, migration.id(), end);
      log.migration(migration.id());
      log.tell(
          "watch",
          Outcome.DONE,
          "QEMU's monitor " + monitor + " is watched for " + migration.name() + ".");
    } catch (IOException e) {
      remark(migration, "The watch of " + monitor + " was not started: " + e.getMessage());
    }
  }
}
