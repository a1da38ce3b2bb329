package dev.holdfast.redirector.capturefile;

import dev.holdfast.redirector.config.DurationText;
import java.math.BigDecimal;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A point in a capture: a packet by its number, or so long after the first one.
 *
 * @param packet from 1; 0 for a time
 * @param nanos after the first packet, for a time
 */
public record CapturePoint(long packet, long nanos) {
  private static final Pattern BEGINS_AS_TIME = Pattern.compile("\\d.*[a-z]");
  private static final Pattern PACKET = Pattern.compile("packet:(\\d{1,18})");

  /**
   * Reads {@code packet:340}, {@code 12.5s}, {@code 250us}, {@code 2m} or {@code 1h}.
   *
   * @throws IllegalArgumentException with a sentence that shows the form
   */
  public static CapturePoint parse(String text) {
    Matcher packet = PACKET.matcher(text);
    if (packet.matches()) {
      long number = Long.parseLong(packet.group(1));
      if (number == 0) {
        throw new IllegalArgumentException("packets are counted from 1");
      }
      return new CapturePoint(number, 0);
    }
    if (!BEGINS_AS_TIME.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' is no point in a capture; write packet:340, or a time after the first packet"
              + " such as 12.5s or 250ms");
    }
    return new CapturePoint(0, DurationText.parseFine(text).toNanos());
  }

  /** Whether a packet is before this point. */
  public boolean isAfter(long number, long nanosAfterFirst) {
    return packet > 0 ? number < packet : nanosAfterFirst < nanos;
  }

  /** Whether a packet is behind this point. */
  public boolean isBefore(long number, long nanosAfterFirst) {
    return packet > 0 ? number > packet : nanosAfterFirst > nanos;
  }

  @Override
  public String toString() {
    return packet > 0
        ? "packet:" + packet
        : BigDecimal.valueOf(nanos, 9).stripTrailingZeros().toPlainString() + "s";
  }
}
