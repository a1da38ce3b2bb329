package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The Internet checksum (RFC 1071) over bytes in a buffer, whole and by increments (RFC 1624).
 *
 * <p>A <em>sum</em> here is the one's complement sum of 16-bit words folded to 16 bits and not yet
 * complemented; a <em>checksum</em> is the complement that stands in a header. Sums of pieces may
 * be chained through the seed as long as each piece but the last has an even length.
 */
public final class Checksums {
  private static final VarHandle LITTLE_ENDIAN =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int TCP_FIELD = 16;
  private static final int UDP_FIELD = 6;
  private static final int ICMP_FIELD = 2;
  private static final int NO_FIELD = -1;

  private Checksums() {}

  /**
   * Adds {@code length} bytes at {@code index} to {@code seed}.
   *
   * @param seed a sum so far, or 0; any 32 unsigned bits
   * @return the sum, 16 bits
   * @throws IndexOutOfBoundsException when the bytes are not in the buffer
   */
  public static int sum(ByteBuf buf, int index, int length, int seed) {
    long sum = seed & 0xffff_ffffL;
    if (length == 0) {
      return fold(sum);
    }
    // The buffer's own NIO view is read past Netty's check of every single access.
    ByteBuffer bytes = buf.internalNioBuffer(index, length);
    int at = bytes.position();
    int end = at + length;
    // RFC 1071 section 2(B): the order of bytes does not matter but for a swap at the end. So plain
    // is the loop, in the machine's own order, that the compiler makes vector instructions of it:
    // 42 ns for 1,460 bytes, against 118 with four network-order reads at a time.
    long swapped = 0;
    for (; at <= end - 8; at += 8) {
      long word = (long) LITTLE_ENDIAN.get(bytes, at);
      swapped += (word >>> 32) + (word & 0xffff_ffffL);
    }
    sum += Integer.reverseBytes(fold(swapped)) >>> 16;
    for (; at <= end - 2; at += 2) {
      sum += bytes.getShort(at) & 0xffffL;
    }
    if (at < end) {
      sum += (bytes.get(at) & 0xffL) << 8; // RFC 1071 section 4.1: an odd byte is padded with zero
    }
    return fold(sum);
  }

  /** Folds an accumulated sum of words, at most 2^62, to 16 bits. */
  public static int fold(long sum) {
    long folded = (sum >>> 32) + (sum & 0xffff_ffffL);
    folded = (folded >>> 16) + (folded & 0xffff);
    folded = (folded >>> 16) + (folded & 0xffff);
    return (int) ((folded >>> 16) + (folded & 0xffff));
  }

  /** The checksum that belongs into the IPv4 header at {@code index}, whatever stands there now. */
  public static int ipv4Header(ByteBuf buf, int index, int headerLength) {
    int sum = sum(buf, index, 10, 0);
    return ~sum(buf, index + 12, headerLength - 12, sum) & 0xffff;
  }

  /** True where the checksum of the IPv4 header at {@code index} is right. */
  public static boolean verifyIpv4Header(ByteBuf buf, int index, int headerLength) {
    return sum(buf, index, headerLength, 0) == 0xffff;
  }

  /**
   * The sum of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1).
   *
   * <p>The destination is the one in the IP header: a packet whose routing header still has
   * segments left has another one in its pseudo-header.
   *
   * @param length of transport header and data, bytes
   */
  public static int pseudoHeader(PacketView view, int protocol, int length) {
    int addresses =
        view.isV4()
            ? sum(view.buffer(), view.start() + 12, 8, 0)
            : sum(view.buffer(), view.start() + 8, 32, 0);
    return fold((long) addresses + protocol + length);
  }

