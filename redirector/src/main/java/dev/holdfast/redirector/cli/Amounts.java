package dev.holdfast.redirector.cli;

import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Numbers with their units, as short as they still say what matters. */
final class Amounts {
  private static final String[] BYTE_UNITS = {"B", "KiB", "MiB", "GiB", "TiB"};

  private Amounts() {}

  /** A length of time: {@code 850 ms}, {@code 1.5 s}, {@code 3 min}, {@code 2 h 4 min}. */
  static String time(double millis) {
    if (millis < 10) {
      return millis == Math.rint(millis)
          ? (long) millis + " ms"
          : String.format(Locale.ROOT, "%.1f ms", millis);
    }
    if (millis < 1000) {
      return Math.round(millis) + " ms";
    }
    if (millis < 10_000) {
      return String.format(Locale.ROOT, "%.1f s", millis / 1000);
    }
    long seconds = (long) (millis / 1000);
    if (seconds < 120) {
      return seconds + " s";
    }
    long minutes = seconds / 60;
    if (minutes < 120) {
      return minutes + " min";
    }
    long hours = minutes / 60;
    return hours < 48
        ? hours + " h" + (minutes % 60 == 0 ? "" : " " + minutes % 60 + " min")
        : hours / 24 + " days";
  }

  /** As {@link #time}; a hyphen where there is none. */
  static String timeOrNone(@Nullable Double millis) {
    return millis == null ? "-" : time(millis);
  }

  /** {@code 512 B}, {@code 1.2 MiB}. */
  static String bytes(long bytes) {
    if (bytes < 1024) {
      return bytes + " B";
    }
    double amount = bytes;
    int unit = 0;
    while (amount >= 1024 && unit < BYTE_UNITS.length - 1) {
      amount /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %s", amount, BYTE_UNITS[unit]);
  }

  /** {@code 1 packet}, {@code 2 packets}. */
  static String count(long number, String noun) {
    return number + " " + noun + (number == 1 ? "" : "s");
  }

  /** {@code 3 no-grant, 1 queue-full}; most first. */
  static String reasons(Map<String, Long> byReason) {
    return byReason.entrySet().stream()
        .filter(entry -> entry.getValue() != 0)
        .sorted(
            Map.Entry.<String, Long>comparingByValue()
                .reversed()
                .thenComparing(Map.Entry.comparingByKey()))
        .map(entry -> entry.getValue() + " " + entry.getKey())
        .collect(Collectors.joining(", "));
  }
}
