package dev.holdfast.redirector.control;

import dev.holdfast.redirector.migration.MigrationService.Event;

/**
 * One line of {@code GET /v1/events}.
 *
 * @param schema "holdfast.event/1"
 * @param type state, link, dns, alert, progress, hook
 * @param migration its id; empty for the host's own
 * @param state the migration's state after it
 */
public record EventLine(
    String schema,
    long epochNanos,
    String type,
    String migration,
    String name,
    String state,
    String text) {

  public static EventLine of(Event event) {
    return new EventLine(
        "holdfast.event/1",
        event.epochNanos(),
        event.type(),
        event.migration(),
        event.name(),
        event.state(),
        event.text());
  }

  public Event event() {
    return new Event(epochNanos, type, migration, name, state, text);
  }
}
