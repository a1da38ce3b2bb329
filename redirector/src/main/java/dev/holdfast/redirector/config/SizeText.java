package dev.holdfast.redirector.config;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes in bytes as people write them: {@code 64MiB}, {@code 512KiB}, {@code 1GiB}. */
public final class SizeText {
  private static final Pattern FORM = Pattern.compile("(\\d{1,9})(B|KiB|MiB|GiB)");
  private static final Pattern DECIMAL = Pattern.compile("(\\d{1,9})([kKMG])[bB]?");

  private SizeText() {}

  /**
   * @throws IllegalArgumentException with a sentence that shows the form, when {@code text} has
   *     another one
   */
  public static long parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      Matcher decimal = DECIMAL.matcher(text);
      throw new IllegalArgumentException(
          decimal.matches()
              ? "'%s' is not a size here; did you mean \"%s%siB\"?"
                  .formatted(text, decimal.group(1), decimal.group(2).toUpperCase(Locale.ROOT))
              : "'%s' is not a size; write a whole number and B, KiB, MiB or GiB, such as \"64MiB\""
                  .formatted(text));
    }
    long number = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "B" -> number;
      case "KiB" -> number << 10;
      case "MiB" -> number << 20;
      default -> number << 30;
    };
  }
}
