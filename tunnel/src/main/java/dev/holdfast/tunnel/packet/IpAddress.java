package dev.holdfast.tunnel.packet;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;

/**
 * An IPv4 or IPv6 address as a value of 128 bits.
 *
 * <p>IPv4 is kept in its IPv4-mapped form {@code ::ffff:a.b.c.d} (RFC 4291 section 2.5.5.2), so
 * that one table holds both families and comparing two addresses is comparing two pairs of longs. A
 * native IPv6 packet has no business with a mapped address in its header (RFC 4038 section 4.2 asks
 * for them to be dropped); {@link PacketView#check} refuses it, so the two cannot be confused.
 *
 * @param high the first 64 bits, network order
 * @param low the last 64 bits, network order
 */
public record IpAddress(long high, long low) implements Comparable<IpAddress> {
  private static final long MAPPED_PREFIX = 0x0000_ffff_0000_0000L;

  /** The IPv4 address whose 32 bits are {@code bits}, network order. */
  public static IpAddress v4(int bits) {
    return new IpAddress(0, MAPPED_PREFIX | (bits & 0xffff_ffffL));
  }

  /**
   * Parses a literal; no name is ever resolved.
   *
   * @throws IllegalArgumentException when {@code text} is not an IPv4 dotted quad or an IPv6
   *     literal (no zone)
   */
  public static IpAddress parse(String text) {
    boolean v4Shape = text.matches("(\\d{1,3}\\.){3}\\d{1,3}");
    boolean v6Shape = text.indexOf(':') >= 0 && text.matches("[0-9a-fA-F:.]+");
    if (!v4Shape && !v6Shape) {
      throw new IllegalArgumentException("'" + text + "' is not an IP address");
    }
    try {
      return of(InetAddress.ofLiteral(text));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("'" + text + "' is not an IP address", e);
    }
  }

  public static IpAddress of(InetAddress address) {
    return ofBytes(address.getAddress());
  }

  /**
   * The address whose 4 or 16 bytes are given, network order.
   *
   * @throws IllegalArgumentException for any other length
   */
  public static IpAddress ofBytes(byte[] bytes) {
    return switch (bytes.length) {
      case 4 -> v4(ByteBuffer.wrap(bytes).getInt());
      case 16 ->
          new IpAddress(ByteBuffer.wrap(bytes).getLong(0), ByteBuffer.wrap(bytes).getLong(8));
      default ->
          throw new IllegalArgumentException(
              "an IP address has 4 or 16 bytes, not " + bytes.length);
    };
  }

  public boolean isV4() {
    return high == 0 && (low >>> 32) == 0xffffL;
  }

  public boolean isV6() {
    return !isV4();
  }

  /** The 32 bits of an IPv4 address. */
  public int v4Bits() {
    if (!isV4()) {
      throw new IllegalStateException(this + " is not an IPv4 address");
    }
    return (int) low;
  }

  /** 4 bytes for IPv4, 16 for IPv6, network order. */
  public byte[] toBytes() {
    return isV4()
        ? ByteBuffer.allocate(4).putInt((int) low).array()
        : ByteBuffer.allocate(16).putLong(high).putLong(low).array();
  }

  public InetAddress toInetAddress() {
    try {
      return InetAddress.getByAddress(toBytes());
    } catch (UnknownHostException e) {
      throw new AssertionError("toBytes() gives 4 or 16 bytes", e);
    }
  }

  /** RFC 1112 section 4 (224.0.0.0/4) or RFC 4291 section 2.7 (ff00::/8). */
  public boolean isMulticast() {
    return isV4() ? ((int) low & 0xf000_0000) == 0xe000_0000 : (high >>> 56) == 0xff;
  }

  /** The number of bits in an address of this family: 32 or 128. */
  public int width() {
    return isV4() ? 32 : 128;
  }

  @Override
  public int compareTo(IpAddress other) {
    int byHigh = Long.compareUnsigned(high, other.high);
    return byHigh != 0 ? byHigh : Long.compareUnsigned(low, other.low);
  }

  /** Dotted quad, or RFC 5952 text. */
  @Override
  public String toString() {
    if (isV4()) {
      int bits = (int) low;
      return (bits >>> 24)
          + "."
          + (bits >>> 16 & 0xff)
          + "."
          + (bits >>> 8 & 0xff)
          + "."
          + (bits & 0xff);
    }
    int[] groups = new int[8];
    for (int i = 0; i < 8; i++) {
      groups[i] = (int) ((i < 4 ? high : low) >>> (48 - 16 * (i % 4))) & 0xffff;
    }
    int bestStart = -1;
    int bestLength = 1; // RFC 5952 section 4.2.2: a single zero group is not shortened
    for (int i = 0; i < 8; i++) {
      int end = i;
      while (end < 8 && groups[end] == 0) {
        end++;
      }
      if (end - i > bestLength) {
        bestStart = i;
        bestLength = end - i;
      }
      i = Math.max(i, end - 1);
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      if (i == bestStart) {
        text.append("::");
        i += bestLength - 1;
        continue;
      }
      if (!text.isEmpty() && text.charAt(text.length() - 1) != ':') {
        text.append(':');
      }
      text.append(Integer.toHexString(groups[i]));
    }
    return text.toString();
  }
}
