package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.InferredOffload;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.packet.OffloadCheck;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.Ttl;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A LAN's interface as a device of packets: what is read are captured frames without their Ethernet
 * header, what is written goes out as frames. It stands where the TUN stands otherwise, and does
 * what the kernel does there: one hop less to live each way (RFC 1812 section 5.3.1), and the next
 * hop's MAC.
 *
 * <p>A capture comes without an offload header: super-packets and checksums that were left to a
 * device are told by looking ({@link InferredOffload}). UDP super-packets do not show where they
 * are to be cut, and come another way, with their header. Data loop only.
 */
public final class LanDevice implements PacketDevice {
  private static final Logger log = LoggerFactory.getLogger(LanDevice.class);

  private static final int TAG = 4;
  private static final int TYPE_VLAN = 0x8100; // IEEE 802.1Q

  /** What is to be captured; the MACs are in the low 48 bits. */
  interface Wanted {
    boolean wants(long to, long from, PacketView packet);
  }

  /** Where the IP packet stands in {@link #out}: behind the longest header that it may get. */
  private static final int PACKET = VirtioNetHeader.LENGTH + Ethernet.HEADER + TAG;

  /** What a tunnel and its TUN take; the header of IPv6 can say 40 more. */
  private static final int LONGEST_PACKET = PacketDevice.READ_SIZE - VirtioNetHeader.LENGTH;

  private static final int LONGEST = PACKET + LONGEST_PACKET;

  /** Bytes before the packet of a frame without a tag, with its offload header. */
  private static final int FRAMED = VirtioNetHeader.LENGTH + Ethernet.HEADER;

  /** Frames that are none for the tunnel, taken in one go. */
  private static final int SKIPPED = 64;

  private static final int ROUTER_SOLICITATION = 133;
  private static final int REDIRECT = 137;

  private final LanInterface lan;
  private final FrameSource source;
  private final Wanted wanted;
  private final FrameSink sink;
  private final Clock clock;
  private final DropCounters drops;
  private final Neighbours neighbours;
  private final CapturedFrame frame = new CapturedFrame();
  private final PacketView view = new PacketView();
  private final PacketView outView = new PacketView();
  private final ArpMessage arp = new ArpMessage();
  private final NeighbourMessage discovery = new NeighbourMessage();
  private final ByteBuf out = Unpooled.directBuffer(LONGEST, LONGEST);
  private ToIntFunction<PacketView> cutTo = packet -> 65_535;
  private boolean keepsTtl;
  private Consumer<PacketView> onSpent;
  private int lastVlan = -1;
  private long lostSoFar;
  private boolean closed;

  /**
   * @param wanted asked for what {@code source} has not selected itself: long UDP
   * @param drops counts what is lost here; most of it cannot be told to be of a migration
   */
  LanDevice(
      LanInterface lan,
      FrameSource source,
      Wanted wanted,
      FrameSink sink,
      Clock clock,
      DropCounters drops) {
    this.lan = lan;
    this.source = source;
    this.wanted = wanted;
    this.sink = sink;
    this.clock = clock;
    this.drops = drops;
    this.onSpent = packet -> drops.count(DropReason.TTL_EXCEEDED);
    this.neighbours = new Neighbours(new NextHops(lan.routes()), this::ask, drops);
  }

  @Override
  public String name() {
    return lan.name();
  }

  /** To how many bytes TCP is cut that was captured as a super-packet. */
  void cutTo(ToIntFunction<PacketView> innerMtu) {
    cutTo = innerMtu;
  }

  /**
   * How a hop is taken here.
   *
   * @param keep whether none is
   * @param onSpent counts a packet that must go no further
   */
  void hops(boolean keep, Consumer<PacketView> onSpent) {
    this.keepsTtl = keep;
    this.onSpent = onSpent;
  }

  /** Takes it; false where the packet ends here, which has been counted. */
  private boolean takeHop(ByteBuf buf, PacketView packet) {
    if (keepsTtl ? packet.hopLimit() > 0 : Ttl.decrement(buf, packet)) {
      return true;
    }
    onSpent.accept(packet);
    return false;
  }

