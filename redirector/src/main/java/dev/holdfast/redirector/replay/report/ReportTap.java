package dev.holdfast.redirector.replay.report;

import dev.holdfast.redirector.replay.FlowResult;
import dev.holdfast.redirector.replay.ReplayReport;
import dev.holdfast.redirector.replay.report.Expectation.Outcome;
import java.util.List;

/** Replays as TAP version 13, a line for each connection and each limit. */
public final class ReportTap {
  private final StringBuilder lines = new StringBuilder();
  private int number;

  private ReportTap() {}

  /** A replay and what was expected of it. */
  public record Judged(ReplayReport report, List<Outcome> outcomes) {}

  public static String of(List<Judged> replays) {
    var tap = new ReportTap();
    replays.forEach(tap::add);
    return "TAP version 13\n1.." + tap.number + "\n" + tap.lines;
  }

  private void add(Judged replay) {
    for (Outcome outcome : replay.outcomes()) {
      line(
          outcome.isMet(),
          replay.report().file() + ": " + outcome.what() + " " + outcome.expected(),
          "");
      if (!outcome.isMet()) {
        lines.append("# found ").append(outcome.found()).append('\n');
      }
    }
    for (FlowResult flow : replay.report().flows()) {
      boolean skipped = flow.verdict().label().equals("not-replayed");
      line(
          flow.verdict().isGood(),
          replay.report().file() + ": " + flow.name(),
          skipped ? " # SKIP " + flow.verdict().text() : "");
      if (!flow.verdict().isGood()) {
        lines.append("# ").append(flow.verdict().text()).append('\n');
      }
      flow.notes().forEach(note -> lines.append("# ").append(note).append('\n'));
    }
  }

  private void line(boolean ok, String what, String directive) {
    lines
        .append(ok ? "ok " : "not ok ")
        .append(++number)
        .append(" - ")
        .append(what.replace("#", "\\#").replaceAll("\\R", " "))
        .append(directive)
        .append('\n');
  }
}
