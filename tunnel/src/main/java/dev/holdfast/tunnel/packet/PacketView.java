package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * A view of one IP packet, IPv4 (RFC 791) or IPv6 (RFC 8200), over bytes that stay where they are.
 *
 * <p>{@link #check} is called once; after it has answered {@link PacketFault#NONE} no accessor can
 * fail, and one that asks for what the packet has not (a port of an ESP packet, the flags of a
 * later fragment) answers 0. One view is reused for packet after packet, so that reading allocates
 * nothing. All indexes are absolute in the buffer.
 */
public final class PacketView {
  public static final int ICMP = 1;
  public static final int TCP = 6;
  public static final int UDP = 17;
  public static final int ICMPV6 = 58;

  public static final int FIN = 0x01;
  public static final int SYN = 0x02;
  public static final int RST = 0x04;
  public static final int PSH = 0x08;
  public static final int ACK = 0x10;
  public static final int URG = 0x20;

  private static final int V4_HEADER = 20;
  private static final int V6_HEADER = 40;
  private static final int MAX_EXTENSION_HEADERS = 16;
  private static final int MAX_DATAGRAM = 65_535;

  private ByteBuf buf = Unpooled.EMPTY_BUFFER;
  private int start;
  private int version;
  private int transport; // absolute index of the transport header
  private int end; // absolute index after the packet's last byte
  private int limit; // absolute index after the last byte that is there to be read
  private int protocol;
  private int fragmentOffset; // bytes
  private boolean moreFragments;
  private boolean hasTransport; // whole, or a first fragment with the header's fixed part

  /**
   * Lays the view over {@code length} bytes at {@code index} and checks every length in the headers
   * against them.
   *
   * @param length what the device or frame gave; more than the header's own length is padding and
   *     is ignored
   * @return {@link PacketFault#NONE}, or what is wrong; then no accessor may be called
   */
  public PacketFault check(ByteBuf bytes, int index, int length) {
    return lay(bytes, index, length, false);
  }

  /**
   * {@link #check} for a capture that took only the first {@code captured} bytes of each packet.
   * The headers must be there; {@link #end} and the lengths are the whole packet's, so what lies
   * between the captured bytes and the end may not be read.
   *
   * <p>TCP options may be cut off as well: the header's fixed 20 bytes are there.
   */
  public PacketFault checkHeaders(ByteBuf bytes, int index, int captured) {
    return lay(bytes, index, captured, true);
  }

  private PacketFault lay(ByteBuf bytes, int index, int length, boolean headersOnly) {
    if (length < 1 || index < 0 || length > bytes.writerIndex() - index) {
      return PacketFault.TRUNCATED;
    }
    buf = bytes;
    start = index;
    version = bytes.getByte(index) >> 4 & 0xf;
    fragmentOffset = 0;
    moreFragments = false;
    PacketFault fault =
        switch (version) {
          case 4 -> checkV4(length, headersOnly);
          case 6 -> checkV6(length, headersOnly);
          default -> PacketFault.BAD_VERSION;
        };
    return fault != PacketFault.NONE ? fault : checkTransport();
  }

  private PacketFault checkV4(int length, boolean headersOnly) {
    if (length < V4_HEADER) {
      return PacketFault.TRUNCATED;
    }
    int header = (buf.getByte(start) & 0xf) * 4;
    if (header < V4_HEADER || header > length) {
      return PacketFault.BAD_HEADER_LENGTH;
    }
    int total = buf.getUnsignedShort(start + 2);
    if (total < header || (total > length && !headersOnly)) {
      return PacketFault.BAD_TOTAL_LENGTH;
    }
    int fragment = buf.getUnsignedShort(start + 6);
    fragmentOffset = (fragment & 0x1fff) * 8;
    moreFragments = (fragment & 0x2000) != 0;
    protocol = buf.getUnsignedByte(start + 9);
    transport = start + header;
    end = start + total;
    limit = start + Math.min(total, length);
    if (fragmentOffset + total > MAX_DATAGRAM) {
      return PacketFault.BAD_TOTAL_LENGTH; // would be longer than any datagram, once reassembled
    }
    return neverSendsV4(buf.getInt(start + 12)) ? PacketFault.BAD_SOURCE : PacketFault.NONE;
  }

  private PacketFault checkV6(int length, boolean headersOnly) {
    if (length < V6_HEADER) {
      return PacketFault.TRUNCATED;
    }
    int payload = buf.getUnsignedShort(start + 4);
    if (payload > length - V6_HEADER && !headersOnly) {
      return PacketFault.BAD_TOTAL_LENGTH;
    }
    if (neverSendsV6()) {
      return PacketFault.BAD_SOURCE;
    }
    if (isMapped(destinationHigh(), destinationLow())) {
      return PacketFault.BAD_DESTINATION;
    }
    end = start + V6_HEADER + payload;
    limit = Math.min(end, start + length);
    int next = buf.getUnsignedByte(start + 6);
    int at = start + V6_HEADER;
    boolean fragmentSeen = false;
    for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
      int size;
      switch (next) {
        case 0,
            43,
            60,
            135,
            139,
            140 -> { // hop-by-hop, routing, destination options, mobility, HIP, shim6
          boolean misplaced = next == 0 && i > 0; // RFC 8200 section 4.3: directly after the header
          if (misplaced || at + 8 > limit) {
            return PacketFault.BAD_EXTENSION_HEADER;
          }
          size = (buf.getUnsignedByte(at + 1) + 1) * 8;
        }
        case 44 -> { // fragment, RFC 8200 section 4.5
          // A second one could say "whole packet" where the first said "fragment".
          if (fragmentSeen || at + 8 > limit) {
            return PacketFault.BAD_EXTENSION_HEADER;
          }
          fragmentSeen = true;
          int fragment = buf.getUnsignedShort(at + 2);
          fragmentOffset = fragment & 0xfff8;
          moreFragments = (fragment & 1) != 0;
          size = 8;
        }
        case 51 -> { // authentication header, RFC 4302 section 2.2: in 4-byte words, minus 2
          if (at + 8 > limit) {
            return PacketFault.BAD_EXTENSION_HEADER;
          }
          size = (buf.getUnsignedByte(at + 1) + 2) * 4;
        }
        default -> {
          protocol = next;
          transport = at;
          return PacketFault.NONE;
        }
      }
      next = buf.getUnsignedByte(at);
      at += size;
      if (at > limit) {
        return PacketFault.BAD_EXTENSION_HEADER;
      }
      if (fragmentOffset > 0) { // what follows belongs to the middle of a datagram
        protocol = next;
        transport = at;
        return fragmentOffset + end - at > MAX_DATAGRAM
            ? PacketFault.BAD_TOTAL_LENGTH
            : PacketFault.NONE;
      }
    }
    return PacketFault.BAD_EXTENSION_HEADER;
  }

  /** Sources that RFC 1122 section 3.2.1.3 allows on no wire: multicast, broadcast, loopback. */
  private static boolean neverSendsV4(int source) {
    return (source & 0xf000_0000) == 0xe000_0000 || source == -1 || source >>> 24 == 127;
  }

  /**
   * The same for IPv6 (RFC 4291 sections 2.5.3 and 2.7), and IPv4-mapped addresses, which {@link
   * IpAddress} uses for IPv4: let through, one would pass for a granted IPv4 address.
   */
  private boolean neverSendsV6() {
    long high = sourceHigh();
    long low = sourceLow();
    return high >>> 56 == 0xff || (high == 0 && low == 1) || isMapped(high, low);
  }

  private static boolean isMapped(long high, long low) {
    return high == 0 && low >>> 32 == 0xffff;
  }

  private PacketFault checkTransport() {
    int room = end - transport;
    // RFC 791 section 3.2: a first fragment may be as small as 8 bytes of data, and only who puts
    // the datagram together can say whether its transport header is sound. RFC 7112 section 5 wants
    // all headers in IPv6's first fragment, and lets who finds them cut drop it.
    boolean isTiny = version == 4 && moreFragments && room < fixedHeader(protocol);
    hasTransport = fragmentOffset == 0 && !isTiny;
    if (!hasTransport) {
      return PacketFault.NONE;
    }
    boolean sound =
        limit - transport >= fixedHeader(protocol)
            && switch (protocol) {
              case TCP -> tcpHeaderLength() >= 20 && (tcpHeaderLength() <= room || moreFragments);
              case UDP -> udpLength() >= 8 && (udpLength() <= room || moreFragments);
              default -> true;
            };
    return sound ? PacketFault.NONE : PacketFault.BAD_TRANSPORT_HEADER;
  }

  /** Bytes that every header of that protocol has, as far as accessors read it. */
  private static int fixedHeader(int protocol) {
    return switch (protocol) {
      case TCP -> 20;
      case UDP, ICMP, ICMPV6 -> 8;
      default -> 0;
    };
  }

  public ByteBuf buffer() {
    return buf;
  }

  /** Absolute index of the first byte of the IP header. */
  public int start() {
    return start;
  }

  /** Absolute index of the transport header: after IPv4 options and IPv6 extension headers. */
  public int transportStart() {
    return transport;
  }

  /** Absolute index after the last byte of the packet. */
  public int end() {
    return end;
  }

  /** The whole packet in bytes, header included. */
  public int length() {
    return end - start;
  }

  public int version() {
    return version;
  }

  public boolean isV4() {
    return version == 4;
  }

  /** The transport protocol, after all IPv6 extension headers. */
  public int protocol() {
    return protocol;
  }

  public boolean hasOptionsOrExtensions() {
    return transport - start != (version == 4 ? V4_HEADER : V6_HEADER);
  }

  /** TTL, or hop limit. */
  public int hopLimit() {
    return buf.getUnsignedByte(start + (version == 4 ? 8 : 7));
  }

  /** DSCP and ECN: type of service, or traffic class. */
  public int trafficClass() {
    return version == 4 ? buf.getUnsignedByte(start + 1) : buf.getUnsignedShort(start) >> 4 & 0xff;
  }

  /** Don't Fragment; an IPv6 packet is never fragmented on its way. */
  public boolean dontFragment() {
    return version == 6 || (buf.getByte(start + 6) & 0x40) != 0;
  }

  public boolean isFragment() {
    return moreFragments || fragmentOffset > 0;
  }

  /**
   * True for whole packets, and for first fragments but those of IPv4 that are too small for it:
   * the transport header is there to be read.
   */
  public boolean hasTransportHeader() {
    return hasTransport;
  }

  public int fragmentOffset() {
    return fragmentOffset;
  }

  public long sourceHigh() {
    return version == 4 ? 0 : buf.getLong(start + 8);
  }

  public long sourceLow() {
    return version == 4
        ? 0xffff_0000_0000L | buf.getUnsignedInt(start + 12)
        : buf.getLong(start + 16);
  }

  public long destinationHigh() {
    return version == 4 ? 0 : buf.getLong(start + 24);
  }

  public long destinationLow() {
    return version == 4
        ? 0xffff_0000_0000L | buf.getUnsignedInt(start + 16)
        : buf.getLong(start + 32);
  }

  /** Allocates: not for the packet path. */
  public IpAddress source() {
    return new IpAddress(sourceHigh(), sourceLow());
  }

  /** Allocates: not for the packet path. */
  public IpAddress destination() {
    return new IpAddress(destinationHigh(), destinationLow());
  }

  public boolean isFrom(IpAddress address) {
    return sourceLow() == address.low() && sourceHigh() == address.high();
  }

  public boolean isTo(IpAddress address) {
    return destinationLow() == address.low() && destinationHigh() == address.high();
  }

  public boolean isTcp() {
    return protocol == TCP && hasTransport;
  }

  public boolean isUdp() {
    return protocol == UDP && hasTransport;
  }

  /** True where {@link #sourcePort()} and {@link #destinationPort()} may be read. */
  public boolean hasPorts() {
    return hasTransport && (protocol == TCP || protocol == UDP);
  }

  public int sourcePort() {
    return hasPorts() ? buf.getUnsignedShort(transport) : 0;
  }

  public int destinationPort() {
    return hasPorts() ? buf.getUnsignedShort(transport + 2) : 0;
  }

  /** UDP's own length field: header and data. More than this packet has in a first fragment. */
  public int udpLength() {
    return isUdp() ? buf.getUnsignedShort(transport + 4) : 0;
  }

  /** True for the ICMP of this packet's own IP version. */
  public boolean isIcmp() {
    return hasTransport && protocol == (version == 4 ? ICMP : ICMPV6);
  }

  public int icmpType() {
    return isIcmp() ? buf.getUnsignedByte(transport) : 0;
  }

  public int icmpCode() {
    return isIcmp() ? buf.getUnsignedByte(transport + 1) : 0;
  }

  /** The identifier of an echo request or reply. */
  public int icmpIdentifier() {
    return isIcmp() ? buf.getUnsignedShort(transport + 4) : 0;
  }

  /** Sequence number, unsigned 32 bits. */
  public long tcpSequence() {
    return isTcp() ? buf.getUnsignedInt(transport + 4) : 0;
  }

  public long tcpAcknowledgment() {
    return isTcp() ? buf.getUnsignedInt(transport + 8) : 0;
  }

  /** Bytes, options included. */
  public int tcpHeaderLength() {
    return isTcp() ? (buf.getByte(transport + 12) >> 4 & 0xf) * 4 : 0;
  }

  public int tcpFlags() {
    return isTcp() ? buf.getUnsignedByte(transport + 13) : 0;
  }

  /** The window field, not scaled. */
  public int tcpWindow() {
    return isTcp() ? buf.getUnsignedShort(transport + 14) : 0;
  }

  public int tcpPayloadStart() {
    return isTcp() ? Math.min(transport + tcpHeaderLength(), end) : end;
  }

  /** Bytes of data in this segment, SYN and FIN not counted. */
  public int tcpPayloadLength() {
    return end - tcpPayloadStart();
  }

  /** Sequence space taken: data, plus one each for SYN and FIN (RFC 9293 section 3.4). */
  public int tcpSequenceLength() {
    int flags = tcpFlags();
    return tcpPayloadLength() + ((flags & SYN) != 0 ? 1 : 0) + ((flags & FIN) != 0 ? 1 : 0);
  }
}
