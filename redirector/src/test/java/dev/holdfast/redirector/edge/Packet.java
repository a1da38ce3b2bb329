package dev.holdfast.redirector.edge;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * A packet in the words of a row, over {@link PacketBuilder}: what is not said is as ordinary as
 * can be, with right lengths and checksums. Each word gives another packet, so that what comes out
 * can be said as what went in with a difference.
 */
final class Packet {
  static final int PEER_PORT = 40_000;
  static final int GUEST_PORT = 80;

  static final int FIN = PacketView.FIN;
  static final int SYN = PacketView.SYN;
  static final int RST = PacketView.RST;
  static final int PSH = PacketView.PSH;
  static final int ACK = PacketView.ACK;
  static final int URG = PacketView.URG;
  static final int ECE = 0x40;
  static final int CWR = 0x80;

  static final int ICMP4 = 1;
  static final int IPIP = 4;
  static final int UDP = 17;
  static final int SIT = 41;
  static final int GRE = 47;
  static final int ESP = 50;
  static final int AH = 51;
  static final int ICMP6 = 58;
  static final int OSPF = 89;
  static final int SCTP = 132;

  static final int HOP_BY_HOP = 0;
  static final int ROUTING = 43;
  static final int DESTINATION_OPTIONS = 60;

  static final int NOT_ECT = 0;
  static final int ECT_1 = 1;
  static final int ECT_0 = 2;
  static final int CE = 3;

  private static final int LONGEST = 70_000;

  private final IpAddress source;
  private final IpAddress destination;
  private final int dscp;
  private final int ecn;
  private final List<Consumer<PacketBuilder>> words;
  private final List<Consumer<byte[]>> spoilt;
  private final int size;

  Packet(IpAddress source, IpAddress destination) {
    this(source, destination, 0, 0, List.of(), List.of(), 0);
  }

  private Packet(
      IpAddress source,
      IpAddress destination,
      int dscp,
      int ecn,
      List<Consumer<PacketBuilder>> words,
      List<Consumer<byte[]>> spoilt,
      int size) {
    this.source = source;
    this.destination = destination;
    this.dscp = dscp;
    this.ecn = ecn;
    this.words = words;
    this.spoilt = spoilt;
    this.size = size;
  }

  /** Whatever else the builder can do. */
  Packet with(Consumer<PacketBuilder> word) {
    return new Packet(source, destination, dscp, ecn, plus(words, word), spoilt, size);
  }

  private static <T> List<T> plus(List<T> list, T one) {
    List<T> more = new ArrayList<>(list);
    more.add(one);
    return List.copyOf(more);
  }

  Ip ip() {
    return Ip.of(source);
  }

  boolean isToGuest() {
    return destination.equals(Ip.V4.old) || destination.equals(Ip.V6.old);
  }

  // ---- the IP header ----

  Packet from(IpAddress address) {
    return new Packet(address, destination, dscp, ecn, words, spoilt, size);
  }

  Packet from(String address) {
    return from(IpAddress.parse(address));
  }

  Packet to(IpAddress address) {
    return new Packet(source, address, dscp, ecn, words, spoilt, size);
  }

  Packet to(String address) {
    return to(IpAddress.parse(address));
  }

  /** TTL, or hop limit. */
  Packet ttl(int hops) {
    return with(builder -> builder.ttl(hops));
  }

  Packet dscp(int codepoint) {
    return new Packet(source, destination, codepoint, ecn, words, spoilt, size);
  }

  Packet ecn(int codepoint) {
    return new Packet(source, destination, dscp, codepoint, words, spoilt, size);
  }

  /** IPv4, or an IPv6 fragment's. */
  Packet id(int identification) {
    return with(builder -> builder.identification(identification));
  }

  /** Don't Fragment, which IPv4 packets have here unless it is said otherwise. */
  Packet df(boolean set) {
    return with(builder -> builder.dontFragment(set));
  }

  /** IPv6. */
  Packet flowLabel(int label) {
    return with(builder -> builder.flowLabel(label));
  }

  /** IPv4. */
  Packet options(int... octets) {
    return with(builder -> builder.ipOptions(bytes(octets)));
  }

  /** IPv6: behind those there are. */
  Packet extension(int type, int... content) {
    return with(builder -> builder.extension(type, bytes(content)));
  }

  /**
   * A fragment; above offset 0 without transport header.
   *
   * @param offset bytes, a multiple of 8
   */
  Packet fragment(int offset, boolean more) {
    return with(builder -> builder.fragment(offset, more));
  }

  // ---- what it carries ----

  Packet tcp(int flags) {
    return tcp(flags, isToGuest() ? 1_000 : 500, isToGuest() ? 500 : 1_000, 8_192);
  }

