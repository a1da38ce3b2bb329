package dev.holdfast.redirector.replay.report;

import dev.holdfast.redirector.replay.FlowResult;
import dev.holdfast.redirector.replay.Lateness;
import dev.holdfast.redirector.replay.ReplayReport;
import dev.holdfast.redirector.replay.report.Expectation.Outcome;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** A replay's report for people. */
public final class ReportText {
  private static final int MOST_GOOD = 20;

  private ReportText() {}

  /**
   * The report.
   *
   * @param all whether connections that are good are listed too, however many
   */
  public static String of(ReplayReport report, List<Outcome> outcomes, boolean all) {
    var text = new StringBuilder();
    text.append(headline(report, outcomes)).append("\n\n");
    facts(text, report);
    expectations(text, outcomes);
    flows(text, report, all);
    where(text, report);
    return text.toString();
  }

  /** One line that says whether the move was good. */
  static String headline(ReplayReport report, List<Outcome> outcomes) {
    boolean met = outcomes.stream().allMatch(Outcome::isMet);
    long flows = report.verdicts().values().stream().mapToLong(Long::longValue).sum();
    long judged = flows - report.verdicts().getOrDefault("not-replayed", 0L);
    String what =
        report.bad() == 0
            ? "%,d of %s survived".formatted(report.survived(), Figures.count(judged, "connection"))
            : "%,d of %s did not survive"
                .formatted(report.bad(), Figures.count(judged, "connection"));
    String moved = "";
    if (!report.guests().stream().allMatch(ReplayReport.Guest::hasMoved)) {
      // live, somebody else may have moved it: then this replay does not know
      moved =
          report.encapsulation().equals("live")
              ? "; no move was asked for"
              : "; THE GUEST DID NOT MOVE";
    }
    long lost = report.totals().lostDatagrams();
    if (lost > 0) {
      moved += "; " + Figures.count(lost, "datagram") + " did not arrive";
    }
    return (met ? "GOOD" : "NOT GOOD") + ": " + what + moved + " (" + report.file() + ")";
  }

  private static void facts(StringBuilder text, ReplayReport report) {
    line(
        text,
        "capture",
        "%s in %s, %s"
            .formatted(
                Figures.count(report.packets(), "packet"),
                Figures.moment(report.durationNanos()),
                report.format()));
    line(
        text,
        "replayed",
        "%,d (%s)"
            .formatted(
                report.replayedPackets(),
                report.packets() == 0
                    ? "-"
                    : String.format(
                        Locale.ROOT,
                        "%.1f %%",
                        100.0 * report.replayedPackets() / report.packets())));
    report
        .notReplayed()
        .forEach((why, count) -> line(text, "", "%,d not: %s".formatted(count, why)));
    if (report.problem() != null) {
      line(text, "damaged", report.problem());
    }
    if (report.backwards() > 0) {
      line(text, "time", Figures.count(report.backwards(), "packet") + " older than one before");
    }
    for (ReplayReport.Guest guest : report.guests()) {
      line(
          text,
          "guest",
          String.join(", ", guest.addresses())
              + (guest.hasMoved()
                  ? ": paused at %s for %s"
                      .formatted(
                          Figures.moment(guest.pausedAtNanos()),
                          Figures.time(guest.resumedAtNanos() - guest.pausedAtNanos()))
                  : guest.pausedAtNanos() >= 0
                      ? ": paused at %s, and has not returned"
                          .formatted(Figures.moment(guest.pausedAtNanos()))
                      : ": did not move"
                          + (report.lateness() == null ? " before the capture ended" : "")));
    }
    if (report.lateness() == null) {
      line(
          text,
          "tunnel",
          "%s: %,d packets to the guest, %,d from it; held %,d, staged %,d"
              .formatted(
                  report.encapsulation(),
                  report.tunnelledToGuest(),
                  report.tunnelledFromGuest(),
                  report.heldPackets(),
                  report.stagedPackets()));
    } else {
      live(text, report.lateness());
    }
    if (report.recovery().count() > 0) {
      line(
          text,
          "recovery",
          "p50 %s, p99 %s, max %s after the guest's return, of %s that had waited"
              .formatted(
                  Figures.time(report.recovery().p50Nanos()),
                  Figures.time(report.recovery().p99Nanos()),
                  Figures.time(report.recovery().maxNanos()),
                  Figures.count(report.recovery().count(), "connection")));
    }
    line(
        text,
        "verdicts",
        report.verdicts().entrySet().stream()
            .map(entry -> entry.getKey() + " " + entry.getValue())
            .collect(Collectors.joining(", ")));
    report
        .dropped()
        .forEach((host, reasons) -> {
          if (!reasons.isEmpty()) {
            line(text, "dropped", host + ": " + listed(reasons));
          }
        });
    if (report.wanLost() > 0) {
      line(text, "network", "%,d lost between the sites".formatted(report.wanLost()));
    }
    if (report.digest() != null) {
      line(text, "sha256", report.digest());
    }
  }

