package dev.holdfast.redirector.demo.lab;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * One direction of a {@link Wan}: what is lost, what waits, and until when. For one thread, on
 * whatever clock its caller has, in nanoseconds.
 *
 * @param <P> a packet
 */
final class WanDirection<P> {
  private record Waiting<P>(P packet, long due, int length) {}

  private final Wan wan;
  private final long delay;
  private final SplittableRandom random;
  private final Deque<Waiting<P>> queue = new ArrayDeque<>();
  private long queuedBytes;
  private long lineFree = Long.MIN_VALUE;
  private long lost;
  private long refused;

  /**
   * @param seed another for each direction
   */
  WanDirection(Wan wan, long seed) {
    this.wan = wan;
    delay = wan.delay().toNanos();
    random = new SplittableRandom(seed);
  }

  /**
   * A packet arrives.
   *
   * @param length of the IP packet, in bytes
   * @return whether it comes out at the other end some time; else it is the caller's again
   */
  boolean offer(P packet, int length, long now) {
    if (wan.loss() > 0 && random.nextDouble() < wan.loss()) {
      lost++;
      return false;
    }
    long sent = now;
    if (wan.bitsPerSecond() > 0) {
      long begin = lineFree == Long.MIN_VALUE || lineFree - now < 0 ? now : lineFree;
      if ((begin - now) / 1e9 * wan.bitsPerSecond() / 8 > wan.queueBytes()) {
        refused++;
        return false;
      }
      sent = begin + length * 8_000_000_000L / wan.bitsPerSecond();
      lineFree = sent;
    } else if (queuedBytes + length > wan.queueBytes()) {
      refused++;
      return false;
    }
    queue.add(new Waiting<>(packet, sent + delay, length));
    queuedBytes += length;
    return true;
  }

  /** The next packet that has arrived by now; null when there is none. */
  @Nullable P poll(long now) {
    Waiting<P> head = queue.peek();
    return head == null || head.due - now > 0 ? null : drain();
  }

  /** The next packet, whether it has arrived or not; null when there is none. */
  @Nullable P drain() {
    Waiting<P> head = queue.poll();
    if (head == null) {
      return null;
    }
    queuedBytes -= head.length;
    return head.packet;
  }

  /** Packets that were lost on the way. */
  long lost() {
    return lost;
  }

  /** Packets that found the queue full. */
  long refused() {
    return refused;
  }
}