  Packet tcp(int flags, long sequence, long acknowledgment, int window, int... options) {
    return with(builder ->
        builder.tcp(
            isToGuest() ? PEER_PORT : GUEST_PORT,
            isToGuest() ? GUEST_PORT : PEER_PORT,
            sequence,
            acknowledgment,
            flags,
            window,
            bytes(options)));
  }

  /** Bytes of urgent data. */
  Packet urgent(int pointer) {
    return with(builder -> builder.urgent(pointer));
  }

  Packet udp() {
    return isToGuest() ? udp(PEER_PORT, GUEST_PORT) : udp(GUEST_PORT, PEER_PORT);
  }

  Packet udp(int sourcePort, int destinationPort) {
    return with(builder -> builder.udp(sourcePort, destinationPort));
  }

  /** Of the family's own ICMP; {@code rest} is what follows the checksum. */
  Packet icmp(int type, int code, int rest) {
    return with(builder -> builder.icmp(type, code, rest));
  }

  Packet echoRequest(int identifier, int sequence) {
    return icmp(ip() == Ip.V4 ? 8 : 128, 0, identifier << 16 | sequence).payload(56);
  }

  Packet echoReply(int identifier, int sequence) {
    return icmp(ip() == Ip.V4 ? 0 : 129, 0, identifier << 16 | sequence).payload(56);
  }

  /** An ICMP message about {@code packet}: as much of it as {@code bytes}. */
  Packet quoting(Packet packet, int bytes) {
    byte[] whole = packet.bytes();
    return payload(Arrays.copyOf(whole, Math.min(whole.length, bytes)));
  }

  /** As RFC 1812 section 4.3.2.3 and RFC 4443 have it: to 576 and 1280 bytes. */
  Packet quoting(Packet packet) {
    return quoting(packet, (ip() == Ip.V4 ? 576 : 1280) - ip().header() - 8);
  }

  /** Any other protocol. */
  Packet protocol(int number) {
    return with(builder -> builder.raw(number));
  }

  /** IP-in-IP: RFC 2003, RFC 2473, RFC 4213. */
  Packet around(Packet inner) {
    return protocol(inner.ip() == Ip.V4 ? IPIP : SIT).payload(inner.bytes());
  }

  Packet payload(int length) {
    return with(builder -> builder.payload(length));
  }

  Packet payload(byte[] bytes) {
    return with(builder -> builder.payload(bytes));
  }

  /** Segments of so many bytes in one, whose checksum is left to a device. */
  Packet gso(int segment) {
    return with(builder -> builder.gso(segment));
  }

  /** The checksum is left to a device. */
  Packet partialChecksum() {
    return with(PacketBuilder::checksumLeft);
  }

  // ---- what is wrong with it ----

  /** Overwrites one byte of the virtio_net_hdr before it. */
  Packet offload8(int at, int value) {
    return set8(at - VirtioNetHeader.LENGTH, value);
  }

  /** Overwrites one byte of the finished packet. */
  Packet set8(int at, int value) {
    return spoil(whole -> whole[VirtioNetHeader.LENGTH + at] = (byte) value);
  }

  /** Overwrites two bytes of the finished packet. */
  Packet set16(int at, int value) {
    return set8(at, value >> 8).set8(at + 1, value);
  }

  /** Its first bytes alone, or zeros behind them, as an Ethernet frame is padded. */
  Packet resized(int length) {
    return new Packet(source, destination, dscp, ecn, words, spoilt, length);
  }

  private Packet spoil(Consumer<byte[]> how) {
    return new Packet(source, destination, dscp, ecn, words, plus(spoilt, how), size);
  }

  // ---- its bytes ----

  /** For who builds further. */
  PacketBuilder builder() {
    var builder = new PacketBuilder(source, destination).trafficClass(dscp << 2 | ecn);
    words.forEach(word -> word.accept(builder));
    return builder;
  }

  /** The IP packet. */
  byte[] bytes() {
    byte[] whole = bytesWithOffload();
    return Arrays.copyOfRange(whole, VirtioNetHeader.LENGTH, whole.length);
  }

  /** {@code [virtio_net_hdr][IP packet]}. */
  byte[] bytesWithOffload() {
    ByteBuf out = Unpooled.buffer(LONGEST);
    builder().writeWithVnet(out);
    byte[] whole = new byte[out.readableBytes()];
    out.readBytes(whole);
    spoilt.forEach(how -> how.accept(whole));
    return Arrays.copyOf(whole, size > 0 ? VirtioNetHeader.LENGTH + size : whole.length);
  }

  private static byte[] bytes(int... octets) {
    byte[] bytes = new byte[octets.length];
    for (int i = 0; i < octets.length; i++) {
      bytes[i] = (byte) octets[i];
    }
    return bytes;
  }

  @Override
  public String toString() {
    return PacketText.of(bytes());
  }
}
