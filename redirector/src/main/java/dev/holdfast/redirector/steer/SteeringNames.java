package dev.holdfast.redirector.steer;

/**
 * Every number and name that this program puts into the kernel, in one place.
 *
 * <p>The numbers spell 4754, the protocol's port, and stand before the main table's rule (32766)
 * and after the local table's (0).
 */
public final class SteeringNames {
  /** The nft tables of the families bridge, inet and arp. */
  public static final String TABLE = "holdfast";

  /** Packet mark, one bit: for an old address that is captured here. */
  public static final int CAPTURE_MARK = 0x1000_0000;

  /** Packet mark, one bit: from a guest that lives here, with its old address as source. */
  public static final int RETURN_MARK = 0x2000_0000;

  /** Packet mark, one bit: an error of this host's about a packet of a guest that lives here. */
  public static final int DELIVERY_MARK = 0x4000_0000;

  /**
   * Packet mark, one bit: its TTL was 1 and was made 2, so that the kernel forwards it; with {@code
   * ttl = "keep"} alone.
   */
  public static final int LENT_MARK = 0x0800_0000;

  /**
   * Packet mark, one bit: from a guest that does not know its new address, and goes out as that.
   */
  public static final int MAPPED_MARK = 0x0400_0000;

  /** Routing table and rule priority of what has the capture mark. */
  public static final int CAPTURE_TABLE = 4754;

  /** Routing table and rule priority of what has the return mark. */
  public static final int RETURN_TABLE = 4755;

  /**
   * Routing table and rule priority of what leaves the tunnel here, towards the guest; the next
   * priority is for the delivery mark, to the same table.
   */
  public static final int DELIVERY_TABLE = 4756;

  /**
   * Address of the TUN, of link scope: the kernel's source check drops everything from an interface
   * without one. Nobody ever sees it on a wire.
   */
  public static final String TUN_ADDRESS = "169.254.47.54/32";

  /** Routes decide the MTU, each migration its own; the device's is in nobody's way. */
  public static final int TUN_MTU = 65_535;

  /** The default of 500 loses packets of a burst before the reader wakes. */
  public static final int TUN_QUEUE = 10_000;

  static final int ROUTE_METRIC = 10;
  static final int BLACKHOLE_METRIC = 1_000;

  private SteeringNames() {}

  static String hex(int mark) {
    return "0x" + Integer.toHexString(mark);
  }
}
