package dev.holdfast.redirector.dns;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.TSIGRecord;

/**
 * A server's answer that may be believed.
 *
 * @param signed whether its signature is there and right
 */
record Answer(Message message, boolean signed) {
  /** How many bytes of server time BADTIME carries (RFC 8945 section 5.2.3). */
  private static final int TIME_BYTES = 6;

  int rcode() {
    return message.getHeader().getRcode();
  }

  /** The error within the TSIG record, such as BADKEY; NOERROR when there is none. */
  int signatureError() {
    TSIGRecord signature = message.getTSIG();
    return signature == null ? Rcode.NOERROR : signature.getError();
  }

  /**
   * How far the server's clock is ahead of {@code now}, negative when behind; empty when it does
   * not say.
   */
  Optional<Duration> clockDifference(Instant now) {
    TSIGRecord signature = message.getTSIG();
    if (signature == null) {
      return Optional.empty();
    }
    if (signature.getError() == Rcode.BADTIME) {
      byte[] other = signature.getOther();
      return other == null || other.length != TIME_BYTES
          ? Optional.empty()
          : Optional.of(Duration.between(now, Instant.ofEpochSecond(unsigned(other))));
    }
    return signed
        ? Optional.of(Duration.between(now, signature.getTimeSigned()))
        : Optional.empty();
  }

  private static long unsigned(byte[] bytes) {
    long value = 0;
    for (byte each : bytes) {
      value = value << 8 | each & 0xff;
    }
    return value;
  }
}
