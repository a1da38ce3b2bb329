package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * A view of an Ethernet frame with a neighbour solicitation or advertisement (RFC 4861), and the
 * frames that are sent.
 *
 * <p>{@link #check} is called once; after it has answered true no accessor can fail.
 */
public final class NeighbourMessage {
  public static final int SOLICITATION = 135;
  public static final int ADVERTISEMENT = 136;

  /** The advertised host is a router; one that stops saying so is no default router any more. */
  public static final int ROUTER = 0x8000_0000;

  /** The advertisement answers a solicitation, and so proves that both directions work. */
  public static final int SOLICITED = 0x4000_0000;

  /** What the neighbour has remembered is to be replaced. */
  public static final int OVERRIDE = 0x2000_0000;

  private static final int SHORTEST = 24;
  private static final int FLAGS = 4; // from the ICMPv6 header
  private static final int TARGET = 8;
  private static final int OPTIONS = 24;

  private static final int SOURCE_LINK_LAYER = 1;
  private static final int TARGET_LINK_LAYER = 2;

  private final PacketView packet = new PacketView();
  private int start;
  private int linkLayer; // absolute index of the MAC in the option, or -1

  /**
   * Lays the view over the frame of {@code length} bytes at {@code index}, and makes the checks of
   * RFC 4861 sections 7.1.1 and 7.1.2.
   *
   * @return false where it is neither message, or must be discarded; extension headers count as
   *     wrong (RFC 6980 forbids the one that is ever seen)
   */
  public boolean check(ByteBuf buf, int index, int length) {
    if (index < 0
        || length < Ethernet.HEADER
        || length > buf.writerIndex() - index
        || Ethernet.type(buf, index) != Ethernet.TYPE_IPV6) {
      return false;
    }
    int ip = index + Ethernet.HEADER;
    if (packet.check(buf, ip, length - Ethernet.HEADER) != PacketFault.NONE) {
      return false;
    }
    start = index;
    return packet.version() == 6
        && packet.isIcmp()
        && !packet.hasOptionsOrExtensions()
        && (packet.icmpType() == SOLICITATION || packet.icmpType() == ADVERTISEMENT)
        && packet.icmpCode() == 0
        && packet.hopLimit() == 255
        && packet.end() - packet.transportStart() >= SHORTEST
        && targetIsAHost()
        && optionsAreSound(buf)
        && addressesFit()
        && Checksums.verifyTransport(packet);
  }

  /** Not a group; and not an IPv4-mapped address, which would pass for an IPv4 address of ours. */
  private boolean targetIsAHost() {
    IpAddress target = target();
    return !target.isMulticast() && target.isV6();
  }

  /** Walks the options, and finds the link-layer address that belongs to this message. */
  private boolean optionsAreSound(ByteBuf buf) {
    int wanted = isSolicitation() ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER;
    linkLayer = -1;
    int end = packet.end();
    for (int at = packet.transportStart() + OPTIONS; at < end; ) {
      int size = at + 2 <= end ? buf.getUnsignedByte(at + 1) * 8 : 0;
      if (size == 0 || at + size > end) {
        return false; // section 4.6: a length of 0 has the message discarded
      }
      if (buf.getUnsignedByte(at) == wanted && size == 8 && linkLayer < 0) {
        linkLayer = at + 2;
      }
      at += size;
    }
    return linkLayer < 0 || (buf.getByte(linkLayer) & 1) == 0; // a group address is nobody's
  }

  private boolean addressesFit() {
    boolean toGroup = packet.destinationHigh() >>> 56 == 0xff;
    if (!isSolicitation()) {
      return !(toGroup && isSolicited());
    }
    boolean fromNobody = packet.sourceHigh() == 0 && packet.sourceLow() == 0;
    return !fromNobody
        || (packet.destinationHigh() == 0xff02L << 48
            && packet.destinationLow() >>> 24 == 0x1ff
            && linkLayer < 0);
  }

  public boolean isSolicitation() {
    return packet.icmpType() == SOLICITATION;
  }

  public boolean isAdvertisement() {
    return packet.icmpType() == ADVERTISEMENT;
  }

  /** A solicitation from ::, to learn whether the address is free (RFC 4862 section 5.4). */
  public boolean isProbe() {
    return isSolicitation() && packet.sourceHigh() == 0 && packet.sourceLow() == 0;
  }

  public MacAddress frameSource() {
    return Ethernet.mac(packet.buffer(), start + Ethernet.SOURCE);
  }

  public MacAddress frameDestination() {
    return Ethernet.mac(packet.buffer(), start + Ethernet.DESTINATION);
  }

  public IpAddress source() {
    return packet.source();
  }

  public IpAddress destination() {
    return packet.destination();
  }

  /** The address asked for, or advertised. */
  public IpAddress target() {
    int at = packet.transportStart() + TARGET;
    return new IpAddress(packet.buffer().getLong(at), packet.buffer().getLong(at + 8));
  }

  /** The sender's MAC in a solicitation, the target's in an advertisement, where it is given. */
  public @Nullable MacAddress linkLayerAddress() {
    return linkLayer < 0 ? null : Ethernet.mac(packet.buffer(), linkLayer);
  }

  public boolean isRouter() {
    return hasFlag(ROUTER);
  }

  public boolean isSolicited() {
    return hasFlag(SOLICITED);
  }

  public boolean isOverride() {
    return hasFlag(OVERRIDE);
  }

  private boolean hasFlag(int flag) {
    return isAdvertisement()
        && (packet.buffer().getInt(packet.transportStart() + FLAGS) & flag) != 0;
  }

  /** Appends a solicitation to the group of who has {@code target}. */
  public static void writeSolicitation(
      ByteBuf out, MacAddress mac, IpAddress source, IpAddress target) {
    IpAddress group = SolicitedNode.groupOf(target);
    Ethernet.writeHeader(out, SolicitedNode.macOf(group), mac, Ethernet.TYPE_IPV6);
    write(out, SOLICITATION, source, group, 0, target, SOURCE_LINK_LAYER, mac);
  }

  /**
   * Appends an advertisement that says {@code target} is at {@code mac}.
   *
   * @param flags of {@link #ROUTER}, {@link #SOLICITED}, {@link #OVERRIDE}
   */
  public static void writeAdvertisement(
      ByteBuf out,
      MacAddress toMac,
      MacAddress mac,
      IpAddress source,
      IpAddress destination,
      IpAddress target,
      int flags) {
    Ethernet.writeHeader(out, toMac, mac, Ethernet.TYPE_IPV6);
    write(out, ADVERTISEMENT, source, destination, flags, target, TARGET_LINK_LAYER, mac);
  }

  /**
   * Appends the answer to this solicitation: the address asked for is at {@code mac}, and what was
   * remembered is to be replaced. Who asks from :: is answered through all nodes (section 7.2.4).
   *
   * @param flags {@link #ROUTER}, where the target is one, or 0
   */
  public void writeAnswer(ByteBuf out, MacAddress mac, int flags) {
    IpAddress target = target();
    if (isProbe()) {
      writeUnsolicited(out, mac, target, flags);
      return;
    }
    MacAddress given = linkLayerAddress();
    MacAddress to = given != null ? given : frameSource();
    writeAdvertisement(out, to, mac, target, source(), target, flags | SOLICITED | OVERRIDE);
  }

  /** Appends an advertisement to all nodes: {@code target} is at {@code mac} now. */
  public static void writeUnsolicited(ByteBuf out, MacAddress mac, IpAddress target, int flags) {
    IpAddress all = SolicitedNode.ALL_NODES;
    writeAdvertisement(out, SolicitedNode.macOf(all), mac, target, all, target, flags | OVERRIDE);
  }

  private static void write(
      ByteBuf out,
      int type,
      IpAddress source,
      IpAddress destination,
      int flags,
      IpAddress target,
      int option,
      MacAddress mac) {
    byte[] body = new byte[24];
    System.arraycopy(target.toBytes(), 0, body, 0, 16);
    body[16] = (byte) option;
    body[17] = 1; // in units of 8 bytes
    System.arraycopy(mac.toBytes(), 0, body, 18, 6);
    new PacketBuilder(source, destination).ttl(255).icmp(type, 0, flags).payload(body).write(out);
  }
}
