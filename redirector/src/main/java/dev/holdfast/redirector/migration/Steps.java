package dev.holdfast.redirector.migration;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What both roles do alike to take their kernel changes back. */
final class Steps {
  private static final Logger log = LoggerFactory.getLogger(Steps.class);

  private Steps() {}

  static void undo(Host host, MigrationRecord record) {
    try {
      for (String failure : host.ledger().undo(record.id())) {
        log.warn("[{}] not undone: {}", record.name(), failure);
      }
    } catch (IOException e) {
      log.warn(
          "[{}] the ledger of kernel changes cannot be written: {}", record.name(), e.getMessage());
    }
    host.objects().release(record);
  }
}
