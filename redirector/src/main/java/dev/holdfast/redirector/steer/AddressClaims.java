package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.DhcpMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Notices who else on the old LAN uses a captured address, or is about to: somebody to whom it was
 * leased anew, or who was configured with it. Each such machine is told of once.
 *
 * <p>Probes are answered like any question, so that a machine which looks first leaves the address
 * alone (RFC 5227 section 2.1, RFC 4862 section 5.4). One that uses it without looking is announced
 * against, at most every ten seconds (RFC 5227 section 2.4, case c).
 *
 * <p>No thread, no socket. Frames come from strangers: how many machines are remembered is bounded.
 */
public final class AddressClaims {
  private static final int MOST_MACHINES = 32;
  private static final long DEFEND_INTERVAL_NANOS = 10_000_000_000L;

  /** Told of each machine, once. */
  public interface Listener {
    /**
     * @param how what it does, such as "uses"; the address follows in a sentence
     */
    void claimed(MacAddress by, String how, IpAddress address);
  }

  private final AnswerTable table;
  private final Set<MacAddress> ours;
  private final Clock clock;
  private final Listener listener;
  private final Set<MacAddress> told = new HashSet<>();
  private final Map<IpAddress, Long> defended = new HashMap<>();
  private final ArpMessage arp = new ArpMessage();
  private final NeighbourMessage neighbour = new NeighbourMessage();
  private final DhcpMessage dhcp = new DhcpMessage();

  /**
   * @param table its captured addresses are watched over
   * @param ours the guest's MAC and this host's: they may
   */
  public AddressClaims(AnswerTable table, Set<MacAddress> ours, Clock clock, Listener listener) {
    this.table = table;
    this.ours = Set.copyOf(ours);
    this.clock = clock;
    this.listener = listener;
  }

  /**
   * Looks at one frame that this host did not send.
   *
   * @return the address that is to be announced now, since somebody else has just said that it is
   *     his; null mostly
   */
  @Nullable IpAddress look(ByteBuf frame, int length) {
    if (arp.check(frame, 0, length)) {
      if (arp.isProbe()) {
        wanted(arp.senderMac(), "looks whether it may use", arp.targetAddress());
        return null;
      }
      return used(arp.senderMac(), arp.senderAddress());
    }
    if (neighbour.check(frame, 0, length)) {
      if (neighbour.isProbe()) {
        wanted(neighbour.frameSource(), "looks whether it may use", neighbour.target());
        return null;
      }
      MacAddress given = neighbour.linkLayerAddress();
      return used(
          given == null ? neighbour.frameSource() : given,
          neighbour.isSolicitation() ? neighbour.source() : neighbour.target());
    }
    if (dhcp.check(frame, 0, length)) {
      IpAddress requested = dhcp.requested();
      if (dhcp.type() == DhcpMessage.ACK) {
        wanted(dhcp.client(), "was given by DHCP", dhcp.given());
      } else if (dhcp.type() == DhcpMessage.REQUEST && requested != null) {
        wanted(dhcp.client(), "asks DHCP for", requested);
      }
    }
    return null;
  }

  private @Nullable IpAddress used(MacAddress by, IpAddress address) {
    if (!wanted(by, "uses", address)) {
      return null;
    }
    long nowNanos = clock.nanoTime();
    Long last = defended.get(address);
    if (last != null && nowNanos - last < DEFEND_INTERVAL_NANOS) {
      return null;
    }
    defended.put(address, nowNanos);
    return address;
  }

  /** True where the address is captured, and {@code by} is somebody else. */
  private boolean wanted(MacAddress by, String how, IpAddress address) {
    if (!table.isCaptured(address) || ours.contains(by)) {
      return false;
    }
    if (told.size() < MOST_MACHINES && told.add(by)) {
      listener.claimed(by, how, address);
    }
    return true;
  }
}
