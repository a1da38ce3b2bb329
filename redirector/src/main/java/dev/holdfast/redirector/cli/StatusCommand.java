package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.migration.HostStatus;
import dev.holdfast.redirector.migration.HostStatus.RemoteStatus;
import java.util.Map;
import picocli.CommandLine.Command;

/** {@code holdfast status}. */
@Command(
    name = "status",
    description = "Shows the daemon, its remote hosts and its migrations.",
    footerHeading = "%nExamples:%n",
    footer = {"  holdfast status", "  holdfast status --json"})
final class StatusCommand extends Verb {

  @Override
  public Integer call() throws Exception {
    HostStatus status = client().status();
    answer(status, text(status, when()));
    return ExitCode.OK;
  }

  private static String text(HostStatus status, When when) {
    var text = new StringBuilder();
    text.append(
        "%s: holdfast %s, process %d, running since %s, TLS by %s%n"
            .formatted(
                status.host(),
                status.version(),
                status.pid(),
                when.at(status.startedEpochNanos()),
                status.tlsEngine()));
    text.append("\nRemote hosts:\n");
    var remotes = new Table("  ", "NAME", "ENDPOINT", "CONTROL", ">RTT", "PROBLEM");
    for (RemoteStatus remote : status.remotes()) {
      remotes.row(
          remote.name(),
          remote.endpoint().isEmpty() ? "(connects here)" : remote.endpoint(),
          remote.up() ? "up" : "down",
          remote.rttMillis() < 0 ? "-" : Amounts.time(remote.rttMillis()),
          remote.problem());
    }
    text.append(remotes.isEmpty() ? "  none is configured\n" : remotes);
    text.append("\nMigrations:\n");
    text.append(
        status.migrations().isEmpty()
            ? "  none\n"
            : MigrationText.table("  ", status.migrations(), when));
    status.migrations().stream()
        .filter(migration -> !MigrationText.isEnded(migration))
        .forEach(migration ->
            text.append(MigrationText.reason(migration, "  " + migration.name() + ": "))
                .append(MigrationText.alerts(migration, "  ")));
    String dropped = Amounts.reasons(status.dropped());
    text.append("\nDropped packets: ").append(dropped.isEmpty() ? "none" : dropped).append('\n');
    status
        .remotes()
        .forEach(remote -> tunnelErrors(text, " to " + remote.name(), remote.tunnelErrors()));
    tunnelErrors(text, ", quoting packets to none of them", status.tunnelErrors());
    return text.toString();
  }

  private static void tunnelErrors(StringBuilder text, String about, Map<String, Long> errors) {
    if (!errors.isEmpty()) {
      text.append(
          "ICMP errors from inside the tunnel%s: %s%n".formatted(about, Amounts.reasons(errors)));
    }
  }
}
