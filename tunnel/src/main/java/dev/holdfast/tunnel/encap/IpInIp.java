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
  public static final int IPV6_MINIMUM_MTU = 1280;

  private IpInIp() {}

  /** Bytes that the outer header to {@code destination} adds to almost every packet. */
  public static int outerLength(IpAddress destination) {
    return destination.isV4() ? V4_OUTER : V6_OUTER;
  }

  /**
   * Bytes that the outer header to {@code destination} adds to this packet: over IPv6 {@link
   * EncapsulationLimit#HEADER} more where it carries such a limit (RFC 2473 section 4.1.1).
   */
  public static int outerLength(IpAddress destination, PacketView inner) {
    return destination.isV4() ? V4_OUTER : v6Length(EncapsulationLimit.of(inner));
  }

  private static int v6Length(int limit) {
    return limit > 0 ? V6_OUTER + EncapsulationLimit.HEADER : V6_OUTER;
  }

  /** As below, with the inner packet's DSCP. */
  public static boolean writeOuter(
      ByteBuf out,
      PacketView inner,
      IpAddress source,
      IpAddress destination,
      int hopLimit,
      int identification) {
    OuterPolicy policy = new OuterPolicy(hopLimit, OuterPolicy.COPY);
    return writeOuter(out, inner, source, destination, policy, identification);
  }

  /**
   * Appends the outer header for {@code inner}; the inner packet itself is for the caller to send
   * behind it, unchanged. Otherwise as {@link #setOuter}.
   */
  public static boolean writeOuter(
      ByteBuf out,
      PacketView inner,
      IpAddress source,
      IpAddress destination,
      OuterPolicy policy,
      int identification) {
    int start = out.writerIndex();
    int length = outerLength(destination, inner);
    out.ensureWritable(length);
    if (!setOuter(out, start, inner, source, destination, policy, identification)) {
      return false;
    }
    out.writerIndex(start + length);
    return true;
  }

  /**
   * Writes the outer header for {@code inner} at {@code index}: into headroom of {@link
   * #outerLength(IpAddress, PacketView)} bytes before a packet that is there already.
   *
   * <p>ECN is copied (RFC 6040 section 4.1, normal mode), DSCP as the policy says. Don't Fragment
   * is copied too (RFC 2003 section 3.1; for IPv6 in IPv4, RFC 4213 section 3.2.2), and such a
   * packet has identification 0, which nobody reads (RFC 6864 section 4.1). Over IPv6 what the
   * packet says of how often it may be encapsulated is passed on, less one (RFC 2473 section
   * 4.1.1); that it says 0 is for {@link LoopGuard} to see.
   *
   * @param inner one plain packet: a super-packet is segmented first
   * @param source of the outer header, of the same family as {@code destination}
   * @param policy TTL or hop limit, and DSCP
   * @param identification of the outer header where it may be fragmented, 16 bits
   * @return false, with nothing written, where both together would be longer than IP can say
   */
  public static boolean setOuter(
      ByteBuf out,
      int index,
      PacketView inner,
      IpAddress source,
      IpAddress destination,
      OuterPolicy policy,
      int identification) {
    if (source.isV4() != destination.isV4()) {
      throw new IllegalArgumentException(source + " and " + destination + " differ in family");
    }
    return source.isV4()
        ? setV4(out, index, inner, source.v4Bits(), destination.v4Bits(), policy, identification)
        : setV6(out, index, inner, source, destination, policy);
  }

  private static boolean setV4(
      ByteBuf out,
      int index,
      PacketView inner,
      int source,
      int destination,
      OuterPolicy policy,
      int identification) {
    int total = V4_OUTER + inner.length();
    if (total > MAX_LENGTH) {
      return false;
    }
    boolean whole = !mayBeFragmentedV4(inner);
    out.setByte(index, 0x45);
    out.setByte(index + 1, policy.trafficClass(inner.trafficClass()));
    out.setShort(index + 2, total);
    out.setShort(index + 4, whole ? 0 : identification);
    out.setShort(index + 6, whole ? DONT_FRAGMENT : 0);
    out.setByte(index + 8, policy.hopLimit());
    out.setByte(index + 9, protocolOf(inner));
    out.setInt(index + 12, source);
    out.setInt(index + 16, destination);
    out.setShort(index + 10, Checksums.ipv4Header(out, index, V4_OUTER));
    return true;
  }

  /**
   * Whether the outer packet to {@code destination} may be cut on its way, and so needs an
   * identification that is its own (RFC 6864 section 4.3). Over IPv6 none may; what is cut here is
   * the caller's to know.
   */
  public static boolean mayBeFragmented(IpAddress destination, PacketView inner) {
    return destination.isV4() && mayBeFragmentedV4(inner);
  }

  private static boolean mayBeFragmentedV4(PacketView inner) {
    return inner.isV4() ? !inner.dontFragment() : inner.length() <= IPV6_MINIMUM_MTU;
  }

  private static boolean setV6(
      ByteBuf out,
      int index,
      PacketView inner,
      IpAddress source,
      IpAddress destination,
      OuterPolicy policy) {
    int limit = EncapsulationLimit.of(inner);
    int payload = v6Length(limit) - V6_OUTER + inner.length();
    if (payload > MAX_LENGTH) {
      return false;
    }
    out.setInt(index, 6 << 28 | policy.trafficClass(inner.trafficClass()) << 20);
    out.setShort(index + 4, payload);
    out.setByte(index + 6, protocolOf(inner));
    out.setByte(index + 7, policy.hopLimit());
    if (limit > 0) {
      out.setByte(index + 6, EncapsulationLimit.DESTINATION_OPTIONS);
      EncapsulationLimit.write(out, index + V6_OUTER, protocolOf(inner), limit - 1);
    }
    out.setLong(index + 8, source.high());
    out.setLong(index + 16, source.low());
    out.setLong(index + 24, destination.high());
    out.setLong(index + 32, destination.low());
    return true;
  }

  /**
   * Lets an outer packet be fragmented although the inner one says Don't Fragment: for a sender who
   * cannot be told to send less (RFC 4459 section 3.1). The inner packet arrives as it was.
   *
   * @param index of an outer header as {@link #setOuter} writes it; over IPv6 nothing is to be done
   */
  public static void allowFragments(ByteBuf out, int index, int identification) {
    if (out.getUnsignedByte(index) >>> 4 == 4) {
      out.setShort(index + 4, identification);
      out.setShort(index + 6, 0);
      out.setShort(index + 10, Checksums.ipv4Header(out, index, V4_OUTER));
    }
  }

  private static int protocolOf(PacketView inner) {
    return inner.isV4() ? IPV4 : IPV6;
  }
}
