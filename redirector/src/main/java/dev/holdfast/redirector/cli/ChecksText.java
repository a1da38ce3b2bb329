package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.migration.MigrationPlan.Check;
import java.util.List;

/** Checks as people read them, each that is not ok with what to do about it. */
final class ChecksText {
  private ChecksText() {}

  static String of(List<Check> checks) {
    int host = width(checks, Check::host);
    int name = width(checks, Check::name);
    var text = new StringBuilder();
    for (Check check : checks) {
      text.append(
          ("%-7s  %-" + host + "s  %-" + name + "s  %s%n")
              .formatted(check.result(), check.host(), check.name(), check.detail()));
      if (!check.fix().isEmpty()) {
        text.append(" ".repeat(9)).append("fix: ").append(check.fix()).append('\n');
      }
    }
    return text.toString();
  }

  static boolean anyFailed(List<Check> checks) {
    return checks.stream().anyMatch(check -> check.result().equals("failed"));
  }

  private static int width(List<Check> checks, java.util.function.Function<Check, String> column) {
    return checks.stream().map(column).mapToInt(String::length).max().orElse(1);
  }
}
