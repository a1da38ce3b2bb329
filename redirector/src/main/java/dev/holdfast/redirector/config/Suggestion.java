package dev.holdfast.redirector.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** "Did you mean": the known word that is the fewest typing mistakes away. */
final class Suggestion {
  private Suggestion() {}

  /**
   * Empty when no word is near enough to be meant: more than a third of it, or than two letters,
   * would be wrong.
   */
  static Optional<String> nearest(String written, Collection<String> known) {
    return known.stream()
        .filter(word ->
            distance(written, word) <= Math.max(word.length() < 4 ? 1 : 2, word.length() / 3))
        .min(
            Comparator.comparingInt((String word) -> distance(written, word))
                .thenComparing(w -> w));
  }

  /** Levenshtein's distance, with case, hyphen and underscore not counted. */
  private static int distance(String one, String other) {
    String a = plain(one);
    String b = plain(other);
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int substitution = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substitution, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }

  private static String plain(String word) {
    return word.toLowerCase(Locale.ROOT).replaceAll("[-_]", "");
  }
}
