package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.migration.MigrationService.Event;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells every subscriber what happens, in order, and writes it to the log. */
final class EventHub {
  private static final Logger log = LoggerFactory.getLogger(EventHub.class);
  private final List<Consumer<Event>> listeners = new CopyOnWriteArrayList<>();

  AutoCloseable subscribe(Consumer<Event> listener) {
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }

  synchronized void publish(Event event) {
    log.info("[{}] {} {}: {}", event.name(), event.state(), event.type(), event.text());
    for (Consumer<Event> listener : listeners) {
      try {
        listener.accept(event);
      } catch (RuntimeException e) {
        log.warn("a listener of events failed and is dropped", e);
        listeners.remove(listener);
      }
    }
  }
}
