package dev.holdfast.redirector.replay.report;

import java.util.Locale;

/** Numbers in a report. */
final class Figures {
  private static final double NANOS_PER_MILLI = 1e6;

  private Figures() {}

  /** Milliseconds with one digit, such as {@code 12.5 ms}; seconds from ten on. */
  static String time(long nanos) {
    double millis = nanos / NANOS_PER_MILLI;
    return millis < 10_000
        ? String.format(Locale.ROOT, "%.1f ms", millis)
        : String.format(Locale.ROOT, "%.1f s", millis / 1_000);
  }

  /** Milliseconds to the microsecond, such as {@code 0.085 ms}. */
  static String fine(long nanos) {
    return String.format(Locale.ROOT, "%.3f ms", nanos / NANOS_PER_MILLI);
  }

  /** Seconds of the capture's time, such as {@code 12.500 s}. */
  static String moment(long nanos) {
    return String.format(Locale.ROOT, "%.3f s", nanos / 1e9);
  }

  static String plain(double number) {
    return number == Math.rint(number)
        ? Long.toString((long) number)
        : String.format(Locale.ROOT, "%.3f", number);
  }

  /** {@code 1 packet}, {@code 2 packets}. */
  static String count(long number, String what) {
    return String.format(Locale.ROOT, "%,d %s%s", number, what, number == 1 ? "" : "s");
  }
}
