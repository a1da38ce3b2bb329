package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/**
 * A guest of the replay, and when it moves.
 *
 * @param olds its old addresses
 * @param move when it is paused
 * @param pauseNanos how long until it runs at the new host
 */
public record GuestPlan(List<IpAddress> olds, Move move, long pauseNanos) {
  /** When a guest is paused. */
  public sealed interface Move {
    /** It stays at the old host. */
    record Never() implements Move {}

    /**
     * @param nanos after the capture's first packet
     */
    record AtTime(long nanos) implements Move {}

    /**
     * @param number of a packet of the capture, from 1; the pause begins before it is sent
     */
    record AtPacket(long number) implements Move {}
  }

  public GuestPlan {
    olds = List.copyOf(olds);
    if (olds.isEmpty()) {
      throw new IllegalArgumentException("a guest has an address");
    }
    if (pauseNanos < 0) {
      throw new IllegalArgumentException("a pause has no negative length");
    }
  }
}
