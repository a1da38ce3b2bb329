package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;

/**
 * The {@code virtio_net_hdr} of 10 bytes that stands before each packet on a TUN with IFF_VNET_HDR
 * and in each TLS packet frame (Virtual I/O Device 1.2, section 5.1.6). Little-endian, as every
 * host that we run on is.
 *
 * <p>The accessors read what is there; {@link OffloadCheck} says whether it fits the packet.
 */
public final class VirtioNetHeader {
  public static final int LENGTH = 10;

  public static final int FLAGS = 0;
  public static final int GSO_TYPE = 1;
  public static final int HEADER_LENGTH = 2;
  public static final int GSO_SIZE = 4;
  public static final int CHECKSUM_START = 6;
  public static final int CHECKSUM_OFFSET = 8;

  public static final int FLAG_NEEDS_CHECKSUM = 1;
  public static final int FLAG_DATA_VALID = 2;

  public static final int GSO_NONE = 0;
  public static final int GSO_TCPV4 = 1;
  public static final int GSO_UDP = 3;
  public static final int GSO_TCPV6 = 4;
  public static final int GSO_UDP_L4 = 5;
  public static final int GSO_ECN = 0x80;

  private VirtioNetHeader() {}

  /** Makes the header at {@code index} say: one plain packet, nothing left to do. */
  public static void clear(ByteBuf buf, int index) {
    buf.setZero(index, LENGTH);
  }

  /**
   * Writes the whole header at {@code index}.
   *
   * @param headerLength bytes of all headers, a hint to the device
   * @param gsoSize data bytes of each segment, or 0
   * @param checksumStart from the start of the packet, bytes
   * @param checksumOffset of the field, from {@code checksumStart}
   */
  public static void set(
      ByteBuf buf,
      int index,
      int flags,
      int gsoType,
      int headerLength,
      int gsoSize,
      int checksumStart,
      int checksumOffset) {
    buf.setByte(index + FLAGS, flags);
    buf.setByte(index + GSO_TYPE, gsoType);
    buf.setShortLE(index + HEADER_LENGTH, headerLength);
    buf.setShortLE(index + GSO_SIZE, gsoSize);
    buf.setShortLE(index + CHECKSUM_START, checksumStart);
    buf.setShortLE(index + CHECKSUM_OFFSET, checksumOffset);
  }

  public static int flags(ByteBuf buf, int index) {
    return buf.getUnsignedByte(index + FLAGS);
  }

  /** True where the transport checksum holds the pseudo-header's sum alone. */
  public static boolean needsChecksum(ByteBuf buf, int index) {
    return (flags(buf, index) & FLAG_NEEDS_CHECKSUM) != 0;
  }

  /** One of the {@code GSO_} types, perhaps with {@link #GSO_ECN}. */
  public static int gsoType(ByteBuf buf, int index) {
    return buf.getUnsignedByte(index + GSO_TYPE);
  }

  /** True for a super-packet: more than one segment on the wire. */
  public static boolean isGso(ByteBuf buf, int index) {
    return gsoType(buf, index) != GSO_NONE;
  }

  public static int headerLength(ByteBuf buf, int index) {
    return buf.getUnsignedShortLE(index + HEADER_LENGTH);
  }

  public static int gsoSize(ByteBuf buf, int index) {
    return buf.getUnsignedShortLE(index + GSO_SIZE);
  }

  /** Bytes from the start of the packet. */
  public static int checksumStart(ByteBuf buf, int index) {
    return buf.getUnsignedShortLE(index + CHECKSUM_START);
  }

  /** Bytes from {@link #checksumStart}. */
  public static int checksumOffset(ByteBuf buf, int index) {
    return buf.getUnsignedShortLE(index + CHECKSUM_OFFSET);
  }

  /**
   * Bytes of the longest packet that goes over a wire: of a super-packet, one segment.
   *
   * @param view the packet behind the header
   */
  public static int longestPiece(ByteBuf buf, int index, PacketView view) {
    int size = gsoSize(buf, index);
    if (!isGso(buf, index) || size == 0) {
      return view.length();
    }
    int transport = view.isTcp() ? view.tcpHeaderLength() : 8;
    return Math.min(view.length(), view.transportStart() - view.start() + transport + size);
  }
}
