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

  /** What is sent on one comes in the same order. */
  final class Stream {
    private long newest;

    /**
     * Plans {@code arrival} for when these bytes have come.
     *
     * @param bytes how many; each segment of them may be lost and is then sent again
     */
    void send(int bytes, Runnable arrival) {
      long at = time.nanoTime() + options.delayNanos();
      int segments = 1 + bytes / Math.max(1, options.mtu() - 60);
      if (options.loss() > 0 && random.nextDouble() < 1 - Math.pow(1 - options.loss(), segments)) {
        lost++;
        at += 2 * options.delayNanos(); // it is missed, and sent again
      }
      long outage = outageEnd(time.nanoTime());
      if (outage > 0) {
        at = outage + options.delayNanos() + RETRY_NANOS;
      }
      if (at >= newest && at == time.nanoTime() + options.delayNanos()) {
        newest = at;
        line.add(arrival);
        return;
      }
      newest = Math.max(newest, at);
      time.at(newest, arrival);
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
