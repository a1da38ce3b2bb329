package dev.holdfast.redirector.config;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as people write them: {@code 250ms}, {@code 300s}, {@code 1m}, {@code 2h}. */
public final class DurationText {
  private static final Pattern FORM = Pattern.compile("(\\d{1,12})(ms|s|m|h)");
  private static final Pattern NUMBER = Pattern.compile("\\d+");

  private DurationText() {}

  /**
   * @throws IllegalArgumentException with a sentence that shows the form, when {@code text} has
   *     another one
   */
  public static Duration parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      String reason =
          NUMBER.matcher(text).matches()
              ? "'" + text + "' has no unit"
              : "'" + text + "' is not a duration";
      throw new IllegalArgumentException(
          reason + "; write a whole number and ms, s, m or h, such as \"250ms\" or \"300s\"");
    }
    long number = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "ms" -> Duration.ofMillis(number);
      case "s" -> Duration.ofSeconds(number);
      case "m" -> Duration.ofMinutes(number);
      default -> Duration.ofHours(number);
    };
  }
}
