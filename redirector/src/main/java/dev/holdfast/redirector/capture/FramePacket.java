package dev.holdfast.redirector.capture;

import dev.holdfast.redirector.capturefile.LinkLayer;
import java.util.Arrays;

/** Takes the IP packet out of a single frame, or says why there is none. */
public final class FramePacket {
  private static final int V4_HEADER = 20;

  private FramePacket() {}

  /**
   * The frame's IP packet, with whatever padding stands behind it.
   *
   * @throws IllegalArgumentException with a clause, where the link type is not known here, or the
   *     frame has no IP packet
   */
  static byte[] packet(int linkType, byte[] frame) {
    int at = LinkLayer.ip(linkType, frame, 0, frame.length);
    return switch (at) {
      case LinkLayer.UNKNOWN ->
          throw new IllegalArgumentException(
              "its link type "
                  + linkType
                  + " is not known here; Ethernet, raw IP, Linux cooked and loopback are");
      case LinkLayer.CUT_OFF ->
          throw new IllegalArgumentException("it ends within its link-layer header");
      case LinkLayer.NOT_IP ->
          throw new IllegalArgumentException(
              "it is no IP packet" + LinkLayer.typeClause(linkType, frame));
      default -> Arrays.copyOfRange(frame, at, frame.length);
    };
  }

  /** Whether bytes are an Ethernet frame with an IP packet, rather than an IP packet. */
  public static boolean isEthernet(byte[] bytes) {
    if (isWholePacket(bytes, 0)) {
      return false;
    }
    int at = LinkLayer.ip(LinkLayer.ETHERNET, bytes, 0, bytes.length);
    return at > 0 && isWholePacket(bytes, at);
  }

  /** The IP packet of an Ethernet frame that {@link #isEthernet}, without padding. */
  public static byte[] ofEthernet(byte[] frame) {
    byte[] packet = packet(LinkLayer.ETHERNET, frame);
    return Arrays.copyOf(packet, lengthByHeader(packet));
  }

  /** How many bytes the IP header at the start says the packet has; 0 where that cannot be read. */
  static int lengthByHeader(byte[] packet) {
    return LinkLayer.packetLength(packet, 0, packet.length, packet.length);
  }

  private static boolean isWholePacket(byte[] bytes, int at) {
    int there = bytes.length - at;
    int length = LinkLayer.packetLength(bytes, at, there, 0);
    return length >= V4_HEADER && length <= there;
  }
}
