package dev.holdfast.redirector.filter;

/**
 * A rule of others that is in the way of a packet of ours.
 *
 * @param family ip, ip6 or inet
 * @param hook where the kernel calls {@code base}: prerouting, input, forward, postrouting
 * @param base the base chain that led to it; an accept at the head of that one opens it
 * @param rule the rule as its tool writes it, or the chain's policy
 * @param tool what changes it: nft, iptables-nft, ip6tables-legacy ...
 */
public record Obstacle(
    Extent extent,
    String family,
    String table,
    String chain,
    String hook,
    String base,
    String rule,
    String tool) {

  /** Whom it stops. */
  public enum Extent {
    /** Every packet of that way. */
    ALL,
    /** What no rule before it accepts, and one of these may. */
    UNLESS_ACCEPTED,
    /** Packets that have something which is not known beforehand. */
    SOME
  }

  /** "table ip filter, chain LIBVIRT_FWI (from FORWARD): -o virbr0 -j REJECT". */
  public String place() {
    return "table "
        + family
        + " "
        + table
        + ", chain "
        + chain
        + (chain.equals(base) ? "" : " (from " + base + ")")
        + ": "
        + rule;
  }
}
