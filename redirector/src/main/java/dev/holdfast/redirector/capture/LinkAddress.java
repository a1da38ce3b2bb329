package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.packet.MacAddress;

/**
 * Where a neighbour is on a LAN, in one long so that a packet costs no object: its MAC in the upper
 * 48 bits, then a bit that says that its frames have a VLAN tag, then that tag's 12 bits.
 */
final class LinkAddress {
  /** Not known. */
  static final long NONE = 0;

  private static final int TAGGED = 0x1000;

  private LinkAddress() {}

  /**
   * @param mac in the low 48 bits
   * @param vlan 0 to 4095, or -1 for frames without a tag
   */
  static long of(long mac, int vlan) {
    return mac << 16 | (vlan < 0 ? 0 : TAGGED | vlan);
  }

  static long of(MacAddress mac, int vlan) {
    return of(mac.bits(), vlan);
  }

  /** In the low 48 bits. */
  static long mac(long link) {
    return link >>> 16;
  }

  static boolean isTagged(long link) {
    return (link & TAGGED) != 0;
  }

  static int vlan(long link) {
    return isTagged(link) ? (int) (link & 0xfff) : -1;
  }
}
