package dev.holdfast.redirector.flow;

import dev.holdfast.tunnel.packet.PacketView;

/**
 * Which of a migration's data connections a packet takes: always the same one for all packets of a
 * flow, held or live, in both directions, in every process. So nothing can pass anything else of
 * its flow, whatever becomes of the other connections.
 *
 * <p>TCP that nobody may fragment takes the lane of its addresses and ports. All else takes that of
 * its addresses alone: of a datagram in fragments only the first has ports, and the next datagram
 * of the flow may be whole. (Network cards spread UDP over their queues by addresses alone for the
 * same reason.) An ICMP error goes by the addresses of who reports it.
 */
public final class Lanes {
  private Lanes() {}

  /**
   * Allocates nothing.
   *
   * @param packet checked
   * @param lanes how many there are
   * @return 0 to {@code lanes} - 1
   */
  public static int of(PacketView packet, int lanes) {
    boolean ports = packet.isTcp() && packet.dontFragment() && !packet.isFragment();
    long source = end(packet.sourceHigh(), packet.sourceLow(), ports ? packet.sourcePort() : 0);
    long destination =
        end(
            packet.destinationHigh(),
            packet.destinationLow(),
            ports ? packet.destinationPort() : 0);
    long hash = FlowSlots.mix(source + destination) >>> 32; // a sum: the same both ways
    return (int) (hash * lanes >>> 32);
  }

  private static long end(long high, long low, int port) {
    return FlowSlots.mix(FlowSlots.mix(FlowSlots.mix(low) ^ high) ^ port);
  }
}
