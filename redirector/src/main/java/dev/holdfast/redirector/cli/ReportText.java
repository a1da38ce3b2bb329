package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.migration.ContinuityReport;
import dev.holdfast.redirector.migration.ContinuityReport.Connection;
import dev.holdfast.redirector.migration.MigrationView;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/** The continuity report as people read it. */
final class ReportText {
  /** More rows than that hide what matters; the JSON has them all. */
  private static final int MOST_ROWS = 40;

  private ReportText() {}

  /** Empty when the migration has no report yet. */
  static String of(MigrationView migration, When when) {
    ContinuityReport report = migration.report();
    if (report == null) {
      return "";
    }
    return "Continuity report of "
        + migration.name()
        + "\n"
        + new Facts("  ")
            .add(
                "connections",
                report.before()
                    + " before, "
                    + report.after()
                    + " after, "
                    + report.reset()
                    + " reset")
            .add("hold", hold(report))
            .add("recovery", recovery(report.connections()))
            .add("longest silence", longestSilence(report.connections()))
            .add(
                "carried by",
                migration.encapsulationReason() == null
                    ? migration.encapsulation()
                    : migration.encapsulationReason())
            .add("dropped", Amounts.reasons(report.dropped()))
            .add("ICMP errors", MigrationText.keptBack(report.icmpErrorsKeptBack()))
            .add(
                "tunnelled",
                Amounts.bytes(report.bytesToGuest())
                    + " to the guest, "
                    + Amounts.bytes(report.bytesFromGuest())
                    + " from it")
            .add("DNS", MigrationText.names(migration.dns(), when))
        + connections(report.connections());
  }

  private static String hold(ContinuityReport report) {
    return report.holdMillis() == null
        ? "none"
        : Amounts.time(report.holdMillis())
            + "; "
            + Amounts.count(report.held(), "packet")
            + " held, "
            + report.staged()
            + " staged, "
            + report.replaced()
            + " replaced";
  }

  private static String recovery(List<Connection> connections) {
    List<Double> sorted =
        connections.stream()
            .map(Connection::recoveryMillis)
            .filter(Objects::nonNull)
            .sorted()
            .toList();
    if (sorted.isEmpty()) {
      return "no connection had anything to recover";
    }
    return "p50 "
        + Amounts.time(percentile(sorted, 50))
        + ", p99 "
        + Amounts.time(percentile(sorted, 99))
        + ", max "
        + Amounts.time(sorted.getLast())
        + " ("
        + Amounts.count(sorted.size(), "connection")
        + ")";
  }

  /** The smallest value that {@code percent} of all values do not exceed. */
  static double percentile(List<Double> sorted, int percent) {
    int rank = (sorted.size() * percent + 99) / 100;
    return sorted.get(Math.max(rank, 1) - 1);
  }

  private static String longestSilence(List<Connection> connections) {
    return connections.stream()
        .max(Comparator.comparingDouble(Connection::longestSilenceMillis))
        .map(longest -> Amounts.time(longest.longestSilenceMillis()) + ", of " + longest.flow())
        .orElse("");
  }

  private static String connections(List<Connection> connections) {
    if (connections.isEmpty()) {
      return "";
    }
    var table = new Table("  ", "CONNECTION", ">RECOVERY", ">LONGEST SILENCE", ">BYTES", "END");
    connections.stream()
        .sorted(Comparator.comparingDouble(ReportText::slowness).reversed())
        .limit(MOST_ROWS)
        .forEach(each ->
            table.row(
                each.flow(),
                Amounts.timeOrNone(each.recoveryMillis()),
                Amounts.time(each.longestSilenceMillis()),
                Amounts.bytes(each.bytes()),
                each.end()));
    int more = connections.size() - MOST_ROWS;
    return "\n" + table + (more > 0 ? "  and " + more + " faster ones; --json has all\n" : "");
  }

  private static double slowness(Connection connection) {
    return connection.recoveryMillis() == null ? -1 : connection.recoveryMillis();
  }
}
