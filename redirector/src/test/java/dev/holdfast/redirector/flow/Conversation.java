package dev.holdfast.redirector.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * A guest and a peer on two ports, whose packets tests put together one by one. Each packet lies
 * behind a virtio_net_hdr in a buffer of its own that was full of 0xa5 before.
 */
public record Conversation(IpAddress guest, int guestPort, IpAddress peer, int peerPort) {
  public static final int WINDOW = 1000;

  /** A guest's port 443 and a peer's port 50000. */
  public static Conversation v4() {
    return new Conversation(IpAddress.parse("10.1.0.10"), 443, IpAddress.parse("10.9.0.2"), 50_000);
  }

  public static Conversation v6() {
    return new Conversation(
        IpAddress.parse("fd00:1::10"), 443, IpAddress.parse("fd00:9::2"), 50_000);
  }

  public Conversation withPeerPort(int port) {
    return new Conversation(guest, guestPort, peer, port);
  }

  public Conversation withPeer(IpAddress other) {
    return new Conversation(guest, guestPort, other, peerPort);
  }

  public FlowKey key() {
    return new FlowKey(PacketView.TCP, guest, guestPort, peer, peerPort);
  }

  /** A segment with {@link #WINDOW}; flags without ACK say nothing by their acknowledgment. */
  public PacketView tcp(
      Direction direction, int flags, long sequence, long acknowledgment, int bytes) {
    return tcp(direction, flags, sequence, acknowledgment, bytes, WINDOW);
  }

  public PacketView tcp(
      Direction direction,
      int flags,
      long sequence,
      long acknowledgment,
      int bytes,
      int window,
      byte... options) {
    boolean toGuest = direction == Direction.TO_GUEST;
    return view(
        builder(direction)
            .tcp(
                toGuest ? peerPort : guestPort,
                toGuest ? guestPort : peerPort,
                sequence & 0xffff_ffffL,
                acknowledgment & 0xffff_ffffL,
                flags,
                window,
                options)
            .payload(bytes));
  }

  public PacketView udp(Direction direction, int bytes) {
    boolean toGuest = direction == Direction.TO_GUEST;
    return view(
        builder(direction)
            .udp(toGuest ? peerPort : guestPort, toGuest ? guestPort : peerPort)
            .payload(bytes));
  }

  public PacketView icmp(Direction direction, int type, int identifier) {
    return view(builder(direction).icmp(type, 0, identifier << 16 | 1).payload(8));
  }

  public PacketBuilder builder(Direction direction) {
    return direction == Direction.TO_GUEST
        ? new PacketBuilder(peer, guest)
        : new PacketBuilder(guest, peer);
  }

  /** A checked view of what a builder makes. */
  public static PacketView view(PacketBuilder builder) {
    ByteBuf buf = Unpooled.buffer();
    while (buf.isWritable()) {
      buf.writeByte(0xa5);
    }
    buf.clear();
    int start = builder.writeWithVnet(buf);
    var view = new PacketView();
    assertThat(view.check(buf, start, buf.writerIndex() - start)).isEqualTo(PacketFault.NONE);
    assertThat(start).isEqualTo(VirtioNetHeader.LENGTH);
    return view;
  }
}
