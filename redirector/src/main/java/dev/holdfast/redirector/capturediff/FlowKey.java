package dev.holdfast.redirector.capturediff;

import dev.holdfast.redirector.capturefile.CapturedPacket;
import dev.holdfast.tunnel.packet.IpAddress;

/**
 * One direction of a flow. All fragments between two hosts are one: later ones have no ports.
 *
 * @param protocol with {@link #FRAGMENTS} added for fragments
 * @param ports both, 0 where there are none
 */
record FlowKey(
    boolean isV4,
    long sourceHigh,
    long sourceLow,
    long destinationHigh,
    long destinationLow,
    int protocol,
    int ports) {
  private static final int FRAGMENTS = 256;

  static FlowKey of(CapturedPacket packet) {
    boolean isFragment = packet.isFragment();
    return new FlowKey(
        packet.isV4(),
        packet.sourceHigh(),
        packet.sourceLow(),
        packet.destinationHigh(),
        packet.destinationLow(),
        packet.protocol() + (isFragment ? FRAGMENTS : 0),
        isFragment ? 0 : packet.sourcePort() << 16 | packet.destinationPort());
  }

  @Override
  public String toString() {
    int number = protocol % FRAGMENTS;
    String name =
        switch (number) {
          case CapturedPacket.TCP -> "tcp";
          case CapturedPacket.UDP -> "udp";
          case CapturedPacket.ICMP -> "icmp";
          case CapturedPacket.ICMPV6 -> "icmpv6";
          default -> "protocol " + number;
        };
    return name
        + (protocol >= FRAGMENTS ? " fragments " : " ")
        + end(sourceHigh, sourceLow, ports >>> 16)
        + " > "
        + end(destinationHigh, destinationLow, ports & 0xffff);
  }

  private String end(long high, long low, int port) {
    // An IPv4-mapped address in an IPv6 header is no IPv4 address.
    String address =
        isV4 || high != 0 || low >>> 32 != 0xffff
            ? new IpAddress(high, low).toString()
            : "::ffff:" + IpAddress.v4((int) low);
    if (ports == 0) {
      return address;
    }
    return isV4 ? address + ":" + port : "[" + address + "]:" + port;
  }
}
