package dev.holdfast.redirector.hold;

import dev.holdfast.redirector.flow.Flow;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What is held of one flow. */
abstract sealed class FlowQueue permits TcpQueue, DatagramQueue {
  /** The share that it draws on now: a SYN-only flow may become a known one. */
  Share share;

  /** Null where it is shared by packets whose flow is not followed, or by fragments. */
  final @Nullable Flow flow;

  private int packets;
  private long bytes;

  FlowQueue(@Nullable Flow flow, Share share) {
    this.flow = flow;
    this.share = share;
  }

  int packets() {
    return packets;
  }

  long bytes() {
    return bytes;
  }

  /**
   * Adds a packet.
   *
   * @param superseded gets the packets that it makes needless, to be removed by the caller; the
   *     added packet itself where an earlier one says more
   */
  final void add(HeldPacket packet, List<HeldPacket> superseded) {
    packets++;
    bytes += packet.length;
    insert(packet, superseded);
  }

  final void remove(HeldPacket packet) {
    packets--;
    bytes -= packet.length;
    take(packet);
  }

  abstract void insert(HeldPacket packet, List<HeldPacket> superseded);

  abstract void take(HeldPacket packet);

  /** The packet that is given up first, or null where the last one should stay. */
  abstract @Nullable HeldPacket worst();

  /** All of them, in no order. */
  abstract List<HeldPacket> all();
}
