package dev.holdfast.redirector.migration;

import org.jspecify.annotations.Nullable;

/**
 * Asks what would become of a packet.
 *
 * @param packet the IP packet in hex digits, two a byte, without a link's header
 * @param outOfTunnel it comes out of the tunnel; else from a LAN
 * @param migration whose tunnel it comes out of, by id or name; null to find that by its addresses
 */
public record ExplainRequest(String packet, boolean outOfTunnel, @Nullable String migration) {
  /** No IP packet that a device or a tunnel hands over is longer, in bytes. */
  public static final int LONGEST_PACKET = 65_535;
}
