package dev.holdfast.tunnel.packet;

/**
 * An address prefix such as {@code 10.1.0.0/24} or {@code fd00:1::/64} (RFC 4632, RFC 4291 section
 * 2.3).
 *
 * @param address any address inside; host bits are kept as given
 * @param length leading bits that count, 0 to 32 or 0 to 128
 */
public record IpPrefix(IpAddress address, int length) {
  public IpPrefix {
    if (length < 0 || length > address.width()) {
      throw new IllegalArgumentException(
          "prefix length " + length + " is not within 0.." + address.width() + " for " + address);
    }
  }

  /**
   * Parses {@code address/length}; a bare address is a prefix of full length.
   *
   * @throws IllegalArgumentException when it is neither
   */
  public static IpPrefix parse(String text) {
    int slash = text.indexOf('/');
    if (slash < 0) {
      IpAddress address = IpAddress.parse(text);
      return new IpPrefix(address, address.width());
    }
    String length = text.substring(slash + 1);
    if (!length.matches("\\d{1,3}")) {
      throw new IllegalArgumentException("'" + text + "' has no prefix length after the slash");
    }
    return new IpPrefix(IpAddress.parse(text.substring(0, slash)), Integer.parseInt(length));
  }

  /** The prefix that holds {@code address} alone. */
  public static IpPrefix host(IpAddress address) {
    return new IpPrefix(address, address.width());
  }

  public boolean contains(IpAddress other) {
    return contains(other.high(), other.low());
  }

  /** The same of an address that is no object: see {@link IpAddress} for its two halves. */
  public boolean contains(long high, long low) {
    if (address.isV4() != (high == 0 && low >>> 32 == 0xffff)) {
      return false;
    }
    int bits = address.isV4() ? length + 96 : length;
    long highMask = bits == 0 ? 0 : bits >= 64 ? -1L : -1L << (64 - bits);
    long lowMask = bits <= 64 ? 0 : -1L << (128 - bits);
    return ((address.high() ^ high) & highMask) == 0 && ((address.low() ^ low) & lowMask) == 0;
  }

  @Override
  public String toString() {
    return address + "/" + length;
  }
}
