package dev.holdfast.redirector.hold;

import org.jspecify.annotations.Nullable;

/** A share whose packets are all worth the same, the newer the more: datagrams, and lone SYNs. */
final class OldestFirst extends Share {
  private final ArrivalOrder order = new ArrivalOrder(packet -> packet.queue.share == this);

  OldestFirst(HoldLimits limits, int numerator, int denominator) {
    super(limits, numerator, denominator);
  }

  @Override
  void arrived(HeldPacket packet) {
    order.add(packet);
  }

  @Override
  void left(HeldPacket packet) {
    order.oneLeft();
  }

  @Override
  @Nullable HeldPacket leastWorth() {
    return order.oldest();
  }

  @Override
  @Nullable HeldPacket worthMore() {
    return null;
  }

  @Override
  @Nullable HeldPacket worthMost() {
    return null;
  }
}
