package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.IpAddress;

/**
 * How often an address that has a new MAC is announced.
 *
 * <p>Each family as its RFC has it. QEMU says it five times within 350 ms, since the port by which
 * it speaks has just come up; ours has been up for long, and RFC 4861 forbids such haste.
 *
 * @param rounds announcements in all; the first is sent at once
 * @param intervalNanos from one to the next, at least
 */
public record AnnounceSchedule(int rounds, long intervalNanos) {
  /** RFC 5227 sections 1.1 and 2.3: ANNOUNCE_NUM, ANNOUNCE_INTERVAL. */
  public static final AnnounceSchedule ARP = new AnnounceSchedule(2, 2_000_000_000L);

  /**
   * RFC 4861 sections 7.2.6 and 10: at most MAX_NEIGHBOR_ADVERTISEMENT, at least RetransTimer
   * apart.
   */
  public static final AnnounceSchedule NEIGHBOR_DISCOVERY = new AnnounceSchedule(3, 1_000_000_000L);

  public static AnnounceSchedule of(IpAddress address) {
    return address.isV4() ? ARP : NEIGHBOR_DISCOVERY;
  }
}
