package dev.holdfast.scenario;

import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.measure.Distribution;
import dev.holdfast.rules.SourceTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;

/** The matrix as a table, in target/matrix.txt; {@code ./verify} prints it. Thread-safe. */
final class MatrixTable {
  private static final String FORM = "%-8s %-14s %-5s %6s  %-9s %8s %8s %8s  %s";
  private final TreeMap<String, List<String>> rows = new TreeMap<>();

  /** Which row it is; in this order they are printed. */
  record Key(int order, String capture, String encapsulation, String family, String pause) {}

  synchronized void add(Key key, ScenarioResult result, String besides) {
    int all = result.options().connections();
    long survived =
        result.connections().stream()
            .filter(each -> each.index() < all && each.outcome() == Outcome.SURVIVED)
            .count();
    Distribution recoveries = result.recoveries();
    row(
        key,
        survived + "/" + all,
        recoveries.isEmpty() ? "-" : millis(recoveries.percentile(50)),
        recoveries.isEmpty() ? "-" : millis(recoveries.percentile(99)),
        result.roundTrip() == null ? "-" : millis(result.roundTrip()),
        besides);
  }

  /** A row without figures. */
  synchronized void add(Key key, String why) {
    row(key, "-", "-", "-", "-", why);
  }

  private void row(
      Key key, String survived, String p50, String p99, String roundTrip, String besides) {
    rows.computeIfAbsent(String.format(Locale.ROOT, "%04d", key.order()), k -> new ArrayList<>())
        .add(
            String.format(
                Locale.ROOT,
                FORM,
                key.capture(),
                key.encapsulation(),
                key.family(),
                key.pause(),
                survived,
                p50,
                p99,
                roundTrip,
                besides));
  }

  private static String millis(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  synchronized void write() throws IOException {
    List<String> lines = new ArrayList<>();
    lines.add("Connections that survived, and how long after release their clients were answered:");
    lines.add(
        String.format(
            FORM,
            "capture",
            "encapsulation",
            "",
            "pause",
            "survived",
            "p50 ms",
            "p99 ms",
            "RTT ms",
            "besides"));
    rows.values().forEach(lines::addAll);
    Path folder = Files.createDirectories(SourceTree.root().resolve("target"));
    Files.write(folder.resolve("matrix.txt"), lines);
  }
}
