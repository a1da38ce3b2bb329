package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;

/** One hop less to live: what each host that forwards a packet does to it. */
public final class Ttl {
  private static final int V4_TTL = 8;
  private static final int V4_CHECKSUM = 10;
  private static final int V6_HOP_LIMIT = 7;

  private Ttl() {}

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
    int start = view.start();
    if (view.isV4()) {
      int word = buf.getUnsignedShort(start + V4_TTL); // TTL and protocol
      int checksum = buf.getUnsignedShort(start + V4_CHECKSUM);
      buf.setShort(start + V4_TTL, word - 0x100);
      buf.setShort(start + V4_CHECKSUM, Checksums.update16(checksum, word, word - 0x100));
    } else {
      buf.setByte(start + V6_HOP_LIMIT, view.hopLimit() - 1);
    }
    return true;
  }
}
