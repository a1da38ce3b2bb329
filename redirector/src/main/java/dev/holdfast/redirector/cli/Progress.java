package dev.holdfast.redirector.cli;

import dev.holdfast.tunnel.time.Clock;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Says from time to time how far a long reading has come; nothing of one that is short. For one
 * thread.
 */
final class Progress {
  private static final long EVERY = TimeUnit.SECONDS.toNanos(3);

  /** The clock is not looked at for each packet. */
  private static final int STEP = 8_192;

  private final Clock clock;
  private final Consumer<String> say;
  private final long total;
  private final long begun;
  private long said;
  private int steps;

  /**
   * Begins.
   *
   * @param total bytes that there are; 0 where that is not known
   */
  Progress(Clock clock, long total, Consumer<String> say) {
    this.clock = clock;
    this.total = total;
    this.say = say;
    this.begun = clock.nanoTime();
    this.said = begun;
  }

  /** Whether {@link #at} would look at the clock; to be asked for each packet. */
  boolean isDue() {
    return (++steps & STEP - 1) == 0;
  }

  /** So many packets and bytes have been read. */
  void at(long packets, long bytes) {
    long now = clock.nanoTime();
    if (now - said < EVERY) {
      return;
    }
    said = now;
    String part =
        total > 0
            ? String.format(
                Locale.ROOT, "%.0f %% of %s", 100.0 * bytes / total, Amounts.bytes(total))
            : Amounts.bytes(bytes);
    say.accept(
        String.format(
            Locale.ROOT,
            "%,d packets, %s, %,d packets/s",
            packets,
            part,
            packets * TimeUnit.SECONDS.toNanos(1) / Math.max(1, now - begun)));
  }
}
