package dev.holdfast.tunnel.encap;

import dev.holdfast.tunnel.packet.Checksums;
import io.netty.buffer.ByteBuf;

/**
 * Cuts an IP-in-IP packet into fragments where the inner packet allows it: over IPv4 by RFC 791
 * section 3.2 (RFC 2003 section 3.1), over IPv6 with a fragment header (RFC 8200 section 4.5; RFC
 * 2473 section 7). The far end's kernel puts them together, so the inner packet arrives as it was;
 * a raw socket that writes its own headers is not helped by the kernel here.
 */
public final class OuterFragments {
  private static final int MORE_V4 = 0x2000;
  private static final int MORE_V6 = 1;
  private static final int UNIT = 8;
  private static final int FRAGMENT_HEADER = 8;
  private static final int FRAGMENT = 44; // the next header that says so

  private OuterFragments() {}

  /** The smallest MTU that a path between two hosts has: RFC 791, RFC 8200 section 5. */
  public static int smallestMtu(boolean v4) {
    return v4 ? 68 : IpInIp.IPV6_MINIMUM_MTU;
  }

  /**
   * How many fragments a packet of {@code length} bytes becomes on a path of {@code mtu}.
   *
   * @param v4 whether the outer header is IPv4
   */
  public static int count(int length, int mtu, boolean v4) {
    int data = length - header(v4);
    int each = each(mtu, v4);
    return (data + each - 1) / each;
  }

  private static int header(boolean v4) {
    return v4 ? IpInIp.V4_OUTER : IpInIp.V6_OUTER;
  }

  private static int each(int mtu, boolean v4) {
    if (mtu < smallestMtu(v4)) {
      throw new IllegalArgumentException(
          "an IPv%d path passes %d bytes, so %d is no MTU"
              .formatted(v4 ? 4 : 6, smallestMtu(v4), mtu));
    }
    return (mtu - header(v4) - (v4 ? 0 : FRAGMENT_HEADER)) / UNIT * UNIT;
  }

  /**
   * Appends one fragment.
   *
   * @param packet an outer header as {@link IpInIp} writes it, over IPv4 without Don't Fragment,
   *     and what is inside
   * @param at absolute index of the packet
   * @param length of the packet, bytes
   * @param number 0 to {@link #count} - 1
   * @param identification the same for all fragments of a packet; over IPv4 the header has it
   *     already
   */
  public static void write(
      ByteBuf packet, int at, int length, int mtu, int number, int identification, ByteBuf out) {
    boolean v4 = packet.getUnsignedByte(at) >>> 4 == 4;
    int header = header(v4);
    int each = each(mtu, v4);
    int offset = number * each;
    int data = Math.min(each, length - header - offset);
    boolean more = offset + data < length - header;
    int start = out.writerIndex();
    out.writeBytes(packet, at, header);
    if (v4) {
      out.setShort(start + 2, header + data);
      out.setShort(start + 6, offset / UNIT | (more ? MORE_V4 : 0));
      out.setShort(start + 10, Checksums.ipv4Header(out, start, header));
    } else {
      out.setShort(start + 4, FRAGMENT_HEADER + data);
      out.setByte(start + 6, FRAGMENT);
      out.writeByte(packet.getByte(at + 6)).writeByte(0);
      out.writeShort(offset | (more ? MORE_V6 : 0)); // in units of 8, above 3 bits of flags
      out.writeInt(identification);
    }
    out.writeBytes(packet, at + header + offset, data);
  }
}
