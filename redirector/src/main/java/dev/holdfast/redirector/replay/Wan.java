package dev.holdfast.redirector.replay;

import io.netty.buffer.ByteBuf;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * One direction between the two sites: single packets, which may be lost, and streams, which come
 * whole and in order, later where a network would have lost a part.
 */
final class Wan {
  /**
   * A sender that has heard nothing tries again after that (RFC 6298 section 2.4, as Linux has).
   */
  private static final long RETRY_NANOS = 200_000_000L;

  private static final long LONGEST_RETRY_NANOS = 120_000_000_000L;
  private static final int MOST_REPEATS = 15; // Linux' tcp_retries2
  private static final long NEVER = Long.MAX_VALUE;

  private final VirtualTime time;
  private final WanOptions options;
  private final SplittableRandom random;
  private final VirtualTime.Line line;
  private long lost;
  private long tooLong;
  private long packets;

  /**
   * @param random its own, so that what one direction carries does not change the other's luck
   */
  Wan(VirtualTime time, WanOptions options, SplittableRandom random) {
    this.time = time;
    this.options = options;
    this.random = random;
    this.line = time.line(options.delayNanos());
  }

  /** Carries one outer packet. Takes over the reference. */
  void packet(ByteBuf packet, Consumer<ByteBuf> to) {
    packets++;
    if (packet.readableBytes() > options.mtu()) {
      tooLong++;
      packet.release();
      return;
    }
    double drawn = isFaultless() ? 1 : random.nextDouble();
    if (drawn < options.loss() || outageEnd(time.nanoTime()) > 0) {
      lost++;
      packet.release();
      return;
    }
    drawn -= options.loss();
    long delay = options.delayNanos();
    if (drawn >= options.reorder() + options.duplicate()) {
      line.add(() -> to.accept(packet));
      return;
    }
    if (drawn < options.reorder()) {
      delay += 1 + random.nextLong(Math.max(1, options.delayNanos()));
    } else {
      ByteBuf again = packet.copy();
      time.after(delay, () -> to.accept(again));
    }
    time.after(delay, () -> to.accept(packet));
  }

  private boolean isFaultless() {
    return options.loss() == 0 && options.reorder() == 0 && options.duplicate() == 0;
  }

  /** A stream of its own. */
  Stream stream() {
    return new Stream();
  }

  /**
   * What is sent on one comes in the same order: as TCP carries it, which sends a lost segment
   * again at once when later ones are acknowledged, and after a time that doubles when nothing is
   * heard.
   */
  final class Stream {
    private final SplittableRandom luck = random.split();
    private long newest;
    private boolean broken;

    /** {@link #send(int, Runnable, Runnable)} where nothing is to be done if they never come. */
    void send(int bytes, Runnable arrival) {
      send(bytes, arrival, () -> {});
    }

    /**
     * Plans {@code arrival} for when these bytes have come.
     *
     * @param bytes how many; each segment of them may be lost and is then sent again
     * @param never runs in its place, now, where they will not come: TCP has given up, or an
     *     earlier part has not come
     */
    void send(int bytes, Runnable arrival, Runnable never) {
      long now = time.nanoTime();
      long sent = broken ? NEVER : whenLastPasses(now, bytes);
      if (sent == NEVER) {
        broken = true;
        never.run();
        return;
      }
      long at = sent + options.delayNanos();
      if (sent == now && at >= newest) {
        newest = at;
        line.add(arrival);
        return;
      }
      newest = Math.max(newest, at);
      time.at(newest, arrival);
    }

    private long whenLastPasses(long now, int bytes) {
      int missing = 1 + bytes / Math.max(1, options.mtu() - 60);
      long at = now;
      long timeout = RETRY_NANOS + 2 * options.delayNanos();
      for (int attempt = 0; attempt <= MOST_REPEATS; attempt++) {
        boolean isOut = outageEnd(at) > 0;
        missing = isOut ? missing : lostOf(missing);
        if (missing == 0) {
          return at;
        }
        lost += missing;
        if (attempt == 0 && !isOut) {
          at += 2 * options.delayNanos(); // what came behind it tells of the gap
        } else {
          at += timeout;
          timeout = Math.min(LONGEST_RETRY_NANOS, 2 * timeout);
        }
      }
      return NEVER;
    }

    private int lostOf(int segments) {
      if (options.loss() == 0) {
        return 0;
      }
      int count = 0;
      for (int i = 0; i < segments; i++) {
        count += luck.nextDouble() < options.loss() ? 1 : 0;
      }
      return count;
    }
  }

  /** When the outage ends that is now; 0 where there is none. */
  private long outageEnd(long now) {
    for (WanOptions.Outage outage : options.outages()) {
      long begin = VirtualTime.BEGIN + outage.fromNanos();
      if (now >= begin && now - begin < outage.lengthNanos()) {
        return begin + outage.lengthNanos();
      }
    }
    return 0;
  }

  long packets() {
    return packets;
  }

  long lost() {
    return lost;
  }

  long tooLong() {
    return tooLong;
  }
}
