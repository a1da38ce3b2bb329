package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.Steering;
import java.io.IOException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What both roles do alike to make their kernel changes, and to take them back. */
final class Steps {
  private static final Logger log = LoggerFactory.getLogger(Steps.class);

  private Steps() {}

  /**
   * Makes what {@code steering} asks for. Where a daemon was killed, what the ledger names is made
   * again as well, and what is shared before what builds on it: who loads a firewall's rules anew
   * has taken our tables along.
   *
   * @throws IOException with the kernel's own words
   */
  static void apply(Host host, MigrationRecord record, Steering steering) throws IOException {
    List<KernelChange> shared = steering.shared();
    if (record.state() != MigrationState.PLANNED) {
      host.ledger().reapply(KernelLedger.HOST, shared);
    }
    host.ledger().apply(KernelLedger.HOST, shared);
    host.ledger().reapply(record.id());
    host.ledger().apply(record.id(), steering.arm());
  }

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
