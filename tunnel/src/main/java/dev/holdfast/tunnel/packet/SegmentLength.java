package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;

/**
 * Divides a TCP segment that is too long for what it is to go onto: it becomes a super-packet of
 * shorter ones, for the device to cut.
 *
 * <p>Where a segment begins and ends is no part of what TCP carries (RFC 9293 section 3.8), and
 * each device with TSO or GRO changes it. Don't Fragment forbids something else, fragments of the
 * IP packet (RFC 791 section 3.2), of which each needs all others, and which IPv6 leaves to the
 * sender alone (RFC 8200 section 4.5).
 *
 * <p>Not divided are SYN and RST, urgent data, a packet that is a fragment or has IPv6 extension
 * headers, a segment whose options vouch for it as a whole (RFC 5925, RFC 2385), and one with a
 * wrong checksum, which would be right afterwards.
 */
public final class SegmentLength {
  private static final int END_OF_OPTIONS = 0;
  private static final int NO_OPERATION = 1;
  private static final int MD5_SIGNATURE = 19;
  private static final int AUTHENTICATION = 29;
  private static final int CWR = 0x80;
  private static final int FIXED_HEADER = 20;
  private static final int CHECKSUM = 16;

  private SegmentLength() {}

  /**
   * Writes the header at {@code vnetIndex} so that no packet is longer than {@code longest} when
   * the device has cut it.
   *
   * @param view over the whole packet behind that header, which fits it ({@link OffloadCheck})
   * @param longest bytes
   * @return false where it may not be divided, or not so; nothing is changed then
   */
  public static boolean shorten(ByteBuf buf, int vnetIndex, PacketView view, int longest) {
    if (!mayShorten(buf, vnetIndex, view, longest)) {
      return false;
    }
    int transport = view.transportStart();
    int headers = headers(view);
    int room = view.end() - transport;
    buf.setShort(transport + CHECKSUM, Checksums.pseudoHeader(view, PacketView.TCP, room));
    int type = view.isV4() ? VirtioNetHeader.GSO_TCPV4 : VirtioNetHeader.GSO_TCPV6;
    VirtioNetHeader.set(
        buf,
        vnetIndex,
        VirtioNetHeader.FLAG_NEEDS_CHECKSUM,
        type | ecn(view),
        headers,
        longest - headers,
        transport - view.start(),
        CHECKSUM);
    return true;
  }

  /** What {@link #shorten} would answer. Changes nothing. */
  public static boolean mayShorten(ByteBuf buf, int vnetIndex, PacketView view, int longest) {
    // An extension header may vouch for the whole too (RFC 4302), or be one that kernels do not
    // cut.
    boolean isExtended = !view.isV4() && view.hasOptionsOrExtensions();
    if (!view.isTcp() || view.isFragment() || isExtended) {
      return false;
    }
    int data = longest - headers(view);
    int flags = PacketView.SYN | PacketView.RST | PacketView.URG;
    return data > 0
        && (view.tcpFlags() & flags) == 0
        && view.tcpPayloadLength() <= (long) data * OffloadCheck.MAX_SEGMENTS
        && !isVouchedFor(buf, view)
        && (VirtioNetHeader.needsChecksum(buf, vnetIndex) || Checksums.verifyTransport(view));
  }

  /** Congestion Window Reduced is said once, in the first piece (RFC 3168 section 6.1.2). */
  static int ecn(PacketView view) {
    return (view.tcpFlags() & CWR) == 0 ? 0 : VirtioNetHeader.GSO_ECN;
  }

  private static int headers(PacketView view) {
    return view.transportStart() - view.start() + view.tcpHeaderLength();
  }

  /** Also where the options cannot be read to their end. */
  static boolean isVouchedFor(ByteBuf buf, PacketView view) {
    int end = view.transportStart() + view.tcpHeaderLength();
    for (int at = view.transportStart() + FIXED_HEADER; at < end; ) {
      int kind = buf.getUnsignedByte(at);
      if (kind == END_OF_OPTIONS) {
        return false;
      }
      if (kind == NO_OPERATION) {
        at++;
        continue;
      }
      int length = at + 1 < end ? buf.getUnsignedByte(at + 1) : 0;
      if (kind == MD5_SIGNATURE || kind == AUTHENTICATION || length < 2) {
        return true;
      }
      at += length;
    }
    return false;
  }
}
