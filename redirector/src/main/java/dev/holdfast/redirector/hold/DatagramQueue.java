package dev.holdfast.redirector.hold;

import dev.holdfast.redirector.flow.Flow;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What is held of a flow without sequence numbers: the newest datagrams are worth the most. */
final class DatagramQueue extends FlowQueue {
  private final ArrayDeque<HeldPacket> packets = new ArrayDeque<>();

  DatagramQueue(@Nullable Flow flow, Share share) {
    super(flow, share);
  }

  @Override
  void insert(HeldPacket packet, List<HeldPacket> superseded) {
    packets.add(packet);
  }

  @Override
  void take(HeldPacket packet) {
    if (packets.peek() == packet) { // whatever removes one removes the oldest
      packets.remove();
    } else {
      packets.remove(packet);
    }
  }

  @Override
  @Nullable HeldPacket worst() {
    return packets.size() > 1 ? packets.peek() : null;
  }

  @Override
  List<HeldPacket> all() {
    return List.copyOf(packets);
  }
}
