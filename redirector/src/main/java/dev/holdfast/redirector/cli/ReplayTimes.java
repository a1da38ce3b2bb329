package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.replay.GuestPlan;
import dev.holdfast.redirector.replay.WanOptions;
import dev.holdfast.tunnel.packet.IpAddress;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Moments and lengths of time of a replay, as people write them: {@code 12.5s}, {@code 250us}. */
final class ReplayTimes {
  private static final Pattern FORM = Pattern.compile("(\\d{1,9}(?:\\.\\d{1,9})?)(us|ms|s|m|h)");
  private static final BigDecimal LONGEST = BigDecimal.valueOf(8_760L * 3_600_000_000_000L);
  private static final Pattern PACKET = Pattern.compile("packet:(\\d{1,18})");
  private static final Pattern PERCENT = Pattern.compile("(\\d{1,3}(?:\\.\\d{1,9})?)%");

  private ReplayTimes() {}

  /** Nanoseconds. */
  static long nanos(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' is no time; write a number and us, ms, s, m or h, such as 12.5s or 250ms");
    }
    long unit =
        switch (matcher.group(2)) {
          case "us" -> 1_000L;
          case "ms" -> 1_000_000L;
          case "s" -> 1_000_000_000L;
          case "m" -> 60_000_000_000L;
          default -> 3_600_000_000_000L;
        };
    BigDecimal nanos = new BigDecimal(matcher.group(1)).multiply(BigDecimal.valueOf(unit));
    if (nanos.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException("'" + text + "' is longer than a year (8760h)");
    }
    return nanos.longValue();
  }

  private static GuestPlan.Move move(String text) {
    Matcher packet = PACKET.matcher(text);
    return packet.matches()
        ? new GuestPlan.Move.AtPacket(Long.parseLong(packet.group(1)))
        : new GuestPlan.Move.AtTime(nanos(text));
  }

  /** A length of time in nanoseconds. */
  static final class Length implements ITypeConverter<Long> {
    @Override
    public Long convert(String value) {
      return said(() -> nanos(value));
    }
  }

  /** {@code 12.5s} or {@code packet:340}. */
  static final class Moment implements ITypeConverter<GuestPlan.Move> {
    @Override
    public GuestPlan.Move convert(String value) {
      return said(() -> {
        if (value.startsWith("packet:") && !PACKET.matcher(value).matches()) {
          throw new IllegalArgumentException(
              "'" + value + "' names no packet; write its number, such as packet:340");
        }
        return move(value);
      });
    }
  }

  /** {@code 0.1%} or {@code 0.001}. */
  static final class Likelihood implements ITypeConverter<Double> {
    @Override
    public Double convert(String value) {
      return said(() -> {
        Matcher percent = PERCENT.matcher(value);
        double likelihood;
        try {
          likelihood =
              percent.matches()
                  ? Double.parseDouble(percent.group(1)) / 100
                  : Double.parseDouble(value);
        } catch (NumberFormatException e) {
          likelihood = -1;
        }
        if (!(likelihood >= 0 && likelihood <= 1)) {
          throw new IllegalArgumentException(
              "'" + value + "' is no likelihood; write 0.1% or 0.001, at most 100%");
        }
        return likelihood;
      });
    }
  }

  /** {@code 14s+2s}: from when, and how long. */
  static final class OutageOption implements ITypeConverter<WanOptions.Outage> {
    @Override
    public WanOptions.Outage convert(String value) {
      return said(() -> {
        int plus = value.indexOf('+');
        if (plus < 0) {
          throw new IllegalArgumentException(
              "'"
                  + value
                  + "' is no outage; write when it begins and how long it lasts, as 14s+2s");
        }
        return new WanOptions.Outage(
            nanos(value.substring(0, plus)), nanos(value.substring(plus + 1)));
      });
    }
  }

  /** {@code 10.1.0.10,fd00::10@12.5s+1s}: addresses, when it moves, how long it is paused. */
  static final class GuestOption implements ITypeConverter<GuestPlan> {
    @Override
    public GuestPlan convert(String value) {
      return said(() -> {
        int at = value.indexOf('@');
        int plus = value.indexOf('+', Math.max(0, at));
        if (at < 1 || plus < at) {
          throw new IllegalArgumentException(
              "'"
                  + value
                  + "' is no guest; write addresses, when it moves and how long it is paused, as"
                  + " 10.1.0.10,fd00:1::10@12.5s+1s");
        }
        return new GuestPlan(
            addresses(List.of(value.substring(0, at).split(","))),
            move(value.substring(at + 1, plus)),
            nanos(value.substring(plus + 1)));
      });
    }
  }

  static List<IpAddress> addresses(List<String> texts) {
    List<IpAddress> addresses = new ArrayList<>();
    for (String text : texts) {
      addresses.add(IpAddress.parse(text));
    }
    return addresses;
  }

  private interface Conversion<T> {
    T get();
  }

  private static <T> T said(Conversion<T> conversion) {
    try {
      return conversion.get();
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(String.valueOf(e.getMessage()));
    }
  }
}
