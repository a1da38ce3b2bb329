package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.dns.DnsChange;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.redirector.migration.MigrationJournal;
import dev.holdfast.redirector.migration.MigrationRecord;
import java.util.List;

/**
 * What a daemon that was killed has left in DNS. Where the guest has gone, its name stays at the
 * new address and gets its TTL back; elsewhere it is put back as it was.
 */
final class NamesLeft {
  private final MigrationJournal journal;
  private final List<MigrationRecord> records;

  NamesLeft(MigrationJournal journal) {
    this.journal = journal;
    records =
        journal.records().stream()
            .filter(NamesLeft::isLeft)
            .filter(journal::isNewestOfName)
            .toList();
  }

  private static boolean isLeft(MigrationRecord record) {
    String dns = record.dns();
    return dns != null && DnsState.fromJson(dns).isOpen(hasMoved(record));
  }

  private static boolean hasMoved(MigrationRecord record) {
    return switch (record.state()) {
      case REDIRECTING, DRAINING, DONE -> true;
      case PLANNED, ARMED, HOLDING, ROLLED_BACK -> false;
    };
  }

  /** What would be done, a line each. */
  List<String> lines() {
    return records.stream().map(NamesLeft::line).toList();
  }

  private static String line(MigrationRecord record) {
    return hasMoved(record)
        ? "DNS: " + record.dnsName() + " gets its TTL back"
        : "DNS: " + record.dnsName() + " is put back as it was";
  }

  /**
   * Does it, each by compare-and-swap; goes on past failures.
   *
   * @param done gets the line of each that was done
   * @param failed gets why others could not be
   */
  void putBack(DnsUpdater updater, List<String> done, List<String> failed) {
    for (MigrationRecord record : records) {
      try {
        String dns = record.dns();
        if (dns == null) {
          continue;
        }
        DnsChange change =
            updater.resume(
                DnsState.fromJson(dns),
                (state, text) -> journal.record(record.withDns(state.toJson())));
        if (hasMoved(record)) {
          change.finish();
        } else {
          change.rollback();
        }
        done.add(line(record));
      } catch (DnsException e) {
        failed.add("DNS: " + record.dnsName() + " was not put back: " + e.sentence());
      }
    }
  }
}
