package dev.holdfast.redirector.edge;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Frames of ARP (RFC 826) and neighbour discovery (RFC 4861), octet by octet as the RFCs draw them:
 * not by the code that is tested.
 */
final class Frame {
  static final MacAddress BROADCAST = MacAddress.parse("ff:ff:ff:ff:ff:ff");
  static final MacAddress NOBODY = MacAddress.parse("00:00:00:00:00:00");
  static final MacAddress ALL_NODES = MacAddress.parse("33:33:00:00:00:01");
  static final IpAddress NO_V4 = IpAddress.parse("0.0.0.0");
  static final IpAddress NO_V6 = IpAddress.parse("::");
  static final IpAddress TO_ALL_NODES = IpAddress.parse("ff02::1");

  static final int REQUEST = 1;
  static final int REPLY = 2;
  static final int SOLICITATION = 135;
  static final int ADVERTISEMENT = 136;
  static final int ROUTER = 0x8000_0000;
  static final int SOLICITED = 0x4000_0000;
  static final int OVERRIDE = 0x2000_0000;
  static final int SOURCE_LINK_LAYER = 1;
  static final int TARGET_LINK_LAYER = 2;

  private final byte[] bytes;

  private Frame(byte[] bytes) {
    this.bytes = bytes;
  }

  /** As it came off a wire. */
  static Frame of(byte[] bytes) {
    return new Frame(bytes);
  }

  /** By the names of RFC 826 and RFC 5227: sender's and target's hardware and protocol address. */
  static Frame arp(
      int operation, MacAddress to, MacAddress sha, IpAddress spa, MacAddress tha, IpAddress tpa) {
    var out = new ByteArrayOutputStream();
    out.writeBytes(to.toBytes());
    out.writeBytes(sha.toBytes());
    out.writeBytes(new byte[] {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, (byte) operation});
    out.writeBytes(sha.toBytes());
    out.writeBytes(v4(spa));
    out.writeBytes(tha.toBytes());
    out.writeBytes(v4(tpa));
    return new Frame(out.toByteArray());
  }

  private static byte[] v4(IpAddress address) {
    byte[] bytes = address.toBytes();
    return Arrays.copyOfRange(bytes, bytes.length - 4, bytes.length);
  }

  /**
   * A neighbour solicitation or advertisement.
   *
   * @param flags of an advertisement
   * @param option type of the link-layer address option, 0 for none
   */
  static Frame discovery(
      int type,
      MacAddress to,
      MacAddress from,
      Packet packet,
      IpAddress target,
      int flags,
      int option,
      @Nullable MacAddress linkLayer) {
    var body = new ByteArrayOutputStream();
    body.writeBytes(target.toBytes());
    if (option != 0 && linkLayer != null) {
      body.write(option);
      body.write(1);
      body.writeBytes(linkLayer.toBytes());
    }
    return ethernet(to, from, packet.icmp(type, 0, flags).payload(body.toByteArray()));
  }

  /** An IPv6 packet in a frame. */
  static Frame ethernet(MacAddress to, MacAddress from, Packet packet) {
    var out = new ByteArrayOutputStream();
    out.writeBytes(to.toBytes());
    out.writeBytes(from.toBytes());
    out.writeBytes(new byte[] {(byte) 0x86, (byte) 0xdd});
    out.writeBytes(packet.bytes());
    return new Frame(out.toByteArray());
  }

  /** The group that who has {@code target} listens to: RFC 4291 section 2.7.1. */
  static IpAddress solicitedNode(IpAddress target) {
    byte[] bytes = target.toBytes();
    return IpAddress.parse("ff02::1:ff%02x:%02x%02x".formatted(bytes[13], bytes[14], bytes[15]));
  }

  /** RFC 2464 section 7. */
  static MacAddress solicitedNodeMac(IpAddress target) {
    byte[] bytes = target.toBytes();
    return MacAddress.parse("33:33:ff:%02x:%02x:%02x".formatted(bytes[13], bytes[14], bytes[15]));
  }

  /** The same with one byte overwritten. */
  Frame set(int at, int value) {
    byte[] changed = bytes.clone();
    changed[at] = (byte) value;
    return new Frame(changed);
  }

  /** Its first bytes, or with zeros behind them. */
  Frame resized(int length) {
    return new Frame(Arrays.copyOf(bytes, length));
  }

  byte[] bytes() {
    return bytes.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Frame frame && Arrays.equals(frame.bytes, bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public String toString() {
    return PacketText.ofFrame(bytes);
  }
}
