package dev.holdfast.redirector.edge;

import dev.holdfast.tunnel.packet.IpAddress;

/** Who is who in every row, in either family. */
enum Ip {
  V4("10.1.0.10", "192.0.2.2", "198.51.100.1", "203.0.113.1", "10.1.0.2", "10.1.0.1"),
  V6(
      "2001:db8:1::10",
      "2001:db8:9::2",
      "2001:db8:a::1",
      "2001:db8:b::1",
      "2001:db8:1::2",
      "fe80::1");

  /** The guest's old address. */
  final IpAddress old;

  /** Who the guest has connections with, outside of its LAN. */
  final IpAddress peer;

  /** This host's end of the tunnel. */
  final IpAddress here;

  /** The remote host's end of the tunnel. */
  final IpAddress there;

  /** This host's address in the guest's LAN. */
  final IpAddress lan;

  /** The LAN's router. */
  final IpAddress router;

  Ip(String old, String peer, String here, String there, String lan, String router) {
    this.old = IpAddress.parse(old);
    this.peer = IpAddress.parse(peer);
    this.here = IpAddress.parse(here);
    this.there = IpAddress.parse(there);
    this.lan = IpAddress.parse(lan);
    this.router = IpAddress.parse(router);
  }

  static Ip of(IpAddress address) {
    return address.isV4() ? V4 : V6;
  }

  /** A packet from the peer to the guest's old address; what it carries is to be said. */
  Packet toGuest() {
    return new Packet(peer, old);
  }

  /** A packet from the guest's old address to the peer. */
  Packet fromGuest() {
    return new Packet(old, peer);
  }

  /** A tunnel's packet from this host to the remote host. */
  Packet outgoing() {
    return new Packet(here, there).ttl(64);
  }

  /** A tunnel's packet from the remote host to this one. */
  Packet incoming() {
    return new Packet(there, here).ttl(60);
  }

  /** Bytes of the header without options. */
  int header() {
    return this == V4 ? 20 : 40;
  }

  @Override
  public String toString() {
    return this == V4 ? "IPv4" : "IPv6";
  }
}
