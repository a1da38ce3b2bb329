package dev.holdfast.redirector.decide;

import dev.holdfast.tunnel.packet.IcmpErrors;
import dev.holdfast.tunnel.packet.PacketView;

/**
 * Whether a packet fits what it is to go onto, and what is to be done where it does not.
 *
 * <p>Clamping the MSS cannot help a connection that exists already, so its sender is told (RFC
 * 1191, RFC 8201). What he has sent until he knows, or sends although he was told, goes on all the
 * same: in fragments of the tunnel's own packet (RFC 4459 section 3.1), or as shorter TCP segments
 * on a LAN behind it. RFC 2003 section 3.1 and RFC 2473 section 7 would have it dropped, and a
 * sender whose ICMP is filtered would wait for a timeout that grows with every try (RFC 6298).
 *
 * <p>What is not TCP is dropped at first: it may be a probe, and would find a size that does not
 * pass whole (RFC 8899 section 4.4).
 */
public enum Fit {
  /** It goes as it is. */
  WHOLE("it fits"),

  /** IPv4 without Don't Fragment: in fragments of its own (RFC 791 section 3.2). */
  IN_FRAGMENTS("it is too big, and its sender lets it be fragmented"),

  /** TCP: its sender is told how much fits, and it goes on meanwhile. */
  TOLD_AND_CARRIED("it is too big; its sender is told how much fits, and it goes on meanwhile"),

  /** TCP: the word to its sender is still on its way, and it goes on. */
  CARRIED_MEANWHILE("it is too big, its sender was told just now, and it goes on meanwhile"),

  /** Its sender is told how much fits, and it is dropped. */
  TOLD("it is too big, and its sender is told how much fits"),

  /** It is dropped, since its sender has just been told. */
  JUST_TOLD("it is too big, as its sender was told just now"),

  /** The sender is told once more, and it goes on in fragments of the tunnel's packet. */
  TOLD_AND_RESCUED("it is too big; its sender is told again, and it goes on"),

  /** In fragments of the tunnel's packet: the far end of the tunnel puts them together. */
  RESCUED("it is too big, its sender does not heed that, and it goes on"),

  /** The same, as nobody may be told to send less, or nothing may be said about this packet. */
  CARRIED("it is too big, its sender may not be told so now, and it goes on");

  /**
   * No IPv4 sender is told to send less: below that a forged or broken error would cost more than
   * fragments do. 552 is what Linux has as its own least ({@code net.ipv4.route.min_pmtu}).
   */
  public static final int SMALLEST_V4 = 552;

  /** RFC 8200 section 5: less than this no IPv6 link may take. */
  public static final int SMALLEST_V6 = 1280;

  private final String reason;

  Fit(String reason) {
    this.reason = reason;
  }

  /** Whether its sender is told how much fits. */
  public boolean isTold() {
    return this == TOLD || this == TOLD_AND_CARRIED || this == TOLD_AND_RESCUED;
  }

  /** Whether it goes no further. */
  public boolean isDropped() {
    return this == TOLD || this == JUST_TOLD;
  }

  /** Whether it goes on although it is too long, for whoever carries it to cut. */
  public boolean goesOnTooLong() {
    return this != WHOLE && this != IN_FRAGMENTS && !isDropped();
  }

  /** A clause that completes "that is so because …". */
  public String reason() {
    return reason;
  }

  /**
   * What becomes of a packet that may be longer than the limit. Changes nothing.
   *
   * @param longest bytes of its longest piece: of a super-packet those of one segment
   * @param limit bytes that pass whole
   * @param senders remembers who was told; asked only for a packet that is too big
   * @param flow a number that packets of one flow and direction share
   */
  public static Fit of(
      PacketView packet, int longest, int limit, TooBigSenders senders, int flow, long nowNanos) {
    if (longest <= limit) {
      return WHOLE;
    }
    if (!packet.dontFragment()) {
      return IN_FRAGMENTS;
    }
    if (longest <= smallest(packet.isV4()) || !IcmpErrors.mayAnswer(packet)) {
      return CARRIED;
    }
    return senders.judge(packet.isTcp(), limit, flow, nowNanos);
  }

  /** The MTU that a sender is told of where {@code limit} bytes pass. */
  public static int told(int limit, boolean v4) {
    return Math.max(limit, smallest(v4));
  }

  private static int smallest(boolean v4) {
    return v4 ? SMALLEST_V4 : SMALLEST_V6;
  }
}
