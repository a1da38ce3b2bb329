package dev.holdfast.redirector.demo.lab;

import java.time.Duration;

/**
 * What the way between the two sites does to packets, in each direction.
 *
 * @param delay how long a packet is on its way, one way
 * @param loss the share of packets that is lost, 0 to 1
 * @param bitsPerSecond how fast packets get on their way, counted as IP packets; 0: at once
 * @param queueBytes what waits for that at most; a packet that finds more waiting is dropped
 * @param seed decides which packets are lost: the n-th of a direction is lost in every run
 */
public record Wan(Duration delay, double loss, long bitsPerSecond, int queueBytes, long seed) {
  /** What a path of 1 Gbit/s holds in half a second. */
  private static final int AMPLE = 64 << 20;

  /** Both sites on one router. */
  public static final Wan NONE = delayed(Duration.ZERO);

  /** As between two sites of one country, and full of other people's packets now and then. */
  public static final Wan USUAL = new Wan(Duration.ofMillis(20), 0.001, 200_000_000, 512 << 10, 42);

  /**
   * Checks what is asked for.
   *
   * @throws IllegalArgumentException when it cannot be
   */
  public Wan {
    if (delay.isNegative() || loss < 0 || loss > 1 || bitsPerSecond < 0 || queueBytes <= 0) {
      throw new IllegalArgumentException(
          "no such way: %s, loss %s, %d bit/s, queue of %d bytes"
              .formatted(delay, loss, bitsPerSecond, queueBytes));
    }
  }

  /** One that takes its time, and nothing else. */
  public static Wan delayed(Duration oneWay) {
    return new Wan(oneWay, 0, 0, AMPLE, 0);
  }

  /** The routers of the two sites are two. */
  boolean isThere() {
    return delay.isPositive() || hurts();
  }

  /** Packets are counted one by one, so none may be a super-packet. */
  boolean hurts() {
    return loss > 0 || bitsPerSecond > 0;
  }
}
