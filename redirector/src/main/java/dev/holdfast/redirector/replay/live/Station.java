package dev.holdfast.redirector.replay.live;

import dev.holdfast.redirector.replay.LiveLine;
import dev.holdfast.redirector.replay.live.LiveOptions.Place;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.InferredOffload;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.Segmenter;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Machines played at one interface, all with one MAC: sends their packets as frames, takes those
 * for them, answers who asks for them (RFC 826, RFC 4861) and asks for others.
 *
 * <p>It sends only what is from one of its own to one of the other side. One thread.
 */
final class Station implements AutoCloseable {
  private static final int LONGEST = 65_535 + 40;
  private static final int FRAME = Ethernet.HEADER + LONGEST;

  private final PlayedInterface lan;
  private final Place place;
  private final MacAddress mac;
  private final List<IpAddress> here;
  private final AddressSet hereSet;
  private final AddressSet others;
  private final FramePort port;
  private final Clock clock;
  private final Map<DropReason, Long> drops;
  private final Map<IpAddress, Neighbour> neighbours = new LinkedHashMap<>();
  private final PacketView view = new PacketView();
  private final ArpMessage arp = new ArpMessage();
  private final NeighbourMessage discovery = new NeighbourMessage();
  private final Segmenter segmenter = new Segmenter();
  private final byte[] frame = new byte[FRAME];
  private final ByteBuf out = Unpooled.wrappedBuffer(frame);
  private final ByteBuf in = Unpooled.directBuffer(VirtioNetHeader.LENGTH + FRAME);
  private final @Nullable Neighbour gatewayV4;
  private final @Nullable Neighbour gatewayV6;
  private @Nullable Neighbour last;
  private boolean present;

  /**
   * @param mac of all that are played here
   * @param here their addresses
   * @param others who they speak with
   * @param drops is counted up
   */
  Station(
      PlayedInterface lan,
      Place place,
      MacAddress mac,
      List<IpAddress> here,
      List<IpAddress> others,
      FramePort port,
      Clock clock,
      Map<DropReason, Long> drops) {
    this.lan = lan;
    this.place = place;
    this.mac = mac;
    this.here = List.copyOf(here);
    this.hereSet = new AddressSet(here);
    this.others = new AddressSet(others);
    this.port = port;
    this.clock = clock;
    this.drops = drops;
    gatewayV4 = gateway(true);
    gatewayV6 = gateway(false);
  }

  private @Nullable Neighbour gateway(boolean isV4) {
    IpAddress address = place.gateway(isV4);
    return address == null ? null : neighbours.computeIfAbsent(address, Neighbour::new);
  }

  /** From now on they are there, or not: they hear, answer and send nothing then. */
  void present(boolean isThere) {
    present = isThere;
    if (isThere) {
      neighbours.values().forEach(Neighbour::forget);
      tick();
    }
  }

  /** Asks again for who has not answered. */
  void tick() {
    if (!present) {
      return;
    }
    long now = clock.nanoTime();
    for (Neighbour neighbour : neighbours.values()) {
      ask(neighbour, now);
    }
  }

  /** The gateways that have not answered. */
  List<IpAddress> missing() {
    return neighbours.values().stream()
        .filter(each -> each == gatewayV4 || each == gatewayV6)
        .filter(each -> each.mac() == null && hasFamily(each.address.isV4()))
        .map(each -> each.address)
        .toList();
  }

  private boolean hasFamily(boolean isV4) {
    return here.stream().anyMatch(each -> each.isV4() == isV4);
  }

  // ---- to the LAN ----

  /**
   * Sends a packet, in as many frames as it takes.
   *
   * @param packet {@code [virtio_net_hdr][IP packet]}; no reference is kept
   */
  void send(ByteBuf packet) {
    int vnet = packet.readerIndex();
    int length = packet.readableBytes() - VirtioNetHeader.LENGTH;
    if (view.check(packet, vnet + VirtioNetHeader.LENGTH, length) != PacketFault.NONE) {
      drop(DropReason.MALFORMED);
      return;
    }
    if (!present
        || !hereSet.contains(view.sourceHigh(), view.sourceLow())
        || !others.contains(view.destinationHigh(), view.destinationLow())) {
      drop(DropReason.WRONG_STATE);
      return;
    }
    segmenter.begin(packet, vnet, view);
    if (segmenter.maxSegmentLength() > lan.mtu()) {
      drop(DropReason.TOO_BIG);
      return;
    }
    MacAddress known = place.gatewayMac();
    Neighbour to = known == null ? neighbour(view) : null;
    if (to != null) {
      known = to.mac();
    }
    int type = view.isV4() ? Ethernet.TYPE_IPV4 : Ethernet.TYPE_IPV6;
    while (true) {
      out.setIndex(0, 0);
      Ethernet.writeHeader(out, known == null ? MacAddress.BROADCAST : known, mac, type);
      if (!segmenter.next(out)) {
        return;
      }
      if (known != null || to == null) {
        put(frame, out.writerIndex());
      } else if (!to.awaits(Arrays.copyOf(frame, out.writerIndex()))) {
        drop(DropReason.NO_NEIGHBOUR);
      }
    }
  }

