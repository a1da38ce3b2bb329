package dev.holdfast.redirector.hold;

import java.util.ArrayDeque;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Packets in the order in which they arrived. One that leaves from the middle stays as a dead entry
 * until it is met or there are as many dead as living ones: every operation takes constant time on
 * average.
 */
final class ArrivalOrder {
  private static final int TIDY_FROM = 64;

  private final Predicate<HeldPacket> belongs;
  private ArrayDeque<HeldPacket> packets = new ArrayDeque<>();
  private int living;

  /**
   * @param belongs what makes a packet that is still held one of this order
   */
  ArrivalOrder(Predicate<HeldPacket> belongs) {
    this.belongs = belongs;
  }

  void add(HeldPacket packet) {
    packets.add(packet);
    living++;
  }

  /** A packet of this order is gone, or does not belong here any more. */
  void oneLeft() {
    living--;
    if (packets.size() > TIDY_FROM && packets.size() > 2 * living) {
      ArrayDeque<HeldPacket> tidy = new ArrayDeque<>(living + 1);
      forEach(tidy::add);
      packets = tidy;
    }
  }

  @Nullable HeldPacket oldest() {
    while (true) {
      HeldPacket packet = packets.peek();
      if (packet == null || isHere(packet)) {
        return packet;
      }
      packets.remove();
    }
  }

  void forEach(Consumer<HeldPacket> visitor) {
    for (HeldPacket packet : packets) {
      if (isHere(packet)) {
        visitor.accept(packet);
      }
    }
  }

  private boolean isHere(HeldPacket packet) {
    return !packet.gone && belongs.test(packet);
  }
}
