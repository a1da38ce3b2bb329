package dev.holdfast.redirector.capturefile;

/**
 * What one unit of a pcapng interface's time stamps is (if_tsresol): a power of ten, or of two, of
 * a second.
 */
record TickLength(boolean binary, int power) {
  static final TickLength MICROSECOND = new TickLength(false, 6);

  private static final int FINEST_DECIMAL = 18;
  private static final int FINEST_BINARY = 63;
  private static final long NANOS = 1_000_000_000L;

  static TickLength of(int option) {
    return new TickLength((option & 0x80) != 0, option & 0x7f);
  }

  /** Finer ones do not fit into the 64 bits of a time stamp. */
  boolean isKnown() {
    return power <= (binary ? FINEST_BINARY : FINEST_DECIMAL);
  }

  /** Nanoseconds of so many units, an unsigned number; as much as fits where it is too large. */
  long nanos(long ticks) {
    if (binary) {
      long seconds = power == 0 ? ticks : ticks >>> power;
      long rest = ticks & (1L << power) - 1;
      long high = Math.multiplyHigh(rest, NANOS); // rest is below 2^63
      long low = rest * NANOS;
      long part = power == 0 ? 0 : high << 64 - power | low >>> power;
      return seconds < 0 || seconds > (Long.MAX_VALUE - part) / NANOS
          ? Long.MAX_VALUE
          : seconds * NANOS + part;
    }
    if (power >= 9) {
      return clamped(Long.divideUnsigned(ticks, tenTo(power - 9)), 1);
    }
    return clamped(ticks, tenTo(9 - power));
  }

  private static long clamped(long count, long each) {
    return count < 0 || count > Long.MAX_VALUE / each ? Long.MAX_VALUE : count * each;
  }

  private static long tenTo(int power) {
    long value = 1;
    for (int i = 0; i < power; i++) {
      value *= 10;
    }
    return value;
  }
}
