package dev.holdfast.tunnel.encap;

/**
 * What a host writes into the outer headers of its tunnels that is its own to choose.
 *
 * <p>The two ECN bits are not among it: they are those of the inner packet, whatever the DSCP is
 * (RFC 6040 section 4.1, normal mode; section 4 of RFC 2983 speaks of the other six alone).
 *
 * @param hopLimit TTL or hop limit of the tunnel's own packets, 1 to 255 (RFC 2003 section 3.1, RFC
 *     2473 section 6.3)
 * @param dscp 0 to 63 for all packets (the pipe model of RFC 2983 section 3), or {@link #COPY}
 */
public record OuterPolicy(int hopLimit, int dscp) {
  /** The inner packet's own DSCP (the uniform model, without its way back at the exit). */
  public static final int COPY = -1;

  public static final OuterPolicy DEFAULT = new OuterPolicy(64, COPY);

  private static final int ECN_BITS = 3;

  public OuterPolicy {
    if (hopLimit < 1 || hopLimit > 255) {
      throw new IllegalArgumentException("a hop limit of " + hopLimit + " reaches nobody");
    }
    if (dscp < COPY || dscp > 63) {
      throw new IllegalArgumentException("a DSCP has 6 bits, so " + dscp + " is none");
    }
  }

  /**
   * The outer packet's TOS or traffic class.
   *
   * @param inner that of the inner packet, 8 bits
   */
  public int trafficClass(int inner) {
    return dscp == COPY ? inner : dscp << 2 | inner & ECN_BITS;
  }
}
