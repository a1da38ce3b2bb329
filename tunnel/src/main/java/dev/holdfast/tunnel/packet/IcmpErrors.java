package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;

/**
 * The one ICMP error that is ever sent: the packet does not fit. Fragmentation Needed for IPv4 (RFC
 * 792, RFC 1191 section 4), Packet Too Big for IPv6 (RFC 4443 section 3.2).
 */
public final class IcmpErrors {
  /** RFC 1812 section 4.3.2.3: as much as fits into a datagram of this size. */
  private static final int V4_LONGEST = 576;

  /** RFC 4443 sections 2.4 c and 3.2: as much as fits into the smallest MTU of IPv6. */
  private static final int V6_LONGEST = 1280;

  private static final int V4_HEADER = 20;
  private static final int V6_HEADER = 40;
  private static final int ICMP_HEADER = 8;

  private static final int V4_UNREACHABLE = 3;
  private static final int V4_FRAGMENTATION_NEEDED = 4; // a code
  private static final int V6_PACKET_TOO_BIG = 2;
  private static final int V6_REDIRECT = 137;

  /** RFC 791 section 3.2: every link carries this much. */
  private static final int V4_SMALLEST_MTU = 68;

  /** RFC 1812 section 4.3.2.5: precedence INTERNETWORK CONTROL. */
  private static final int V4_TOS = 0xc0;

  private IcmpErrors() {}

  /**
   * Appends the answer to a packet that is longer than {@code mtu}: an IP packet from {@code
   * source} to the packet's sender, quoting its beginning.
   *
   * @param source an address of this host, of the packet's own family
   * @param mtu bytes of IP packet that would pass; what IP does not allow is raised (68, 1280)
   * @return false, with nothing written, where {@link #mayAnswer} says no
   */
  public static boolean tooBig(ByteBuf out, PacketView packet, IpAddress source, int mtu) {
    return tooBig(out, packet, source, mtu, packet.length());
  }

  /**
   * The same where only the first {@code there} bytes of the packet are there to be quoted.
   *
   * @param there at least the packet's headers
   */
  public static boolean tooBig(
      ByteBuf out, PacketView packet, IpAddress source, int mtu, int there) {
    if (source.isV4() != packet.isV4()) {
      throw new IllegalArgumentException(source + " is of another family than the packet");
    }
    if (!mayAnswer(packet)) {
      return false;
    }
    boolean isV4 = packet.isV4();
    int header = isV4 ? V4_HEADER : V6_HEADER;
    int longest = isV4 ? V4_LONGEST : V6_LONGEST;
    int quoted = Math.min(Math.min(packet.length(), there), longest - header - ICMP_HEADER);
    int start = out.writerIndex();
    if (isV4) {
      out.writeShort(0x4500 | V4_TOS);
      out.writeShort(header + ICMP_HEADER + quoted);
      out.writeInt(0x4000); // identification 0, Don't Fragment (RFC 6864 section 4.1)
      out.writeByte(64);
      out.writeByte(PacketView.ICMP);
      out.writeShort(0);
      out.writeInt(source.v4Bits());
      out.writeInt((int) packet.sourceLow());
      out.setShort(start + 10, Checksums.ipv4Header(out, start, header));
      out.writeByte(V4_UNREACHABLE);
      out.writeByte(V4_FRAGMENTATION_NEEDED);
      out.writeShort(0);
      out.writeInt(Math.max(Math.min(mtu, 0xffff), V4_SMALLEST_MTU));
    } else {
      out.writeInt(6 << 28);
      out.writeShort(ICMP_HEADER + quoted);
      out.writeByte(PacketView.ICMPV6);
      out.writeByte(64);
      out.writeLong(source.high());
      out.writeLong(source.low());
      out.writeLong(packet.sourceHigh());
      out.writeLong(packet.sourceLow());
      out.writeByte(V6_PACKET_TOO_BIG);
      out.writeByte(0);
      out.writeShort(0);
      out.writeInt(Math.max(mtu, V6_LONGEST));
    }
    out.writeBytes(packet.buffer(), packet.start(), quoted);
    int message = start + header;
    int length = ICMP_HEADER + quoted;
    // RFC 4443 section 2.3: the pseudo-header counts for ICMPv6, and not for ICMP
    int seed =
        isV4
            ? 0
            : Checksums.fold(
                (long) Checksums.sum(out, start + 8, 32, 0) + PacketView.ICMPV6 + length);
    out.setShort(message + 2, ~Checksums.sum(out, message, length, seed));
    return true;
  }

  /**
   * Whether an error may be sent about this packet. That its source is no group and no loopback
   * address has been checked ({@link PacketFault#BAD_SOURCE}).
   *
   * <ul>
   *   <li>IPv4 (RFC 792; RFC 1122 section 3.2.2, which RFC 1812 section 4.3.2.7 has for routers
   *       too): not about an ICMP error, a later fragment, or a packet to or from what is no single
   *       host; nor about one that may be fragmented instead.
   *   <li>IPv6 (RFC 4443 section 2.4 e): not about an ICMPv6 error or redirect, or a packet from
   *       what is no single node. About one to a group this error might be sent (e.3, exception 1),
   *       but none is: groups do not enter the tunnel.
   *   <li>Of IPv6's later fragments RFC 4443 says nothing. What quotes one names no protocol above,
   *       by which its receiver would find whom it is for (section 2.4 d), so it would be lost; the
   *       first fragment, which is as long, is answered.
   * </ul>
   */
  public static boolean mayAnswer(PacketView packet) {
    if (!packet.dontFragment() || packet.fragmentOffset() > 0 || isIcmpError(packet)) {
      return false;
    }
    if (packet.isV4()) {
      int source = (int) packet.sourceLow();
      int destination = (int) packet.destinationLow();
      // 0/8 is "this network"; from 224/4 on: multicast, reserved, broadcast
      return source >>> 24 != 0 && source >>> 28 < 0xe && destination >>> 28 < 0xe;
    }
    boolean unspecified = packet.sourceHigh() == 0 && packet.sourceLow() == 0;
    return !unspecified && packet.destinationHigh() >>> 56 != 0xff;
  }

  private static boolean isIcmpError(PacketView packet) {
    if (!packet.isIcmp()) {
      return false;
    }
    int type = packet.icmpType();
    return packet.isV4()
        ? switch (type) {
          case 3, 4, 5, 11, 12 -> true; // RFC 1122 section 3.2.2 lists them; 5 is a redirect
          default -> false;
        }
        : type < 128 || type == V6_REDIRECT; // RFC 4443 section 2.4 e.1, e.2
  }
}