  /** The guest with this address has {@code mac}, here or when it is back. */
  void pin(IpAddress guest, MacAddress mac) {
    neighbours.pin(guest, LinkAddress.of(mac, -1));
  }

  void unpin(IpAddress guest) {
    neighbours.unpin(guest);
  }

  // ---- from the LAN ----

  @Override
  public int read(ByteBuf into) {
    countLost();
    for (int i = 0; i < SKIPPED; i++) {
      byte[] bytes = source.poll();
      if (bytes == null) {
        return takeLongUdp(into);
      }
      int length = take(bytes, into);
      if (length > 0) {
        return length;
      }
    }
    return 0; // what is left is announced again
  }

  private void countLost() {
    long lost = source.lost();
    if (lost > lostSoFar) {
      drops.count(DropReason.CAPTURE_OVERRUN, lost - lostSoFar);
      lostSoFar = lost;
    }
  }

  /** Appends the frame's packet behind its offload header; 0 where it is none for the tunnel. */
  private int take(byte[] bytes, ByteBuf into) {
    if (!frame.check(bytes)) {
      drops.count(DropReason.MALFORMED);
      return 0;
    }
    if (frame.source() == lan.mac().bits()) {
      return 0; // our own, which a switch or a wrong cable has brought back
    }
    if (frame.type() == Ethernet.TYPE_ARP) {
      listen(bytes);
      return 0;
    }
    if (frame.isUdp() && frame.tags() == 0 && bytes.length > Ethernet.HEADER + lan.mtu()) {
      return 0; // comes as long UDP, with its header
    }
    int at = into.writerIndex();
    int packet = at + VirtioNetHeader.LENGTH;
    int length = frame.packetLength();
    if (length == 0 || length > bytes.length - frame.payload()) {
      drops.count(DropReason.MALFORMED);
      return 0;
    }
    if (length > LONGEST_PACKET) {
      drops.count(DropReason.TOO_BIG);
      return 0;
    }
    into.writeZero(VirtioNetHeader.LENGTH).writeBytes(bytes, frame.payload(), length);
    if (view.check(into, packet, length) != PacketFault.NONE) {
      drops.count(DropReason.MALFORMED);
    } else if (isNeighbourDiscovery()) {
      listen(bytes); // never enters the tunnel
    } else if (accept(into, at, frame.source(), frame.tags() > 1 ? -1 : frame.vlan(), false)) {
      return VirtioNetHeader.LENGTH + length;
    }
    into.writerIndex(at);
    return 0;
  }

  /** As {@link #take}, of frames that come with their offload header. */
  private int takeLongUdp(ByteBuf into) {
    int at = into.writerIndex();
    for (int i = 0; i < SKIPPED; i++) {
      out.clear();
      int length = source.pollLongUdp(out) - FRAMED;
      if (length <= 0) {
        break;
      }
      if (length > LONGEST_PACKET) {
        drops.count(DropReason.TOO_BIG);
        continue;
      }
      long to = out.getLong(VirtioNetHeader.LENGTH + Ethernet.DESTINATION) >>> 16;
      long from = out.getLong(VirtioNetHeader.LENGTH + Ethernet.SOURCE) >>> 16;
      into.writeBytes(out, 0, VirtioNetHeader.LENGTH).writeBytes(out, FRAMED, length);
      countFromPacket(into, at);
      boolean isWanted = // this is the only filter: most are nobody's
          from != lan.mac().bits()
              && view.check(into, at + VirtioNetHeader.LENGTH, length) == PacketFault.NONE
              && wanted.wants(to, from, view);
      if (isWanted && OffloadCheck.check(into, at, view) != PacketFault.NONE) {
        drops.count(DropReason.MALFORMED);
      } else if (isWanted && accept(into, at, from, -1, true)) {
        return VirtioNetHeader.LENGTH + length;
      }
      into.writerIndex(at);
    }
    return 0; // what is left is announced again
  }

