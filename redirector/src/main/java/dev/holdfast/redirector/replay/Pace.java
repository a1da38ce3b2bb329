package dev.holdfast.redirector.replay;

import java.math.BigDecimal;

/** When a live replay sends the packets of its capture. */
public sealed interface Pace {
  /** As captured, so many times as fast. */
  record Speed(BigDecimal factor) implements Pace {
    public Speed {
      if (factor.signum() <= 0) {
        throw new IllegalArgumentException("a speed is more than nothing");
      }
    }

    @Override
    public long moment(long number, long captureNanos) {
      return (long) (captureNanos / factor.doubleValue());
    }

    @Override
    public String toString() {
      return "speed " + factor.stripTrailingZeros().toPlainString();
    }
  }

  /** So many packets of the capture a second, at even distances. */
  record Rate(BigDecimal perSecond) implements Pace {
    private static final double NANOS = 1e9;

    public Rate {
      if (perSecond.signum() <= 0) {
        throw new IllegalArgumentException("a rate is more than nothing");
      }
    }

    @Override
    public long moment(long number, long captureNanos) {
      return (long) ((number - 1) * (NANOS / perSecond.doubleValue()));
    }

    @Override
    public String toString() {
      return perSecond.stripTrailingZeros().toPlainString() + " packets a second";
    }
  }

  /** Each as soon as the one before it is out. */
  record AtOnce() implements Pace {
    @Override
    public long moment(long number, long captureNanos) {
      return NO_MOMENT;
    }

    @Override
    public String toString() {
      return "as fast as possible";
    }
  }

  /** A packet has no moment of its own: it goes now. */
  long NO_MOMENT = -1;

  Pace AS_CAPTURED = new Speed(BigDecimal.ONE);

  /**
   * When a packet is sent, counted from the replay's begin and never from the packet before, so
   * that nothing adds up; or {@link #NO_MOMENT}.
   *
   * @param number from 1
   * @param captureNanos its time after the capture's first packet
   */
  long moment(long number, long captureNanos);
}
