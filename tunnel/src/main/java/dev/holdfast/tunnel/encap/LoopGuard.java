package dev.holdfast.tunnel.encap;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;

/**
 * Which packets must not be put into a tunnel, because they have been in it.
 *
 * <p>RFC 2003 section 3.2 forbids to encapsulate what has an address of this host, or that of the
 * tunnel's exit, as its source. Taken literally that would cut off the programs of both hosts from
 * the guest, which they may talk to like any other peer. What the rule is to catch is a packet of
 * the tunnel itself, so that is what is looked for: one of protocol 4 or 41 between its two ends.
 * What leaves the tunnel here is never put into it again ({@code decide.Decision}), and the TTL
 * bounds whatever loop lies elsewhere.
 */
public final class LoopGuard {
  private LoopGuard() {}

  /**
   * @param packet about to be encapsulated
   * @param local this end of the tunnel
   * @param remote its other end
   * @return true where it must be dropped: it is an outer packet of this tunnel, in either
   *     direction, or says that it may not be encapsulated once more (RFC 2473 section 4.1.1)
   */
  public static boolean forbids(PacketView packet, IpAddress local, IpAddress remote) {
    return isOuter(packet, local, remote)
        || isOuter(packet, remote, local)
        || EncapsulationLimit.of(packet) == 0;
  }

  private static boolean isOuter(PacketView packet, IpAddress from, IpAddress to) {
    int protocol = packet.protocol();
    return (protocol == IpInIp.IPV4 || protocol == IpInIp.IPV6)
        && packet.isFrom(from)
        && packet.isTo(to);
  }
}
