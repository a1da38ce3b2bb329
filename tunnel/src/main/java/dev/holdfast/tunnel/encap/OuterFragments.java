package dev.holdfast.tunnel.encap;

import dev.holdfast.tunnel.packet.Checksums;
import io.netty.buffer.ByteBuf;

/**
 * Cuts an IP-in-IP packet over IPv4 into fragments (RFC 791 section 3.2), where the inner packet
 * allows it (RFC 2003 section 3.1). The far end's kernel puts them together, so the inner packet
 * arrives as it was; a raw socket that writes its own headers is not helped by the kernel here.
 */
public final class OuterFragments {
  private static final int HEADER = IpInIp.V4_OUTER;
  private static final int MORE = 0x2000;
  private static final int UNIT = 8;
  private static final int SMALLEST_MTU = 68; // RFC 791: every link passes this much

  private OuterFragments() {}

  /** How many fragments a packet of {@code length} bytes becomes on a path of {@code mtu}. */
  public static int count(int length, int mtu) {
    int data = length - HEADER;
    int each = each(mtu);
    return (data + each - 1) / each;
  }

  private static int each(int mtu) {
    if (mtu < SMALLEST_MTU) {
      throw new IllegalArgumentException("an IPv4 path passes 68 bytes, so " + mtu + " is no MTU");
    }
    return (mtu - HEADER) / UNIT * UNIT;
  }

  /**
   * Appends one fragment.
   *
   * @param packet outer header of 20 bytes without Don't Fragment, and what is inside
   * @param at absolute index of the packet
   * @param length of the packet, bytes
   * @param number 0 to {@link #count} - 1
   */
  public static void write(ByteBuf packet, int at, int length, int mtu, int number, ByteBuf out) {
    int each = each(mtu);
    int offset = number * each;
    int data = Math.min(each, length - HEADER - offset);
    int start = out.writerIndex();
    out.writeBytes(packet, at, HEADER);
    out.writeBytes(packet, at + HEADER + offset, data);
    out.setShort(start + 2, HEADER + data);
    out.setShort(start + 6, offset / UNIT | (offset + data < length - HEADER ? MORE : 0));
    out.setShort(start + 10, Checksums.ipv4Header(out, start, HEADER));
  }
}