  /**
   * The checksum that belongs into the transport header, whatever stands there now; for UDP never 0
   * (RFC 768: all ones stand for it).
   *
   * @param view a whole packet of TCP, UDP, ICMP or ICMPv6
   * @throws IllegalArgumentException for any other protocol, and for a fragment
   */
  public static int transport(PacketView view) {
    int field = fieldIndex(view);
    if (field == NO_FIELD) {
      throw new IllegalArgumentException(
          "no checksum is known for a fragment or protocol " + view.protocol());
    }
    ByteBuf buf = view.buffer();
    int start = view.transportStart();
    int end = transportEnd(view);
    int sum = usesPseudoHeader(view) ? pseudoHeader(view, view.protocol(), end - start) : 0;
    sum = sum(buf, start, field - start, sum);
    int checksum = ~sum(buf, field + 2, end - field - 2, sum) & 0xffff;
    return checksum == 0 && view.protocol() == PacketView.UDP ? 0xffff : checksum;
  }

  /** Writes the right transport checksum into the packet. See {@link #transport} for which. */
  public static void setTransport(PacketView view) {
    view.buffer().setShort(fieldIndex(view), transport(view));
  }

  /**
   * True where the transport checksum is right, and where there is none that could be wrong:
   * another protocol, a fragment, UDP over IPv4 without one.
   */
  public static boolean verifyTransport(PacketView view) {
    int field = fieldIndex(view);
    if (field == NO_FIELD) {
      return true;
    }
    ByteBuf buf = view.buffer();
    boolean isUdp = view.protocol() == PacketView.UDP;
    if (isUdp && buf.getShort(field) == 0) {
      return view.isV4(); // RFC 8200 section 8.1: mandatory over IPv6
    }
    int start = view.transportStart();
    int length = transportEnd(view) - start;
    int seed = usesPseudoHeader(view) ? pseudoHeader(view, view.protocol(), length) : 0;
    return sum(buf, start, length, seed) == 0xffff;
  }

  /**
   * Finishes a checksum that was left to the device: the field holds the pseudo-header's sum, and
   * what lies from {@code start} to {@code end} is added (VIRTIO_NET_HDR_F_NEEDS_CSUM).
   *
   * @param start absolute index of the first byte summed
   * @param offset of the field from {@code start}
   */
  public static void complete(ByteBuf buf, int start, int offset, int end) {
    int checksum = ~sum(buf, start, end - start, 0) & 0xffff;
    // All ones mean the same as zero to the receiver, and UDP's zero would mean "none".
    buf.setShort(start + offset, checksum == 0 ? 0xffff : checksum);
  }

  /** RFC 1624 equation 3: the checksum after one aligned 16-bit word went from one to another. */
  public static int update16(int checksum, int before, int after) {
    return ~fold((~checksum & 0xffffL) + (~before & 0xffff) + (after & 0xffff)) & 0xffff;
  }

  /** {@link #update16} for a word of 32 bits at an even offset. */
  public static int update32(int checksum, int before, int after) {
    return update16(update16(checksum, before >>> 16, after >>> 16), before, after);
  }

  /**
   * Absolute index of the packet's TCP, UDP, ICMP or ICMPv6 checksum; -1 where it has none that is
   * known, or is a fragment.
   */
  static int fieldIndex(PacketView view) {
    if (view.isFragment()) {
      return NO_FIELD;
    }
    return switch (view.protocol()) {
      case PacketView.TCP -> view.transportStart() + TCP_FIELD;
      case PacketView.UDP -> view.transportStart() + UDP_FIELD;
      default -> view.isIcmp() ? view.transportStart() + ICMP_FIELD : NO_FIELD;
    };
  }

  /** ICMP for IPv4 has no pseudo-header (RFC 792); ICMPv6 has (RFC 4443 section 2.3). */
  private static boolean usesPseudoHeader(PacketView view) {
    return view.protocol() != PacketView.ICMP;
  }

  /** UDP covers what its own length says, which may be less than the packet (RFC 9868). */
  private static int transportEnd(PacketView view) {
    return view.protocol() == PacketView.UDP
        ? view.transportStart() + view.udpLength()
        : view.end();
  }
}
