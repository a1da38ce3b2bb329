package dev.holdfast.tunnel.encap;

import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;

/**
 * The outer header of IP-in-IP: in IPv4 (RFC 2003 for IPv4 packets, RFC 4213 for IPv6 packets) and
 * in IPv6 (RFC 2473).
 */
public final class IpInIp {
  /** The protocol number of an IPv4 packet inside another. */
  public static final int IPV4 = 4;

  /** The protocol number of an IPv6 packet inside another. */
  public static final int IPV6 = 41;

  /** Bytes that an outer IPv4 header adds. */
  public static final int V4_OUTER = 20;

  /** Bytes that an outer IPv6 header adds. */
  public static final int V6_OUTER = 40;

  private static final int MAX_LENGTH = 65_535;
  private static final int DONT_FRAGMENT = 0x4000;

  /** RFC 4213 section 3.2: an IPv6 packet of this size passes whatever the IPv4 path is like. */
  private static final int IPV6_MINIMUM_MTU = 1280;

  private IpInIp() {}

  /**
   * Appends the outer header for {@code inner}; the inner packet itself is for the caller to send
   * behind it, unchanged.
   *
   * <p>DSCP and ECN are copied (RFC 6040 section 4.1, normal mode). Don't Fragment is copied too,
   * and such a packet has identification 0, which nobody reads (RFC 6864 section 4.1).
   *
   * @param inner one plain packet: a super-packet is segmented first
   * @param source of the outer header, of the same family as {@code destination}
   * @param ttl of the outer header, 1 to 255
   * @param identification of the outer header where it may be fragmented, 16 bits
   * @return false, with nothing written, where both together would be longer than IP can say
   */
  public static boolean writeOuter(
      ByteBuf out,
      PacketView inner,
      IpAddress source,
      IpAddress destination,
      int ttl,
      int identification) {
    if (source.isV4() != destination.isV4()) {
      throw new IllegalArgumentException(source + " and " + destination + " differ in family");
    }
    return source.isV4()
        ? writeV4(out, inner, source.v4Bits(), destination.v4Bits(), ttl, identification)
        : writeV6(out, inner, source, destination, ttl);
  }

  private static boolean writeV4(
      ByteBuf out, PacketView inner, int source, int destination, int ttl, int identification) {
    int total = V4_OUTER + inner.length();
    if (total > MAX_LENGTH) {
      return false;
    }
    boolean whole = inner.isV4() ? inner.dontFragment() : inner.length() > IPV6_MINIMUM_MTU;
    int start = out.writerIndex();
    out.writeByte(0x45);
    out.writeByte(inner.trafficClass());
    out.writeShort(total);
    out.writeShort(whole ? 0 : identification);
    out.writeShort(whole ? DONT_FRAGMENT : 0);
    out.writeByte(ttl);
    out.writeByte(protocolOf(inner));
    out.writeShort(0);
    out.writeInt(source);
    out.writeInt(destination);
    out.setShort(start + 10, Checksums.ipv4Header(out, start, V4_OUTER));
    return true;
  }

  private static boolean writeV6(
      ByteBuf out, PacketView inner, IpAddress source, IpAddress destination, int ttl) {
    if (inner.length() > MAX_LENGTH) {
      return false;
    }
    out.writeInt(6 << 28 | inner.trafficClass() << 20);
    out.writeShort(inner.length());
    out.writeByte(protocolOf(inner));
    out.writeByte(ttl);
    out.writeLong(source.high());
    out.writeLong(source.low());
    out.writeLong(destination.high());
    out.writeLong(destination.low());
    return true;
  }

  private static int protocolOf(PacketView inner) {
    return inner.isV4() ? IPV4 : IPV6;
  }
}
