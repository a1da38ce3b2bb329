package dev.holdfast.redirector.hold;

import org.jspecify.annotations.Nullable;

/**
 * The part of a hold queue that flows of one standing may fill. What costs a stranger nothing to
 * make up gets a small part, so that a flood of it cannot displace what both sides have spoken on.
 */
abstract sealed class Share permits OldestFirst, HeaviestFirst {
  private final long maxPackets;
  private final long maxBytes;
  private long packets;
  private long bytes;

  Share(HoldLimits limits, int numerator, int denominator) {
    maxPackets = Math.max(1, (long) limits.packets() * numerator / denominator);
    maxBytes = Math.max(1, limits.bytes() * numerator / denominator);
  }

  final boolean isOver() {
    return packets > maxPackets || bytes > maxBytes;
  }

  final void add(HeldPacket packet) {
    packets++;
    bytes += packet.length;
    arrived(packet);
  }

  final void remove(HeldPacket packet) {
    packets--;
    bytes -= packet.length;
    left(packet);
  }

  /** Has just been added to its queue. */
  abstract void arrived(HeldPacket packet);

  /** Has just been removed from its queue. */
  abstract void left(HeldPacket packet);

  /** The packet whose loss costs least, or null where only what matters is left. */
  abstract @Nullable HeldPacket leastWorth();

  /** A packet that matters to its flow, but not most; null where there is none. */
  abstract @Nullable HeldPacket worthMore();

  /** A packet that matters most to its flow; null where nothing is held. */
  abstract @Nullable HeldPacket worthMost();
}
