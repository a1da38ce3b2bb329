package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Tells a guest that is back where its neighbours are. While it ran elsewhere it was told that they
 * are at the other host's MAC, and where its link was never down it goes on believing that until
 * its kernel probes and fails: for seconds, or half a minute (RFC 4861 section 7.3.3).
 *
 * <p>Each neighbour is asked, and what it answers is said in its name to the guest alone: by
 * gratuitous ARP, or by a neighbour advertisement with Override, which says Router as the neighbour
 * did. Both change an entry that is there and make none. The frame comes from this host's MAC, so
 * that no switch looks for the neighbour here.
 */
public final class NeighbourNotices {
  /** Who has another one's word for whom to ask for asks for no more. */
  static final int MOST = AnswerTable.MOST_TOLD;

  private final SteeringPlan plan;
  private final MacAddress guest;
  private final MacAddress here;
  private final Clock clock;
  private final List<IpAddress> own;
  private final boolean routing;
  private final List<IpAddress> routers;

  private NeighbourNotices(
      SteeringPlan plan,
      MacAddress guest,
      MacAddress here,
      Clock clock,
      List<IpAddress> own,
      boolean routing,
      List<IpAddress> routers) {
    this.plan = plan;
    this.guest = guest;
    this.here = here;
    this.clock = clock;
    this.own = own;
    this.routing = routing;
    this.routers = routers;
  }

  /**
   * Looks at the host, so that nothing has to be looked for when the guest is back.
   *
   * @param here this host's own MAC on the guest's LAN
   * @return null where the guest's MAC is not known
   */
  public static @Nullable NeighbourNotices of(
      HostFacts facts, SteeringPlan plan, MacAddress here, Clock clock) throws IOException {
    MacAddress guest = plan.guestMac();
    if (guest == null) {
      return null;
    }
    List<IpAddress> own = facts.addresses(plan.lan()).stream().map(IpPrefix::address).toList();
    List<IpAddress> routers = new ArrayList<>();
    for (HostFacts.LanRoute route : facts.routes(plan.lan())) {
      IpAddress gateway = route.gateway();
      if (gateway != null && !routers.contains(gateway)) {
        routers.add(gateway);
      }
    }
    boolean routing =
        facts.hasIpv6() && facts.sysctl("net/ipv6/conf/" + plan.lan() + "/forwarding").equals("1");
    return new NeighbourNotices(plan, guest, here, clock, own, routing, routers);
  }

  /**
   * Tells the guest of each neighbour as soon as that answers.
   *
   * @param misled whom the other host has answered for; who is on no LAN of the guest's is left
   *     out. The routers that this host knows there, and this host itself, are told in any case
   * @param nanos how long answers are waited for
   * @throws IOException when the interface is gone
   */
  public void tell(Collection<IpAddress> misled, long nanos) throws IOException {
    Set<IpAddress> all = new LinkedHashSet<>(routers);
    for (IpAddress each : misled) {
      if (all.size() < MOST && plan.oldLans().stream().anyMatch(lan -> lan.contains(each))) {
        all.add(each);
      }
    }
    all.removeAll(plan.oldAddresses());
    all.removeAll(own);
    ByteBuf frame = Unpooled.directBuffer(128);
    try (PacketSocket socket = PacketSocket.open(plan.lan(), FrameFilter.NONE)) {
      for (IpAddress each : own) {
        write(frame, each, here, routing);
        boolean unused = socket.send(frame); // all is said twice
      }
      NeighbourQuestion.ask(
          plan.lan(),
          own.stream().filter(HostFacts::isLinkLocal).findFirst().orElse(null),
          List.copyOf(all),
          clock,
          nanos,
          (address, mac, router) -> {
            if (!mac.equals(guest)) {
              write(frame, address, mac, router);
              boolean unused = socket.send(frame);
            }
          });
    } finally {
      frame.release();
    }
  }

  private void write(ByteBuf frame, IpAddress address, MacAddress mac, boolean router) {
    frame.clear();
    if (address.isV4()) {
      ArpMessage.writeGratuitous(frame, mac, address);
    } else {
      NeighbourMessage.writeUnsolicited(frame, mac, address, router ? NeighbourMessage.ROUTER : 0);
    }
    frame.setBytes(Ethernet.DESTINATION, guest.toBytes());
    frame.setBytes(Ethernet.SOURCE, here.toBytes());
  }
}
