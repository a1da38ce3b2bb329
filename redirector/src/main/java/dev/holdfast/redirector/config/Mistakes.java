package dev.holdfast.redirector.config;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlPosition;

/** The mistakes and remarks that are collected while a file is read. */
final class Mistakes {
  private final List<Problem> problems = new ArrayList<>();
  private final List<Problem> notes = new ArrayList<>();
  private boolean syntaxBroken;

  void at(@Nullable TomlPosition position, String message) {
    problems.add(problem(position, message));
  }

  /** A mistake of form. After it nothing counts as missing: the broken line may have held it. */
  void syntax(TomlPosition position, String message) {
    syntaxBroken = true;
    at(position, message);
  }

  void missing(@Nullable TomlPosition position, String message) {
    if (!syntaxBroken) {
      at(position, message);
    }
  }

  /** Not a mistake, but worth to be known. */
  void note(@Nullable TomlPosition position, String message) {
    notes.add(problem(position, message));
  }

  List<Problem> problems() {
    return sorted(problems);
  }

  List<Problem> notes() {
    return sorted(notes);
  }

  /** What follows a refusal of {@code written}: the nearest known word, or all of them. */
  static String didYouMean(String written, Collection<String> known) {
    return Suggestion.nearest(written, known)
        .map(word -> "; did you mean '" + word + "'?")
        .orElse("; there are " + String.join(", ", known));
  }

  private static Problem problem(@Nullable TomlPosition position, String message) {
    return position == null
        ? new Problem(0, 0, message)
        : new Problem(position.line(), position.column(), message);
  }

  private static List<Problem> sorted(List<Problem> unsorted) {
    return unsorted.stream()
        .sorted(Comparator.comparingInt(Problem::line).thenComparingInt(Problem::column))
        .toList();
  }
}
