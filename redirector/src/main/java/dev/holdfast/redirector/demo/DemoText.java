package dev.holdfast.redirector.demo;

import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.measure.Distribution;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/** The demo's result as a person reads it: the continuity report. */
final class DemoText {
  private static final int MOST_DETAILS = 5;

  private DemoText() {}

  static String of(ScenarioResult result) {
    DemoReport report = DemoReport.of(result);
    var text = new StringJoiner(System.lineSeparator());
    text.add("");
    text.add("Continuity report");
    if (report.rootless()) {
      text.add(line("where", "in a user namespace, without root: the slow path"));
    }
    DemoReport.Connections connections = report.connections();
    text.add(
        line(
            "connections",
            "%d before, %d survived, %d reset, %d corrupted, %d stalled",
            connections.before(),
            connections.survived(),
            connections.reset(),
            connections.corrupted(),
            connections.stalled()));
    details(result).forEach(text::add);
    if (!result.options().without()) {
      text.add(line("recovery", "%s", recovery(result.recoveries())));
      text.add(line("guest's back-off", "%s", backoff(result.guestBackoffs())));
      text.add(line("resume to release", "%s", millis(report.resumeToReleaseMillis())));
    }
    text.add(line("longest silence", "%s", millis(report.longestSilenceMillis())));
    if (report.held() != null) {
      text.add(
          line(
              "held",
              "%d packets, of them %d staged at the new host, %d replaced, %d dropped",
              report.held().packets(),
              report.held().staged(),
              report.held().replaced(),
              report.held().dropped()));
    }
    text.add(
        line(
            "new connection",
            "to %s: %s",
            report.newConnection().address(),
            report.newConnection().ok() ? "ok" : "failed"));
    text.add(
        line(
            "DNS",
            "%s before, %s after%s",
            report.dns().before(),
            report.dns().after(),
            report.dns().updateMillis() == null
                ? ""
                : ", updated in " + millis(report.dns().updateMillis())));
    text.add(list("left behind", report.leftBehind()));
    text.add(list("problems", report.problems()));
    text.add("");
    text.add(verdict(result));
    return text.toString();
  }

  @SuppressWarnings("AnnotateFormatMethod")
  private static String line(String name, String form, Object... values) {
    return "  %-18s ".formatted(name) + String.format(Locale.ROOT, form, values);
  }

  private static String list(String name, List<String> values) {
    return line(
        name, "%s", values.isEmpty() ? "nothing" : String.join("\n" + " ".repeat(21), values));
  }

  private static List<String> details(ScenarioResult result) {
    List<String> lines = new ArrayList<>();
    List<ConnectionResult> bad =
        result.connections().stream().filter(each -> each.outcome() != Outcome.SURVIVED).toList();
    for (ConnectionResult each : bad.subList(0, Math.min(MOST_DETAILS, bad.size()))) {
      lines.add(
          line(
              "",
              "%s %d from port %d: %s",
              each.kind(),
              each.index(),
              each.client().getPort(),
              each.detail()));
    }
    if (bad.size() > MOST_DETAILS) {
      lines.add(line("", "and %d more", bad.size() - MOST_DETAILS));
    }
    return lines;
  }

  private static String recovery(Distribution values) {
    return values.isEmpty()
        ? "no client waited for anything"
        : String.format(
            Locale.ROOT,
            "p50 %.1f ms, p99 %.1f ms, max %.1f ms after release (%d clients waited)",
            values.percentile(50),
            values.percentile(99),
            values.max(),
            values.size());
  }

  private static String backoff(Distribution values) {
    return values.isEmpty()
        ? "nowhere had only the guest something to say"
        : String.format(
            Locale.ROOT,
            "p50 %.0f ms, max %.0f ms after release (its own TCP decides; a paused VM has none)",
            values.percentile(50),
            values.max());
  }

  private static String millis(@Nullable Double value) {
    return value == null ? "-" : String.format(Locale.ROOT, "%.1f ms", value);
  }

  private static String verdict(ScenarioResult result) {
    long survived = result.count(Outcome.SURVIVED);
    int all = result.connections().size();
    if (result.options().without()) {
      return survived == 0
          ? "Without Holdfast every old connection is lost; new ones work."
          : survived + " of " + all + " connections survived without Holdfast.";
    }
    return result.isGood()
        ? "All " + all + " connections survived; nothing was left behind."
        : "It did not go as it should: " + survived + " of " + all + " connections survived.";
  }
}
