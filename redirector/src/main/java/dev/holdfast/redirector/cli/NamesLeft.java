package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.dns.DnsChange;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.redirector.migration.MigrationJournal;
import dev.holdfast.redirector.migration.MigrationRecord;
import java.util.ArrayList;
import java.util.List;

/**
 * What a daemon that was killed has left in DNS. Where the guest has gone, its names stay at the
 * new address and get their TTL back; elsewhere they are put back as they were.
 */
final class NamesLeft {
  private final MigrationJournal journal;
  private final List<Left> left;

  /** One name, of the newest migration that has moved it. */
  private record Left(MigrationRecord migration, DnsState state) {
    boolean hasMoved() {
      return switch (migration.state()) {
        case REDIRECTING, DRAINING, DONE -> true;
        case PLANNED, ARMED, HOLDING, ROLLED_BACK -> false;
      };
    }

    String line() {
      return hasMoved()
          ? "DNS: " + state.name() + " gets its TTL back"
          : "DNS: " + state.name() + " is put back as it was";
    }
  }

  NamesLeft(MigrationJournal journal) {
    this.journal = journal;
    List<Left> all = new ArrayList<>();
    for (MigrationRecord record : journal.records()) {
      String dns = record.dns();
      List<String> own = journal.newestNames(record);
      for (DnsState state : dns == null ? List.<DnsState>of() : DnsState.listFromJson(dns)) {
        var each = new Left(record, state);
        if (own.stream().anyMatch(state::isOf) && state.isOpen(each.hasMoved())) {
          all.add(each);
        }
      }
    }
    this.left = List.copyOf(all);
  }

  /** What would be done, a line each. */
  List<String> lines() {
    return left.stream().map(Left::line).toList();
  }

  /**
   * Does it, each by compare-and-swap; goes on past failures.
   *
   * @param done gets the line of each that was done
   * @param failed gets why others could not be
   */
  void putBack(DnsUpdater updater, List<String> done, List<String> failed) {
    for (Left each : left) {
      try {
        DnsChange change =
            updater.resume(each.state(), (state, text) -> amend(each.migration().id(), state));
        if (each.hasMoved()) {
          change.finish();
        } else {
          change.rollback();
        }
        done.add(each.line());
      } catch (DnsException e) {
        failed.add("DNS: " + each.state().name() + " was not put back: " + e.sentence());
      }
    }
  }

  /** The record as it is now: another of its names may have been put back since it was read. */
  private void amend(String id, DnsState state) {
    journal.records().stream()
        .filter(record -> record.id().equals(id))
        .findFirst()
        .ifPresent(record -> journal.record(record.withDns(state.amend(record.dns()))));
  }
}
