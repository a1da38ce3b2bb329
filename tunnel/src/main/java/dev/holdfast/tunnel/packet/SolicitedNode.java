package dev.holdfast.tunnel.packet;

/** The multicast groups of neighbour discovery, and the MAC addresses that carry them. */
public final class SolicitedNode {
  /** ff02::1. */
  public static final IpAddress ALL_NODES = new IpAddress(0xff02L << 48, 1);

  private static final long GROUP_LOW = 0x0000_0001_ff00_0000L;

  private SolicitedNode() {}

  /** The group that who has {@code address} listens to (RFC 4291 section 2.7.1). */
  public static IpAddress groupOf(IpAddress address) {
    if (address.isV4()) {
      throw new IllegalArgumentException(address + " is not an IPv6 address");
    }
    return new IpAddress(0xff02L << 48, GROUP_LOW | address.low() & 0xff_ffff);
  }

  /** The MAC address that frames to a multicast group go to: 33:33 and 32 bits (RFC 2464). */
  public static MacAddress macOf(IpAddress group) {
    if (group.isV4() || !group.isMulticast()) {
      throw new IllegalArgumentException(group + " is not an IPv6 multicast address");
    }
    return new MacAddress(0x3333_0000_0000L | group.low() & 0xffff_ffffL);
  }
}
