package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;

/**
 * Writes the virtio_net_hdr of a packet that came without one, from what the packet itself shows.
 *
 * <p>A raw socket and a capture hand over what the kernel has: where segments were merged on
 * receipt (GRO), or never cut because the sender is on the same host, that is a super-packet whose
 * checksum holds the pseudo-header's sum alone.
 */
public final class InferredOffload {
  private InferredOffload() {}

  /** As the other, cut to what the sender can have put on a wire. */
  public static void write(ByteBuf buf, int vnetIndex, PacketView view, int mtu) {
    write(buf, vnetIndex, view, mtu, mtu);
  }

  /**
   * Writes the header at {@code vnetIndex}. A packet whose checksum was left to a device is marked
   * so; TCP longer than {@code mtu} becomes a super-packet, whose checksum field is written anew.
   * All else is a plain packet, a wrong checksum included, which is for the receiver to find.
   *
   * @param mtu the longest packet that the sender can have put on a wire, bytes
   * @param cutTo bytes of the packets that a super-packet is to be cut to; how its sender cut it
   *     cannot be seen
   */
  public static void write(ByteBuf buf, int vnetIndex, PacketView view, int mtu, int cutTo) {
    VirtioNetHeader.clear(buf, vnetIndex);
    int field = Checksums.fieldIndex(view);
    if (field < 0 || view.isIcmp() || (view.isUdp() && buf.getShort(field) == 0)) {
      return;
    }
    int transport = view.transportStart();
    int headers = transport - view.start() + (view.isTcp() ? view.tcpHeaderLength() : 8);
    int room = view.isUdp() ? view.udpLength() : view.end() - transport;
    int pseudo = Checksums.pseudoHeader(view, view.protocol(), room);
    boolean isLong = view.isTcp() && view.length() > mtu && isMerged(buf, view, headers, cutTo);
    boolean maybeLeft = buf.getUnsignedShort(field) == pseudo;
    if (!isLong && !maybeLeft) {
      return; // nearly always: nothing more than a pseudo-header was summed
    }
    boolean isComplete = Checksums.verifyTransport(view);
    if (isComplete ? !isLong : !maybeLeft) {
      return;
    }
    buf.setShort(field, pseudo);
    int type =
        !isLong
            ? VirtioNetHeader.GSO_NONE
            : (view.isV4() ? VirtioNetHeader.GSO_TCPV4 : VirtioNetHeader.GSO_TCPV6)
                | SegmentLength.ecn(view);
    VirtioNetHeader.set(
        buf,
        vnetIndex,
        VirtioNetHeader.FLAG_NEEDS_CHECKSUM,
        type,
        headers,
        isLong ? cutTo - headers : 0,
        transport - view.start(),
        field - transport);
  }

  /**
   * Whether a device can have made it of shorter ones: no stack sends SYN or RST more than once, no
   * other host takes more segments than {@link OffloadCheck} does, and what is signed as a whole
   * (RFC 2385, RFC 5925) was sent as a whole.
   */
  private static boolean isMerged(ByteBuf buf, PacketView view, int headers, int mtu) {
    return mtu > headers
        && (view.tcpFlags() & (PacketView.SYN | PacketView.RST | PacketView.URG)) == 0
        && view.tcpPayloadLength() <= (long) (mtu - headers) * OffloadCheck.MAX_SEGMENTS
        && !SegmentLength.isVouchedFor(buf, view);
  }
}
