package dev.holdfast.redirector.flow;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;

/**
 * What names a flow. For lists and snapshots; packets are looked up without one.
 *
 * @param protocol the IP protocol number, after all IPv6 extension headers
 * @param guestPort TCP, UDP: the port; ICMP queries: the identifier; otherwise 0
 * @param peerPort TCP, UDP: the port; ICMP queries 0, other ICMP 1; otherwise 0
 */
public record FlowKey(int protocol, IpAddress guest, int guestPort, IpAddress peer, int peerPort) {
  public FlowKey {
    if ((protocol & ~0xff) != 0 || (guestPort & ~0xffff) != 0 || (peerPort & ~0xffff) != 0) {
      throw new IllegalArgumentException(
          "no such protocol or port: " + protocol + ", " + guestPort + ", " + peerPort);
    }
    if (guest.isV4() != peer.isV4()) {
      throw new IllegalArgumentException("of two families: " + guest + ", " + peer);
    }
  }

  /** tcp, udp, icmp, or the protocol's number. */
  public static String protocolName(int protocol) {
    return switch (protocol) {
      case PacketView.TCP -> "tcp";
      case PacketView.UDP -> "udp";
      case PacketView.ICMP, PacketView.ICMPV6 -> "icmp";
      default -> Integer.toString(protocol);
    };
  }

  /** {@code address:port}, {@code [address]:port}, or the address alone where there is no port. */
  static String side(IpAddress address, int port) {
    if (port == 0) {
      return address.toString();
    }
    return (address.isV4() ? address.toString() : "[" + address + "]") + ":" + port;
  }

  /** The guest's address and port as people read them. */
  public String guestText() {
    return side(guest, guestPort);
  }

  /** The peer's address and port as people read them. */
  public String peerText() {
    boolean icmp = protocol == PacketView.ICMP || protocol == PacketView.ICMPV6;
    return side(peer, icmp ? 0 : peerPort);
  }

  /** {@code tcp 10.1.0.10:443 - 10.9.0.2:50000}, the guest first. */
  @Override
  public String toString() {
    return protocolName(protocol) + " " + guestText() + " - " + peerText();
  }
}