  private static void live(StringBuilder text, Lateness lateness) {
    line(
        text,
        "live",
        "%s; %s sent, %,d received"
            .formatted(
                lateness.pace(), Figures.count(lateness.sent(), "packet"), lateness.received()));
    if (lateness.count() > 0) {
      line(
          text,
          "lateness",
          "p50 %s, p99 %s, max %s behind the schedule, of %s that had a moment"
              .formatted(
                  Figures.fine(lateness.p50Nanos()),
                  Figures.fine(lateness.p99Nanos()),
                  Figures.fine(lateness.maxNanos()),
                  Figures.count(lateness.count(), "packet")));
    }
  }

  private static String listed(Map<String, Long> reasons) {
    return reasons.entrySet().stream()
        .map(entry -> entry.getKey() + " " + entry.getValue())
        .collect(Collectors.joining(", "));
  }

  private static void expectations(StringBuilder text, List<Outcome> outcomes) {
    for (Outcome outcome : outcomes) {
      if (!outcome.isMet()) {
        line(
            text,
            "EXPECTED",
            "%s %s, but found %s".formatted(outcome.what(), outcome.expected(), outcome.found()));
      }
    }
  }

  private static void flows(StringBuilder text, ReplayReport report, boolean all) {
    if (report.flows().isEmpty()) {
      return;
    }
    text.append('\n');
    long good = report.flows().stream().filter(flow -> flow.verdict().isGood()).count();
    long shown = 0;
    for (FlowResult flow : report.flows()) {
      if (flow.verdict().isGood() && !all && ++shown > MOST_GOOD) {
        break;
      }
      text.append(row(flow)).append('\n');
      flow.notes().forEach(note -> text.append("      ").append(note).append('\n'));
    }
    if (!all && good > MOST_GOOD) {
      text.append(
          "  ... and %,d more that are good; --all lists them\n".formatted(good - MOST_GOOD));
    }
    if (report.flowsLeftOut() > 0) {
      text.append("  ... and %,d that were counted only\n".formatted(report.flowsLeftOut()));
    }
  }

  private static String row(FlowResult flow) {
    String waited =
        flow.recoveryNanos() >= 0 ? ", recovered " + Figures.time(flow.recoveryNanos()) : "";
    String again =
        flow.retransmissions() > 0
            ? ", " + Figures.count(flow.retransmissions(), "retransmission")
            : "";
    return "  %s  %s  to guest %,d B, from guest %,d B, longest wait %s%s%s"
        .formatted(
            flow.verdict().text(),
            flow.name(),
            flow.toGuestBytes(),
            flow.fromGuestBytes(),
            Figures.time(flow.longestWaitNanos()),
            waited,
            again);
  }

  /** Where to look first. */
  private static void where(StringBuilder text, ReplayReport report) {
    report.flows().stream()
        .filter(flow -> !flow.verdict().isGood())
        .findFirst()
        .ifPresent(flow ->
            text.append(
                "\nLook at %s first: its first packet is number %d of the capture, and its longest wait began at %s. Write the packets with --write FILE.pcapng and open them in Wireshark.\n"
                    .formatted(
                        flow.flow(),
                        flow.firstPacket(),
                        Figures.moment(flow.longestWaitAtNanos()))));
  }

  private static void line(StringBuilder text, String name, String value) {
    text.append("  %-10s%s%n".formatted(name, value));
  }
}
