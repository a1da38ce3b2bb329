package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.PacketView;

/**
 * The Ethernet header of a frame as libpcap gives it, VLAN tags included (IEEE 802.3, 802.1Q).
 *
 * <p>{@link #check} is called once for each frame; after it has answered true no accessor can fail.
 * One object is laid over frame after frame; nothing is allocated.
 */
final class CapturedFrame {
  private static final int TAG = 4;
  private static final int TYPE_VLAN = 0x8100; // IEEE 802.1Q
  private static final int TYPE_PROVIDER_VLAN = 0x88a8; // IEEE 802.1ad
  private static final int V4_HEADER = 20;
  private static final int V6_HEADER = 40;

  private byte[] frame = new byte[0];
  private int type;
  private int payload;
  private int tags;

  /** Returns false where the frame ends within its Ethernet header. */
  boolean check(byte[] bytes) {
    frame = bytes;
    tags = 0;
    payload = Ethernet.HEADER;
    if (bytes.length < Ethernet.HEADER) {
      return false;
    }
    type = shortAt(Ethernet.TYPE);
    while (type == TYPE_VLAN || type == TYPE_PROVIDER_VLAN) {
      if (bytes.length < payload + TAG) {
        return false;
      }
      type = shortAt(payload + 2);
      payload += TAG;
      tags++;
    }
    return true;
  }

  /** What follows the header and its tags: one of {@link Ethernet}'s types, or any other. */
  int type() {
    return type;
  }

  /** Index of the first byte behind the header and its tags. */
  int payload() {
    return payload;
  }

  int tags() {
    return tags;
  }

  /** The VLAN identifier of the outer tag, 0 to 4095; -1 without a tag. */
  int vlan() {
    return tags == 0 ? -1 : shortAt(Ethernet.HEADER) & 0xfff;
  }

  /** The sender's MAC, in the low 48 bits. */
  long source() {
    return macAt(Ethernet.SOURCE);
  }

  /** The receiver's MAC, in the low 48 bits. */
  long destination() {
    return macAt(Ethernet.DESTINATION);
  }

  /**
   * Bytes that the IP header says its packet has; a frame may be longer, for padding, or shorter,
   * where the capture has cut it off. 0 where it is no IP packet or ends within the header.
   */
  int packetLength() {
    return switch (type) {
      case Ethernet.TYPE_IPV4 -> has(V4_HEADER) ? shortAt(payload + 2) : 0;
      case Ethernet.TYPE_IPV6 -> has(V6_HEADER) ? V6_HEADER + shortAt(payload + 4) : 0;
      default -> 0;
    };
  }

  /** True for IP whose header says that UDP is next; not behind IPv6 extension headers. */
  boolean isUdp() {
    return switch (type) {
      case Ethernet.TYPE_IPV4 -> has(V4_HEADER) && frame[payload + 9] == PacketView.UDP;
      case Ethernet.TYPE_IPV6 -> has(V6_HEADER) && frame[payload + 6] == PacketView.UDP;
      default -> false;
    };
  }

  private boolean has(int bytes) {
    return frame.length - payload >= bytes;
  }

  private int shortAt(int index) {
    return (frame[index] & 0xff) << 8 | (frame[index + 1] & 0xff);
  }

  private long macAt(int index) {
    return (long) shortAt(index) << 32 | (long) shortAt(index + 2) << 16 | shortAt(index + 4);
  }
}
