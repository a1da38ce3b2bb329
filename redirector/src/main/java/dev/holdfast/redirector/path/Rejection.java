package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * The answer to a new connection while draining where {@code drain.stale-syn} is {@code reject}:
 * what a host says that has no such service (RFC 9293, section 3.10.7.1). The one reset that
 * Holdfast ever sends, and nothing lives that it could end.
 */
final class Rejection {
  private static final int LONGEST = VirtioNetHeader.LENGTH + 60;

  private Rejection() {}

  /**
   * @param syn a SYN without ACK
   * @return {@code [virtio_net_hdr][RST, ACK]} to its sender
   */
  static ByteBuf of(PacketView syn) {
    ByteBuf packet = Unpooled.directBuffer(LONGEST);
    new PacketBuilder(syn.destination(), syn.source())
        .tcp(
            syn.destinationPort(),
            syn.sourcePort(),
            0,
            syn.tcpSequence() + syn.tcpSequenceLength() & 0xffff_ffffL,
            PacketView.RST | PacketView.ACK,
            0)
        .writeWithVnet(packet);
    return packet;
  }
}