  private Neighbour neighbour(PacketView packet) {
    Neighbour gateway = packet.isV4() ? gatewayV4 : gatewayV6;
    if (gateway != null) {
      return gateway;
    }
    Neighbour recent = last;
    if (recent != null && packet.isTo(recent.address)) {
      return recent;
    }
    Neighbour found = neighbours.computeIfAbsent(packet.destination(), Neighbour::new);
    last = found;
    ask(found, clock.nanoTime());
    return found;
  }

  private void ask(Neighbour neighbour, long now) {
    if (place.gatewayMac() != null || !neighbour.asks(now)) {
      return;
    }
    IpAddress target = neighbour.address;
    for (IpAddress asker : here) {
      if (asker.isV4() == target.isV4()) {
        out.setIndex(0, 0);
        if (target.isV4()) {
          ArpMessage.writeRequest(out, mac, asker, target);
        } else {
          NeighbourMessage.writeSolicitation(out, mac, asker, target);
        }
        put(frame, out.writerIndex());
        return;
      }
    }
  }

  private void put(byte[] bytes, int length) {
    if (!port.send(bytes, length)) {
      drop(DropReason.DEVICE_FULL);
    }
  }

  private void drop(DropReason reason) {
    drops.merge(reason, 1L, Long::sum);
  }

  // ---- from the LAN ----

  /** Takes what has come, and gives on what is for those played here. */
  void receive(LiveLine.Arrived to, boolean atGuest) {
    for (byte[] bytes = port.poll(); bytes != null; bytes = port.poll()) {
      if (present) {
        take(bytes, to, atGuest);
      }
    }
  }

  private void take(byte[] bytes, LiveLine.Arrived to, boolean atGuest) {
    if (bytes.length < Ethernet.HEADER || bytes.length > FRAME) {
      return;
    }
    in.clear().writeBytes(bytes);
    if (Ethernet.mac(in, Ethernet.SOURCE).equals(mac)) {
      return; // our own, which a switch has brought back
    }
    int type = Ethernet.type(in, 0);
    if (type == Ethernet.TYPE_ARP) {
      arp(bytes.length);
      return;
    }
    if (type == Ethernet.TYPE_IPV6 && discovery.check(in, 0, bytes.length)) {
      discovery();
      return;
    }
    if ((type != Ethernet.TYPE_IPV4 && type != Ethernet.TYPE_IPV6)
        || !Ethernet.mac(in, Ethernet.DESTINATION).equals(mac)) {
      return;
    }
    in.clear().writeZero(VirtioNetHeader.LENGTH);
    in.writeBytes(bytes, Ethernet.HEADER, bytes.length - Ethernet.HEADER);
    if (view.check(in, VirtioNetHeader.LENGTH, bytes.length - Ethernet.HEADER)
        != PacketFault.NONE) {
      drop(DropReason.MALFORMED);
      return;
    }
    if (hereSet.contains(view.destinationHigh(), view.destinationLow())) {
      in.writerIndex(view.end()); // padding stands behind
      InferredOffload.write(in, 0, view, lan.mtu());
      to.arrived(in, atGuest);
    }
  }

  private void arp(int length) {
    if (!arp.check(in, 0, length)) {
      return;
    }
    if (!arp.isProbe()) {
      heard(arp.senderAddress(), arp.senderMac());
    }
    if (arp.isRequest() && !arp.isGratuitous() && hereSet.contains(arp.targetAddress())) {
      out.setIndex(0, 0);
      arp.writeAnswer(out, mac);
      put(frame, out.writerIndex());
    }
  }

  private void discovery() {
    MacAddress given = discovery.linkLayerAddress();
    if (discovery.isAdvertisement()) {
      heard(discovery.target(), given == null ? discovery.frameSource() : given);
      return;
    }
    if (given != null) {
      heard(discovery.source(), given);
    }
    if (hereSet.contains(discovery.target())) {
      out.setIndex(0, 0);
      discovery.writeAnswer(out, mac, 0);
      put(frame, out.writerIndex());
    }
  }

  /** Somebody says where it is; who was not asked for is not listened to. */
  private void heard(IpAddress address, MacAddress at) {
    Neighbour neighbour = neighbours.get(address);
    if (neighbour == null || at.isGroup() || at.bits() == 0) {
      return;
    }
    neighbour.isAt(at);
    for (byte[] bytes = neighbour.nextWaiting(); bytes != null; bytes = neighbour.nextWaiting()) {
      System.arraycopy(at.toBytes(), 0, bytes, Ethernet.DESTINATION, 6);
      put(bytes, bytes.length);
    }
  }

  /** Counts what still waits for somebody who has never answered. */
  @Override
  public void close() {
    for (Neighbour neighbour : neighbours.values()) {
      for (int i = neighbour.waitingCount(); i > 0; i--) {
        drop(DropReason.NO_NEIGHBOUR);
      }
    }
    port.close();
    in.release();
  }
}
