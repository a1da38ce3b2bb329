package dev.holdfast.tunnel.encap;

import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;

/** Explicit Congestion Notification at the end of a tunnel: RFC 6040 section 4.2, figure 4. */
public final class Ecn {
  public static final int NOT_ECT = 0;
  public static final int ECT_1 = 1;
  public static final int ECT_0 = 2;
  public static final int CE = 3;

  /** The packet must be dropped: congestion was met, and its sender could not be told otherwise. */
  public static final int DROP = -1;

  private Ecn() {}

  /**
   * What the forwarded packet must say.
   *
   * @param inner the two ECN bits of the inner header
   * @param outer those of the outer header that is taken off
   * @return two bits, or {@link #DROP}
   */
  public static int decapsulated(int inner, int outer) {
    if (inner == NOT_ECT) {
      return outer == CE ? DROP : NOT_ECT;
    }
    if (outer == CE) {
      return CE;
    }
    return inner == ECT_0 && outer == ECT_1 ? ECT_1 : inner;
  }

  /**
   * Whether no tunnel's entry that follows a standard makes this pair: it is marked in figure 4,
   * and to be logged (RFC 6040 section 4.2).
   *
   * @param inner the two ECN bits of the inner header
   * @param outer those of the outer header that is taken off
   */
  public static boolean isUnused(int inner, int outer) {
    return switch (inner) {
      case NOT_ECT -> outer != NOT_ECT; // (!!!)
      case ECT_1 -> outer == ECT_0; // (!)
      case CE -> outer == ECT_1; // (!!!)
      default -> false;
    };
  }

  /** What {@code ecn} is called in RFC 3168 section 5. */
  public static String name(int ecn) {
    return switch (ecn) {
      case ECT_0 -> "ECT(0)";
      case ECT_1 -> "ECT(1)";
      case CE -> "CE";
      default -> "Not-ECT";
    };
  }

  /** Sets the ECN bits of a packet; an IPv4 header's checksum follows. */
  public static void set(PacketView packet, int ecn) {
    int before = packet.trafficClass();
    int after = before & ~3 | ecn;
    if (before == after) {
      return;
    }
    ByteBuf buf = packet.buffer();
    int start = packet.start();
    if (packet.isV4()) {
      int word = buf.getUnsignedShort(start);
      int changed = word & ~3 | ecn;
      buf.setShort(start, changed);
      int checksum = buf.getUnsignedShort(start + 10);
      buf.setShort(start + 10, Checksums.update16(checksum, word, changed));
    } else {
      // version (4 bits), traffic class (8), flow label (20): the ECN bits are bits 4 and 5 of the
      // second byte
      buf.setByte(start + 1, buf.getByte(start + 1) & ~0x30 | ecn << 4);
    }
  }
}
