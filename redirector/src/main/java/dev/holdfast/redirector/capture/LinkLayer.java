package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.packet.Ethernet;
import java.util.Arrays;

/**
 * What stands before the IP packet in a frame, by the link type that a capture file names
 * (https://www.tcpdump.org/linktypes.html).
 */
public final class LinkLayer {
  static final int NULL = 0;
  static final int ETHERNET = 1;
  static final int RAW_BSD = 12;
  static final int RAW_OPENBSD = 14;
  static final int RAW = 101;
  static final int LOOP = 108;
  static final int LINUX_SLL = 113;
  static final int IPV4 = 228;
  static final int IPV6 = 229;
  static final int LINUX_SLL2 = 276;

  private static final int TAG = 4;
  private static final int TYPE_VLAN = 0x8100; // IEEE 802.1Q
  private static final int TYPE_PROVIDER_VLAN = 0x88a8; // IEEE 802.1ad
  private static final int V4_HEADER = 20;
  private static final int V6_HEADER = 40;

  private LinkLayer() {}

  /**
   * The frame's IP packet, with whatever padding stands behind it.
   *
   * @throws IllegalArgumentException with a sentence, where the link type is not known here, or the
   *     frame has no IP packet
   */
  static byte[] packet(int linkType, byte[] frame) {
    return switch (linkType) {
      case ETHERNET -> behind(frame, Ethernet.HEADER, Ethernet.TYPE);
      case LINUX_SLL -> behind(frame, 16, 14);
      case LINUX_SLL2 -> behind(frame, 20, 0);
      case NULL, LOOP -> from(frame, 4); // 2 for IPv4, one of several for IPv6: the packet says it
      case RAW, RAW_BSD, RAW_OPENBSD, IPV4, IPV6 -> frame;
      default ->
          throw new IllegalArgumentException(
              "its link type "
                  + linkType
                  + " is not known here; Ethernet, raw IP, Linux cooked and loopback are");
    };
  }

  /** Whether bytes are an Ethernet frame with an IP packet, rather than an IP packet. */
  public static boolean isEthernet(byte[] bytes) {
    if (isWholePacket(bytes, 0)) {
      return false;
    }
    int payload = payload(bytes, Ethernet.HEADER, Ethernet.TYPE);
    return payload > 0 && isWholePacket(bytes, payload);
  }

  /** The IP packet of an Ethernet frame that {@link #isEthernet}, without padding. */
  public static byte[] ofEthernet(byte[] frame) {
    byte[] packet = packet(ETHERNET, frame);
    return Arrays.copyOf(packet, lengthByHeader(packet));
  }

  /** How many bytes the IP header at the start says the packet has; 0 where that cannot be read. */
  static int lengthByHeader(byte[] packet) {
    return lengthByHeader(packet, 0);
  }

  private static int lengthByHeader(byte[] bytes, int at) {
    int there = bytes.length - at;
    int version = there > 0 ? bytes[at] >> 4 & 0xf : 0;
    if (version == 4 && there >= V4_HEADER && (bytes[at] & 0xf) >= V4_HEADER / 4) {
      return shortAt(bytes, at + 2);
    }
    return version == 6 && there >= V6_HEADER ? V6_HEADER + shortAt(bytes, at + 4) : 0;
  }

  private static boolean isWholePacket(byte[] bytes, int at) {
    int length = lengthByHeader(bytes, at);
    return length >= V4_HEADER && length <= bytes.length - at;
  }

  private static byte[] behind(byte[] frame, int header, int typeAt) {
    int payload = payload(frame, header, typeAt);
    if (payload < 0) {
      throw new IllegalArgumentException("it ends within its link-layer header");
    }
    if (payload == 0) {
      throw new IllegalArgumentException(
          "it is no IP packet: its type is 0x%04x".formatted(type(frame, header, typeAt)));
    }
    return from(frame, payload);
  }

  /** Where IP begins; 0 where something else is in the frame, -1 where it is too short. */
  private static int payload(byte[] frame, int header, int typeAt) {
    if (frame.length < header) {
      return -1;
    }
    int type = shortAt(frame, typeAt);
    int payload = header;
    while (type == TYPE_VLAN || type == TYPE_PROVIDER_VLAN) {
      if (frame.length < payload + TAG) {
        return -1;
      }
      type = shortAt(frame, payload + 2);
      payload += TAG;
    }
    return type == Ethernet.TYPE_IPV4 || type == Ethernet.TYPE_IPV6 ? payload : 0;
  }

  private static int type(byte[] frame, int header, int typeAt) {
    int type = shortAt(frame, typeAt);
    for (int at = header; type == TYPE_VLAN || type == TYPE_PROVIDER_VLAN; at += TAG) {
      type = shortAt(frame, at + 2);
    }
    return type;
  }

  private static byte[] from(byte[] bytes, int at) {
    return Arrays.copyOfRange(bytes, Math.min(at, bytes.length), bytes.length);
  }

  private static int shortAt(byte[] bytes, int at) {
    return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
  }
}
