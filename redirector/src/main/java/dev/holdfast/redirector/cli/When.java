package dev.holdfast.redirector.cli;

import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/**
 * Times as people read them: local, and how long ago that is.
 *
 * @param nowEpochNanos the present, nanoseconds since the Unix epoch
 */
record When(long nowEpochNanos, ZoneId zone) {
  private static final DateTimeFormatter WITH_DATE =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT);
  private static final DateTimeFormatter OF_DAY =
      DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT);

  /** {@code 12:00:01 (3 min ago)}, with the date unless it is today's. */
  String at(long epochNanos) {
    long millis = (nowEpochNanos - epochNanos) / 1_000_000;
    String distance = millis >= 0 ? Amounts.time(millis) + " ago" : "in " + Amounts.time(-millis);
    return clock(epochNanos) + " (" + distance + ")";
  }

  /** {@code 12:00:01}, with the date unless it is today's. */
  String clock(long epochNanos) {
    ZonedDateTime time = local(epochNanos);
    LocalDate today = local(nowEpochNanos).toLocalDate();
    return time.format(time.toLocalDate().equals(today) ? OF_DAY : WITH_DATE);
  }

  private ZonedDateTime local(long epochNanos) {
    return Instant.EPOCH.plusNanos(epochNanos).atZone(zone);
  }
}