  /** The kernel counts the header's offsets from the frame's start. */
  private static void countFromPacket(ByteBuf buf, int vnet) {
    int headers = VirtioNetHeader.headerLength(buf, vnet) - Ethernet.HEADER;
    buf.setShortLE(vnet + VirtioNetHeader.HEADER_LENGTH, Math.max(0, headers));
    if (VirtioNetHeader.needsChecksum(buf, vnet)) {
      int start = VirtioNetHeader.checksumStart(buf, vnet) - Ethernet.HEADER;
      buf.setShortLE(vnet + VirtioNetHeader.CHECKSUM_START, Math.max(0, start));
    }
  }

  /** RFC 4861 section 4: its messages have types 133 to 137. */
  private boolean isNeighbourDiscovery() {
    return !view.isV4()
        && view.isIcmp()
        && !view.isFragment()
        && view.icmpType() >= ROUTER_SOLICITATION
        && view.icmpType() <= REDIRECT;
  }

  /** Learns from the frame, and makes its packet what the tunnel takes. */
  private boolean accept(ByteBuf into, int at, long from, int vlan, boolean isDescribed) {
    lastVlan = vlan;
    long link = LinkAddress.of(from, vlan);
    if (view.sourceHigh() != view.destinationHigh() || view.sourceLow() != view.destinationLow()) {
      neighbours.heard(view, link, clock.nanoTime());
    }
    if (!takeHop(into, view)) {
      return false;
    }
    if (!isDescribed) {
      // What is longer than a frame was one super-packet here, however its sender cut it.
      int cut = Math.min(lan.mtu(), cutTo.applyAsInt(view));
      InferredOffload.write(into, at, view, lan.mtu(), cut);
    }
    return true;
  }

  /** Bytes before the data of a super-packet. */
  private static int headers(PacketView of) {
    return of.transportStart() - of.start() + (of.isTcp() ? of.tcpHeaderLength() : 8);
  }

  /** An ARP reply or a neighbour advertisement, to a question of {@link #ask}. */
  private void listen(byte[] bytes) {
    int vlan = frame.tags() > 1 ? -1 : frame.vlan();
    out.clear().writeBytes(bytes, 0, Ethernet.TYPE).writeShort(frame.type());
    out.writeBytes(
        bytes, frame.payload(), Math.min(bytes.length - frame.payload(), out.writableBytes()));
    if (arp.check(out, 0, out.readableBytes())) {
      if (!arp.isRequest()) {
        answered(arp.senderAddress(), arp.senderMac(), vlan);
      }
    } else if (discovery.check(out, 0, out.readableBytes()) && discovery.isAdvertisement()) {
      MacAddress given = discovery.linkLayerAddress();
      answered(discovery.target(), given == null ? discovery.frameSource() : given, vlan);
    }
  }

  private void answered(IpAddress address, MacAddress mac, int vlan) {
    if (!mac.isGroup() && mac.bits() != 0) {
      neighbours.answered(address, LinkAddress.of(mac, vlan), clock.nanoTime(), this::sendWaiting);
    }
  }

  // ---- to the LAN ----

  /**
   * Sends one packet as a frame. What is lost here is counted here: then the answer is true, as for
   * a packet that waits for its receiver's MAC.
   */
  @Override
  public boolean write(ByteBuf packet) throws IOException {
    int length = packet.readableBytes() - VirtioNetHeader.LENGTH;
    if (closed
        || length <= 0
        || view.check(packet, packet.readerIndex() + VirtioNetHeader.LENGTH, length)
            != PacketFault.NONE) {
      return false;
    }
    long link = neighbours.of(view, clock.nanoTime());
    if (link == LinkAddress.NONE) {
      neighbours.await(view, packet, clock.nanoTime());
      return true;
    }
    return write(packet, length, link);
  }

  private void sendWaiting(ByteBuf packet, long link) {
    try {
      if (!write(packet, packet.readableBytes() - VirtioNetHeader.LENGTH, link)) {
        drops.count(DropReason.DEVICE_FULL);
      }
    } catch (IOException e) {
      drops.count(DropReason.DEVICE_FULL);
    }
  }

