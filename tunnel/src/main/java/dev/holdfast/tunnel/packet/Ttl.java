package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;

/** How many hops a packet has still to live: each host that forwards it takes one. */
public final class Ttl {
  private static final int V4_TTL = 8;
  private static final int V4_CHECKSUM = 10;
  private static final int V6_HOP_LIMIT = 7;

  private Ttl() {}

  private static final int LONGEST = 255;

  /**
   * Gives one back to a packet that this host's kernel forwards twice, so that the host costs one
   * hop; the IPv4 checksum follows. A packet that came with 255 keeps it.
   *
   * @param buf the buffer that {@code view} lies over
   */
  public static void increment(ByteBuf buf, PacketView view) {
    if (view.hopLimit() < LONGEST) {
      set(buf, view, view.hopLimit() + 1);
    }
  }

  /**
   * Takes one from the TTL (RFC 1812 section 5.3.1) or hop limit (RFC 8200 section 3); the IPv4
   * checksum follows.
   *
   * @param buf the buffer that {@code view} lies over
   * @return false, with nothing changed, where it is 1 or 0 and the packet must go no further
   */
  public static boolean decrement(ByteBuf buf, PacketView view) {
    if (view.hopLimit() <= 1) {
      return false;
    }
    set(buf, view, view.hopLimit() - 1);
    return true;
  }

  private static void set(ByteBuf buf, PacketView view, int hops) {
    int start = view.start();
    if (view.isV4()) {
      int word = buf.getUnsignedShort(start + V4_TTL); // TTL and protocol
      int changed = hops << 8 | word & 0xff;
      int checksum = buf.getUnsignedShort(start + V4_CHECKSUM);
      buf.setShort(start + V4_TTL, changed);
      buf.setShort(start + V4_CHECKSUM, Checksums.update16(checksum, word, changed));
    } else {
      buf.setByte(start + V6_HOP_LIMIT, hops);
    }
  }
}
