package dev.holdfast.tunnel.encap;

import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;

/**
 * The Tunnel Encapsulation Limit option: how many more times a packet may be put into another (RFC
 * 2473 section 4.1.1). It stands in a destination options header of the packet, and is passed on,
 * less one, in the outer header.
 *
 * <pre>
 * next header | 0 = 8 bytes | type 4 | length 1 | limit | PadN: 1 | 1 | 0
 * </pre>
 */
public final class EncapsulationLimit {
  /** The packet does not say. */
  public static final int NONE = -1;

  /** Bytes of the header that carries it. */
  public static final int HEADER = 8;

  /** The next header of a destination options header (RFC 8200 section 4.6). */
  static final int DESTINATION_OPTIONS = 60;

  private static final int HOP_BY_HOP = 0;
  private static final int ROUTING = 43;
  private static final int FRAGMENT = 44;
  private static final int AUTHENTICATION = 51;
  private static final int TYPE = 4;
  private static final int PAD1 = 0;
  private static final int PADN = 1;
  private static final int UNIT = 8;
  private static final int FRAGMENT_OFFSET = 0xfff8;

  private EncapsulationLimit() {}

  /**
   * What the packet says.
   *
   * @param packet a checked one, of either family
   * @return 0 to 255; {@link #NONE} where it has no such option, or is of IPv4
   */
  public static int of(PacketView packet) {
    if (packet.isV4()) {
      return NONE;
    }
    ByteBuf buf = packet.buffer();
    int next = buf.getUnsignedByte(packet.start() + 6);
    int at = packet.start() + IpInIp.V6_OUTER;
    // The header chain was checked; the bounds are asked for again, since a fragment's may be cut.
    while (at + UNIT <= packet.end()) {
      int length;
      switch (next) {
        case HOP_BY_HOP, ROUTING -> length = (buf.getUnsignedByte(at + 1) + 1) * UNIT;
        case AUTHENTICATION -> length = (buf.getUnsignedByte(at + 1) + 2) * 4;
        case FRAGMENT -> {
          if ((buf.getUnsignedShort(at + 2) & FRAGMENT_OFFSET) != 0) {
            return NONE;
          }
          length = UNIT;
        }
        case DESTINATION_OPTIONS -> {
          length = (buf.getUnsignedByte(at + 1) + 1) * UNIT;
          int found = among(buf, at + 2, Math.min(at + length, packet.end()));
          if (found != NONE) {
            return found;
          }
        }
        default -> {
          return NONE;
        }
      }
      next = buf.getUnsignedByte(at);
      at += length;
    }
    return NONE;
  }

  private static int among(ByteBuf buf, int from, int end) {
    int at = from;
    while (at + 2 < end) {
      int type = buf.getUnsignedByte(at);
      if (type == PAD1) {
        at++;
        continue;
      }
      int length = buf.getUnsignedByte(at + 1);
      if (type == TYPE && length == 1) {
        return buf.getUnsignedByte(at + 2);
      }
      at += 2 + length;
    }
    return NONE;
  }

  /**
   * Writes the destination options header that carries {@code limit}.
   *
   * @param next the header behind it
   */
  static void write(ByteBuf out, int index, int next, int limit) {
    out.setByte(index, next);
    out.setByte(index + 1, 0);
    out.setByte(index + 2, TYPE);
    out.setByte(index + 3, 1);
    out.setByte(index + 4, limit);
    out.setByte(index + 5, PADN);
    out.setByte(index + 6, 1);
    out.setByte(index + 7, 0);
  }
}
