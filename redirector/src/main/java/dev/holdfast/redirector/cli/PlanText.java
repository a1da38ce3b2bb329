package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.migration.MigrationPlan;

/** A plan as people read it: what was checked, and each step with its undo. */
final class PlanText {
  private PlanText() {}

  static String of(MigrationPlan plan) {
    var text = new StringBuilder("Plan of " + plan.name() + ". Nothing of it has been done.\n\n");
    if (!plan.checks().isEmpty()) {
      text.append(ChecksText.of(plan.checks())).append('\n');
    }
    int number = 1;
    for (MigrationPlan.Step step : plan.steps()) {
      text.append(
          "%2d  %s, when %s: %s%n".formatted(number++, step.host(), step.when(), step.what()));
      if (!step.undo().isEmpty()) {
        text.append("      undo: ").append(step.undo()).append('\n');
      }
    }
    return text.toString();
  }
}
