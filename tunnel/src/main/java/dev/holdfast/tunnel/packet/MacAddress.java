package dev.holdfast.tunnel.packet;

import java.util.Locale;

/**
 * An IEEE 802 MAC address.
 *
 * @param bits the 48 bits in the low end, first byte on the wire highest
 */
public record MacAddress(long bits) {
  public static final MacAddress BROADCAST = new MacAddress(0xffff_ffff_ffffL);

  public MacAddress {
    if (bits >>> 48 != 0) {
      throw new IllegalArgumentException("a MAC address has 48 bits");
    }
  }

  /**
   * Parses {@code 52:54:00:10:00:10}, any case.
   *
   * @throws IllegalArgumentException when it is not six pairs of hex digits with colons
   */
  public static MacAddress parse(String text) {
    if (!text.matches("([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")) {
      throw new IllegalArgumentException(
          "'" + text + "' is not a MAC address like 52:54:00:10:00:10");
    }
    return new MacAddress(Long.parseLong(text.replace(":", ""), 16));
  }

  public static MacAddress ofBytes(byte[] bytes) {
    if (bytes.length != 6) {
      throw new IllegalArgumentException("a MAC address has 6 bytes, not " + bytes.length);
    }
    long bits = 0;
    for (byte b : bytes) {
      bits = bits << 8 | (b & 0xff);
    }
    return new MacAddress(bits);
  }

  public byte[] toBytes() {
    byte[] bytes = new byte[6];
    for (int i = 0; i < 6; i++) {
      bytes[i] = (byte) (bits >>> (40 - 8 * i));
    }
    return bytes;
  }

  /** The group bit of the first byte: multicast or broadcast. */
  public boolean isGroup() {
    return (bits >>> 40 & 1) != 0;
  }

  @Override
  public String toString() {
    String hex = String.format(Locale.ROOT, "%012x", bits);
    StringBuilder text = new StringBuilder(17);
    for (int i = 0; i < 12; i += 2) {
      if (i > 0) {
        text.append(':');
      }
      text.append(hex, i, i + 2);
    }
    return text.toString();
  }
}
