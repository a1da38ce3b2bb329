package dev.holdfast.golden;

import dev.holdfast.mutants.Mutant;
import java.util.List;

/** What the golden captures are to notice, each broken by one small change. */
final class ReplayMutants {
  private ReplayMutants() {}

  static final List<Mutant> ALL = List.of();
}
