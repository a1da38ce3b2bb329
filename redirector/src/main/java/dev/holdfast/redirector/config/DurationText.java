package dev.holdfast.redirector.config;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as people write them: {@code 250ms}, {@code 300s}, {@code 1m}, {@code 2h}. */
public final class DurationText {
  private static final Pattern FORM = Pattern.compile("(\\d{1,12})(ms|s|m|h)");
  private static final Pattern FINE = Pattern.compile("(\\d{1,9}(?:\\.\\d{1,9})?)(us|ms|s|m|h)");
  private static final Pattern NUMBER = Pattern.compile("\\d+(?:\\.\\d+)?");
  private static final BigDecimal LONGEST = BigDecimal.valueOf(Duration.ofDays(365).toNanos());

  private DurationText() {}

  /**
   * Reads what a config file has.
   *
   * @throws IllegalArgumentException with a sentence that shows the form, when {@code text} has
   *     another one
   */
  public static Duration parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          reason(text) + "; write a whole number and ms, s, m or h, such as \"250ms\" or \"300s\"");
    }
    long number = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "ms" -> Duration.ofMillis(number);
      case "s" -> Duration.ofSeconds(number);
      case "m" -> Duration.ofMinutes(number);
      default -> Duration.ofHours(number);
    };
  }

  /**
   * Reads what an option has: fractions and microseconds too, such as {@code 12.5s} or {@code
   * 250us}, and a year at most, so that sums of them are still nanoseconds.
   *
   * @throws IllegalArgumentException with a clause that shows the form, when {@code text} has
   *     another one
   */
  public static Duration parseFine(String text) {
    Matcher matcher = FINE.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          reason(text) + "; write a number and us, ms, s, m or h, such as 12.5s or 250ms");
    }
    Duration unit =
        switch (matcher.group(2)) {
          case "us" -> Duration.ofNanos(1_000);
          case "ms" -> Duration.ofMillis(1);
          case "s" -> Duration.ofSeconds(1);
          case "m" -> Duration.ofMinutes(1);
          default -> Duration.ofHours(1);
        };
    BigDecimal nanos =
        new BigDecimal(matcher.group(1)).multiply(BigDecimal.valueOf(unit.toNanos()));
    if (nanos.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException("'" + text + "' is longer than a year (8760h)");
    }
    return Duration.ofNanos(nanos.longValue());
  }

  private static String reason(String text) {
    return NUMBER.matcher(text).matches()
        ? "'" + text + "' has no unit"
        : "'" + text + "' is not a duration";
  }
}
