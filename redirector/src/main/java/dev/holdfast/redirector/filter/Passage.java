package dev.holdfast.redirector.filter;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/**
 * A packet on one way through this host, as far as it is known.
 *
 * @param what the way in words: "from the old LAN (br0) into the tunnel"
 * @param hooks netfilter's hooks on that way, in order: prerouting, input, forward, postrouting
 * @param in the interface that it comes in by
 * @param out the interface that it leaves by; empty where it ends here
 * @param protocol by name: tcp, ipencap, ipv6
 * @param port its destination port; -1 where any may come
 * @param tracking what conntrack says of it: untracked, new or established
 * @param mark packet mark when filters see it
 * @param routedBack whether this host would send to {@code source} by {@code in}
 */
public record Passage(
    String what,
    List<String> hooks,
    String in,
    String out,
    IpAddress source,
    IpAddress destination,
    String protocol,
    int port,
    String tracking,
    long mark,
    boolean routedBack) {

  /** Hooks of a packet that goes through. */
  public static final List<String> FORWARDED = List.of("prerouting", "forward", "postrouting");

  /** Hooks of a packet that is for this host. */
  public static final List<String> RECEIVED = List.of("prerouting", "input");

  boolean isV4() {
    return destination.isV4();
  }

  /** Whether rules of an nft table of that family see it. */
  boolean isIn(String family) {
    return family.equals("inet") || family.equals(isV4() ? "ip" : "ip6");
  }
}
