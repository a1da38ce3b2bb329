package dev.holdfast.redirector.cli;

import static dev.holdfast.redirector.cli.OptionValues.said;

import dev.holdfast.redirector.capturefile.CapturePoint;
import dev.holdfast.redirector.config.DurationText;
import dev.holdfast.redirector.replay.GuestPlan;
import dev.holdfast.redirector.replay.WanOptions;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;

/** What options of captures and replays stand for: points in a capture, shares, outages, guests. */
final class ReplayTimes {
  private static final Pattern PERCENT = Pattern.compile("(\\d{1,3}(?:\\.\\d{1,9})?)%");

  private ReplayTimes() {}

  private static long nanos(String text) {
    return DurationText.parseFine(text).toNanos();
  }

  private static GuestPlan.Move move(CapturePoint point) {
    return point.packet() > 0
        ? new GuestPlan.Move.AtPacket(point.packet())
        : new GuestPlan.Move.AtTime(point.nanos());
  }

  /** {@code 12.5s} or {@code packet:340}. */
  static final class Point implements ITypeConverter<CapturePoint> {
    @Override
    public CapturePoint convert(String value) {
      return said(() -> CapturePoint.parse(value));
    }
  }

  /** The same, as what a guest does then. */
  static final class Moment implements ITypeConverter<GuestPlan.Move> {
    @Override
    public GuestPlan.Move convert(String value) {
      return said(() -> move(CapturePoint.parse(value)));
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
            move(CapturePoint.parse(value.substring(at + 1, plus))),
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
}
