package dev.holdfast.redirector.decide;

import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.TcpState;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which of the guest's packets leave at the new site where the return path is {@code direct}: the
 * bulk of open TCP connections. All else takes the tunnel, so that the old host still knows what it
 * needs to know:
 *
 * <ul>
 *   <li>how a connection begins and ends: SYN, FIN and RST, all of a connection of which a FIN was
 *       seen, either side's, and so the acknowledgment of the last one (RFC 9293 section 3.6);
 *   <li>that it lives on at the new host: the first packet that the guest sends there;
 *   <li>where it stands: one packet in 2^28 bytes of either direction, since sequence numbers are
 *       compared within 2^31 (RFC 9293 section 3.4);
 *   <li>what has no end but silence: UDP, ICMP and the rest, and fragments, which do not say what
 *       they are part of.
 * </ul>
 *
 * <p>A packet by the tunnel may be overtaken by later ones. TCP puts segments in order again (RFC
 * 9293 section 3.10.7.4), a FIN among them. A RST that comes before data that was sent before it is
 * not exactly what the peer expects next, so the peer asks with a challenge ACK, which the guest,
 * where the connection is gone, answers with the RST that fits (RFC 5961 section 3.2).
 *
 * <p>The old site alone knows the way to some peers: those of its LAN, and those with private
 * addresses unless the old address is private too, when both sites route one such network, as the
 * probe has shown.
 */
public final class DirectReturn {
  private static final List<IpPrefix> LINK_LOCAL =
      prefixes("169.254.0.0/16", "fe80::/10"); // RFC 3927, RFC 4291 section 2.5.6

  private static final List<IpPrefix> PRIVATE =
      prefixes(
          "10.0.0.0/8",
          "172.16.0.0/12",
          "192.168.0.0/16", // RFC 1918
          "100.64.0.0/10", // RFC 6598
          "fc00::/7"); // RFC 4193

  private static final int MILESTONE_SHIFT = 28;

  private final IpPrefix[] onlyByOldSite;

  /**
   * @param olds the guest's old addresses, one of each family at most
   * @param oldLans prefixes of the LAN that the guest has left
   */
  public DirectReturn(List<IpAddress> olds, List<IpPrefix> oldLans) {
    List<IpPrefix> kept = new ArrayList<>(oldLans);
    kept.addAll(LINK_LOCAL);
    for (IpAddress old : olds) {
      if (PRIVATE.stream().noneMatch(prefix -> prefix.contains(old))) {
        PRIVATE.stream().filter(prefix -> prefix.address().isV4() == old.isV4()).forEach(kept::add);
      }
    }
    onlyByOldSite = kept.toArray(IpPrefix[]::new);
  }

  private static List<IpPrefix> prefixes(String... texts) {
    List<IpPrefix> parsed = new ArrayList<>();
    for (String text : texts) {
      parsed.add(IpPrefix.parse(text));
    }
    return List.copyOf(parsed);
  }

  /**
   * Whether a packet of the guest leaves at the new site.
   *
   * @param known its flow before it, or null
   */
  boolean takes(PacketView packet, @Nullable Flow known) {
    return known != null
        && packet.isTcp()
        && !packet.isFragment()
        && packet.hasTransportHeader()
        && (packet.tcpFlags() & (PacketView.SYN | PacketView.FIN | PacketView.RST)) == 0
        && known.tcpState() == TcpState.ESTABLISHED
        && !known.hasFin(Direction.TO_GUEST)
        && known.wasHeard(Direction.FROM_GUEST)
        && !isMilestone(packet, known)
        && !isOnlyByOldSite(packet);
  }

  private static boolean isMilestone(PacketView segment, Flow known) {
    int end = (int) segment.tcpSequence() + segment.tcpSequenceLength();
    return isMilestone(end, known.sequenceEnd(Direction.FROM_GUEST))
        || isMilestone(
            (int) segment.tcpAcknowledgment(), known.acknowledgment(Direction.FROM_GUEST));
  }

  private static boolean isMilestone(int sequence, int before) {
    return sequence - before > 0 && (sequence ^ before) >>> MILESTONE_SHIFT != 0;
  }

  private boolean isOnlyByOldSite(PacketView packet) {
    for (IpPrefix prefix : onlyByOldSite) {
      if (prefix.contains(packet.destinationHigh(), packet.destinationLow())) {
        return true;
      }
    }
    return false;
  }
}