  private boolean write(ByteBuf packet, int length, long link) throws IOException {
    beginPacket();
    out.writeBytes(packet, packet.readerIndex() + VirtioNetHeader.LENGTH, length);
    if (outView.check(out, PACKET, length) != PacketFault.NONE) {
      return false;
    }
    if (!takeHop(out, outView)) {
      return true;
    }
    int start = beginFrame(link, outView.isV4());
    int vnet = start - VirtioNetHeader.LENGTH;
    out.setBytes(vnet, packet, packet.readerIndex(), VirtioNetHeader.LENGTH);
    if (!adapt(vnet, PACKET - start, length)) {
      drops.count(DropReason.TOO_BIG);
      return true;
    }
    return sink.send(out.readerIndex(vnet));
  }

  /**
   * The offload header's offsets count from the frame's start, and no segment is longer than the
   * LAN takes.
   */
  private boolean adapt(int vnet, int header, int length) {
    if (VirtioNetHeader.needsChecksum(out, vnet)) {
      out.setShortLE(
          vnet + VirtioNetHeader.CHECKSUM_START, VirtioNetHeader.checksumStart(out, vnet) + header);
    }
    if (!VirtioNetHeader.isGso(out, vnet)) {
      return length <= lan.mtu();
    }
    int headers = headers(outView);
    out.setShortLE(vnet + VirtioNetHeader.HEADER_LENGTH, headers + header);
    int size = Math.min(VirtioNetHeader.gsoSize(out, vnet), lan.mtu() - headers);
    out.setShortLE(vnet + VirtioNetHeader.GSO_SIZE, size);
    return size > 0;
  }

  private void beginPacket() {
    out.clear().writerIndex(PACKET).readerIndex(PACKET);
  }

  /** Writes the Ethernet header before the packet; returns where the frame begins. */
  private int beginFrame(long link, boolean isV4) {
    int type = isV4 ? Ethernet.TYPE_IPV4 : Ethernet.TYPE_IPV6;
    int start = PACKET - Ethernet.HEADER;
    out.setShort(PACKET - 2, type);
    if (LinkAddress.isTagged(link)) {
      start -= TAG;
      out.setShort(start + Ethernet.TYPE, TYPE_VLAN);
      out.setShort(start + Ethernet.TYPE + 2, LinkAddress.vlan(link));
    }
    setMac(start + Ethernet.DESTINATION, LinkAddress.mac(link));
    setMac(start + Ethernet.SOURCE, lan.mac().bits());
    return start;
  }

  private void setMac(int index, long mac) {
    out.setShort(index, (int) (mac >>> 32));
    out.setInt(index + 2, (int) mac);
  }

  /**
   * Asks in the name of an old address, which is at this host's MAC as far as the LAN knows. In the
   * VLAN where {@code near} was heard, or else whatever was heard last.
   */
  private void ask(IpAddress target, IpAddress asker, long near) {
    int vlan = near == LinkAddress.NONE ? lastVlan : LinkAddress.vlan(near);
    out.clear().writeZero(VirtioNetHeader.LENGTH + TAG);
    if (target.isV4() != asker.isV4()) {
      return;
    }
    if (target.isV4()) {
      ArpMessage.writeRequest(out, lan.mac(), asker, target);
    } else {
      NeighbourMessage.writeSolicitation(out, lan.mac(), asker, target);
    }
    int frameAt = VirtioNetHeader.LENGTH + TAG;
    if (vlan >= 0) {
      out.setLong(frameAt - TAG, out.getLong(frameAt)); // both MACs, 12 bytes
      out.setInt(frameAt - TAG + 8, out.getInt(frameAt + 8));
      frameAt -= TAG;
      out.setShort(frameAt + Ethernet.TYPE, TYPE_VLAN);
      out.setShort(frameAt + Ethernet.TYPE + 2, vlan);
    }
    VirtioNetHeader.clear(out, frameAt - VirtioNetHeader.LENGTH);
    try {
      boolean unused = sink.send(out.readerIndex(frameAt - VirtioNetHeader.LENGTH));
    } catch (IOException e) {
      log.debug("not asked on {}: {}", lan.name(), e.getMessage());
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      neighbours.close();
      out.release();
    }
  }
}
