package dev.holdfast.tunnel.packet;

import static dev.holdfast.tunnel.packet.VirtioNetHeader.FLAG_DATA_VALID;
import static dev.holdfast.tunnel.packet.VirtioNetHeader.FLAG_NEEDS_CHECKSUM;
import static dev.holdfast.tunnel.packet.VirtioNetHeader.GSO_ECN;
import static dev.holdfast.tunnel.packet.VirtioNetHeader.GSO_NONE;
import static dev.holdfast.tunnel.packet.VirtioNetHeader.GSO_TCPV4;
import static dev.holdfast.tunnel.packet.VirtioNetHeader.GSO_TCPV6;
import static dev.holdfast.tunnel.packet.VirtioNetHeader.GSO_UDP_L4;

import io.netty.buffer.ByteBuf;

/**
 * Says whether a {@code virtio_net_hdr} that came from another host fits the packet behind it.
 *
 * <p>The kernel takes such a header at its word: it writes a checksum wherever the header points to
 * when the packet leaves, which is after its addresses were looked at. A header that points into
 * the IP header could so change an address that was granted into one that was not.
 */
public final class OffloadCheck {
  /** One super-packet may become this many packets at most: 65,535 bytes at the smallest MSS. */
  public static final int MAX_SEGMENTS = 2048;

  private static final int TCP_CHECKSUM = 16;
  private static final int UDP_CHECKSUM = 6;
  private static final int UDP_HEADER = 8;

  private static final int IP_IN_IP = 4;
  private static final int IPV6_IN_IP = 41;
  private static final int GRE = 47;

  private OffloadCheck() {}

  /**
   * Checks the header at {@code vnetIndex} against the packet that {@code view} shows.
   *
   * @param view has been checked and has answered {@link PacketFault#NONE}
   * @return {@link PacketFault#NONE} or {@link PacketFault#BAD_VNET_HEADER}
   */
  public static PacketFault check(ByteBuf buf, int vnetIndex, PacketView view) {
    return fits(buf, vnetIndex, view) ? PacketFault.NONE : PacketFault.BAD_VNET_HEADER;
  }

  private static boolean fits(ByteBuf buf, int vnet, PacketView view) {
    if (vnet < 0 || vnet > buf.writerIndex() - VirtioNetHeader.LENGTH) {
      return false;
    }
    int flags = VirtioNetHeader.flags(buf, vnet);
    if ((flags & ~(FLAG_NEEDS_CHECKSUM | FLAG_DATA_VALID)) != 0
        || VirtioNetHeader.headerLength(buf, vnet) > view.length()) {
      return false;
    }
    boolean partial = (flags & FLAG_NEEDS_CHECKSUM) != 0;
    int start = view.start() + VirtioNetHeader.checksumStart(buf, vnet);
    int offset = VirtioNetHeader.checksumOffset(buf, vnet);
    boolean isOwn = partial && isOwnChecksum(view, start, offset);
    if (VirtioNetHeader.gsoType(buf, vnet) == GSO_NONE) {
      return !partial || isOwn || isNestedChecksum(view, start, offset);
    }
    return isOwn && fitsGso(buf, vnet, view);
  }

  private static boolean isOwnChecksum(PacketView view, int start, int offset) {
    if (view.isFragment() || start != view.transportStart()) {
      return false;
    }
    return switch (view.protocol()) {
      case PacketView.TCP -> offset == TCP_CHECKSUM;
      case PacketView.UDP -> offset == UDP_CHECKSUM;
      default -> false;
    };
  }

  /**
   * A guest that runs a tunnel of its own (VXLAN, GRE, IP-in-IP) leaves the checksum of the TCP or
   * UDP inside of it to the device, which sums whatever it is told to.
   */
  private static boolean isNestedChecksum(PacketView view, int start, int offset) {
    boolean carriesPackets =
        switch (view.protocol()) {
          case PacketView.UDP, IP_IN_IP, IPV6_IN_IP, GRE -> !view.isFragment();
          default -> false;
        };
    return carriesPackets
        && (offset == TCP_CHECKSUM || offset == UDP_CHECKSUM)
        && start >= view.transportStart() + UDP_HEADER
        && start + offset + 2 <= view.end();
  }

  /** The checksum has been found to be the packet's own, so this is a whole TCP or UDP packet. */
  private static boolean fitsGso(ByteBuf buf, int vnet, PacketView view) {
    int type = VirtioNetHeader.gsoType(buf, vnet);
    int room = view.end() - view.transportStart();
    boolean typeFits;
    int header;
    if (type == GSO_UDP_L4) {
      typeFits = view.protocol() == PacketView.UDP && view.udpLength() == room;
      header = UDP_HEADER;
    } else {
      // No stack sends SYN or RST more than once, which is what cutting up would do.
      typeFits =
          (type & ~GSO_ECN) == (view.isV4() ? GSO_TCPV4 : GSO_TCPV6)
              && view.protocol() == PacketView.TCP
              && (view.tcpFlags() & (PacketView.SYN | PacketView.RST)) == 0;
      header = view.tcpHeaderLength();
    }
    int size = VirtioNetHeader.gsoSize(buf, vnet);
    return typeFits
        && size > 0
        && view.transportStart() - view.start() + header + size <= 65_535
        && room - header <= (long) size * MAX_SEGMENTS;
  }
}
