package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;

/**
 * Builds IPv4 and IPv6 packets, for probes and tests. Each {@code write} appends the packet that
 * the settings describe, and changes none of them: the next packet of a series needs only what
 * differs.
 *
 * <p>What is not set is as ordinary as can be: TTL 64, Don't Fragment, right lengths and checksums,
 * no payload. Not for the packet path: it allocates.
 */
public final class PacketBuilder {
  private static final int V4_HEADER = 20;
  private static final int V6_HEADER = 40;
  private static final int TCP_HEADER = 20;
  private static final int UDP_HEADER = 8;
  private static final int FRAGMENT_EXTENSION = 44;
  private static final byte[] NOTHING = {};

  private final IpAddress source;
  private final IpAddress destination;
  private int ttl = 64;
  private int trafficClass;
  private int flowLabel;
  private int identification;
  private boolean dontFragment = true;
  private boolean isFragment;
  private int fragmentOffset;
  private boolean moreFragments;
  private byte[] ipOptions = NOTHING;
  private int[] extensionTypes = {};
  private byte[][] extensions = {};
  private int protocol = 59; // "no next header"
  private byte[] transport = NOTHING;
  private byte[] payload = NOTHING;
  private int gsoSize;
  private boolean checksumLeft;

  /** A packet between two addresses of one family, which makes its version. */
  public PacketBuilder(IpAddress source, IpAddress destination) {
    if (source.isV4() != destination.isV4()) {
      throw new IllegalArgumentException(source + " and " + destination + " differ in family");
    }
    this.source = source;
    this.destination = destination;
  }

  /** {@link #PacketBuilder(IpAddress, IpAddress)} with literals. */
  public static PacketBuilder of(String source, String destination) {
    return new PacketBuilder(IpAddress.parse(source), IpAddress.parse(destination));
  }

  /** TTL or hop limit. */
  public PacketBuilder ttl(int value) {
    ttl = value;
    return this;
  }

  /** DSCP and ECN, 8 bits. */
  public PacketBuilder trafficClass(int value) {
    trafficClass = value;
    return this;
  }

  /** IPv6 only, 20 bits. */
  public PacketBuilder flowLabel(int value) {
    flowLabel = value;
    return this;
  }

  /** Of IPv4, 16 bits, or of an IPv6 fragment, 32 bits. */
  public PacketBuilder identification(int value) {
    identification = value;
    return this;
  }

  /** IPv4 only. */
  public PacketBuilder dontFragment(boolean value) {
    dontFragment = value;
    return this;
  }

  /**
   * Makes the packet a fragment. With an offset above 0 there is no transport header, and the
   * payload is the fragment's content; the checksum of a first fragment covers what it has itself.
   *
   * @param offset bytes, a multiple of 8
   */
  public PacketBuilder fragment(int offset, boolean more) {
    isFragment = true;
    dontFragment = false;
    fragmentOffset = offset;
    moreFragments = more;
    return this;
  }

  /** IPv4 only: padded with zeros to whole words, 40 bytes at most. */
  public PacketBuilder ipOptions(byte... options) {
    ipOptions = padded(options, 4, 0);
    return this;
  }

  /**
   * IPv6 only: adds an extension header behind those there are.
   *
   * @param type its protocol number
   * @param content what follows next header and length; padded with zeros to whole units of 8
   */
  public PacketBuilder extension(int type, byte... content) {
    int count = extensions.length;
    extensionTypes = Arrays.copyOf(extensionTypes, count + 1);
    extensions = Arrays.copyOf(extensions, count + 1);
    extensionTypes[count] = type;
    extensions[count] = padded(content, 8, 2);
    return this;
  }

  /**
   * A TCP segment.
   *
   * @param flags of {@link PacketView}
   * @param options padded with zeros (end of options) to whole words, 40 bytes at most
   */
  public PacketBuilder tcp(
      int sourcePort,
      int destinationPort,
      long sequence,
      long acknowledgment,
      int flags,
      int window,
      byte... options) {
    byte[] tail = padded(options, 4, 0);
    protocol = PacketView.TCP;
    transport = new byte[TCP_HEADER + tail.length];
    put16(transport, 0, sourcePort);
    put16(transport, 2, destinationPort);
    put32(transport, 4, sequence);
    put32(transport, 8, acknowledgment);
    transport[12] = (byte) (transport.length / 4 << 4);
    transport[13] = (byte) flags;
    put16(transport, 14, window);
    System.arraycopy(tail, 0, transport, TCP_HEADER, tail.length);
    return this;
  }

  /** The segment has URG's pointer: so many bytes from its sequence number on are urgent. */
  public PacketBuilder urgent(int pointer) {
    if (protocol != PacketView.TCP) {
      throw new IllegalStateException("only a TCP segment has urgent data");
    }
    put16(transport, 18, pointer);
    return this;
  }

  /** A UDP datagram. */
  public PacketBuilder udp(int sourcePort, int destinationPort) {
    protocol = PacketView.UDP;
    transport = new byte[UDP_HEADER];
    put16(transport, 0, sourcePort);
    put16(transport, 2, destinationPort);
    return this;
  }

  /**
   * A message of the version's own ICMP.
   *
   * @param rest the 4 bytes behind the checksum: for an echo, identifier and sequence number
   */
  public PacketBuilder icmp(int type, int code, int rest) {
    protocol = source.isV4() ? PacketView.ICMP : PacketView.ICMPV6;
    transport = new byte[8];
    transport[0] = (byte) type;
    transport[1] = (byte) code;
    put32(transport, 4, rest);
    return this;
  }

  /** Any other protocol: the payload is all that follows the IP header. */
  public PacketBuilder raw(int protocolNumber) {
    protocol = protocolNumber;
    transport = NOTHING;
    return this;
  }

  /** The bytes behind the transport header. */
  public PacketBuilder payload(byte[] bytes) {
    payload = bytes.clone();
    return this;
  }

  /** So many bytes that no two words of 16 bits near each other are the same. */
  public PacketBuilder payload(int length) {
    payload = new byte[length];
    for (int i = 0; i < length; i++) {
      payload[i] = (byte) (i * 7 + (i >> 8));
    }
    return this;
  }

  /** TCP and UDP: writes the pseudo-header's sum for a checksum, for the device to finish. */
  public PacketBuilder checksumLeft() {
    checksumLeft = true;
    return this;
  }

  /** Makes it a super-packet, to be cut into segments of so many data bytes. */
  public PacketBuilder gso(int segmentBytes) {
    gsoSize = segmentBytes;
    return checksumLeft();
  }

  /**
   * Appends the virtio_net_hdr and the packet.
   *
   * @return the packet's absolute index, {@link VirtioNetHeader#LENGTH} behind the header's
   */
  public int writeWithVnet(ByteBuf out) {
    int vnet = out.writerIndex();
    out.writeZero(VirtioNetHeader.LENGTH);
    int start = write(out);
    if (checksumLeft) {
      int headers = transportOffset() + transport.length;
      boolean tcp = protocol == PacketView.TCP;
      int type =
          !tcp
              ? VirtioNetHeader.GSO_UDP_L4
              : source.isV4() ? VirtioNetHeader.GSO_TCPV4 : VirtioNetHeader.GSO_TCPV6;
      VirtioNetHeader.set(
          out,
          vnet,
          VirtioNetHeader.FLAG_NEEDS_CHECKSUM,
          gsoSize > 0 ? type : VirtioNetHeader.GSO_NONE,
          headers,
          gsoSize,
          transportOffset(),
          tcp ? 16 : 6);
    }
    return start;
  }

  /**
   * Appends the packet.
   *
   * @return its absolute index
   */
  public int write(ByteBuf out) {
    int start = out.writerIndex();
    boolean hasTransport = fragmentOffset == 0;
    int content = (hasTransport ? transport.length : 0) + payload.length;
    if (source.isV4()) {
      writeV4(out, content);
    } else {
      writeV6(out, content);
    }
    int at = out.writerIndex();
    if (hasTransport) {
      out.writeBytes(transport);
    }
    out.writeBytes(payload);
    if (hasTransport) {
      finishTransport(out, at, content);
    }
    return start;
  }

  private void writeV4(ByteBuf out, int content) {
    int start = out.writerIndex();
    int header = V4_HEADER + ipOptions.length;
    out.writeByte(0x40 | header / 4);
    out.writeByte(trafficClass);
    out.writeShort(header + content);
    out.writeShort(identification);
    out.writeShort((dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0) | fragmentOffset / 8);
    out.writeByte(ttl);
    out.writeByte(protocol);
    out.writeShort(0);
    out.writeInt(source.v4Bits());
    out.writeInt(destination.v4Bits());
    out.writeBytes(ipOptions);
    out.setShort(start + 10, Checksums.ipv4Header(out, start, header));
  }

  private void writeV6(ByteBuf out, int content) {
    out.writeInt(6 << 28 | trafficClass << 20 | flowLabel);
    out.writeShort(transportOffset() - V6_HEADER + content);
    int next = out.writerIndex(); // where the number of the header that follows belongs
    out.writeByte(protocol);
    out.writeByte(ttl);
    out.writeBytes(source.toBytes());
    out.writeBytes(destination.toBytes());
    for (int i = 0; i < extensions.length; i++) {
      out.setByte(next, extensionTypes[i]);
      next = out.writerIndex();
      out.writeByte(protocol);
      out.writeByte((extensions[i].length + 2) / 8 - 1);
      out.writeBytes(extensions[i]);
    }
    if (isFragment) {
      out.setByte(next, FRAGMENT_EXTENSION);
      out.writeByte(protocol);
      out.writeByte(0);
      out.writeShort(fragmentOffset | (moreFragments ? 1 : 0));
      out.writeInt(identification);
    }
  }

  private int transportOffset() {
    if (source.isV4()) {
      return V4_HEADER + ipOptions.length;
    }
    int length = V6_HEADER + (isFragment ? 8 : 0);
    for (byte[] extension : extensions) {
      length += 2 + extension.length;
    }
    return length;
  }

  private void finishTransport(ByteBuf out, int at, int length) {
    int pseudo = Checksums.fold(addressSum() + protocol + length);
    switch (protocol) {
      case PacketView.TCP -> out.setShort(at + 16, checksum(out, at, length, pseudo));
      case PacketView.UDP -> {
        out.setShort(at + 4, length);
        int checksum = checksum(out, at, length, pseudo);
        out.setShort(at + 6, checksum == 0 ? 0xffff : checksum);
      }
      case PacketView.ICMP -> out.setShort(at + 2, ~Checksums.sum(out, at, length, 0));
      case PacketView.ICMPV6 -> out.setShort(at + 2, ~Checksums.sum(out, at, length, pseudo));
      default -> {} // no checksum that we know
    }
  }

  private int checksum(ByteBuf out, int at, int length, int pseudo) {
    return checksumLeft ? pseudo : ~Checksums.sum(out, at, length, pseudo) & 0xffff;
  }

  private long addressSum() {
    return source.isV4()
        ? words(source.v4Bits() & 0xffff_ffffL) + words(destination.v4Bits() & 0xffff_ffffL)
        : words(source.high())
            + words(source.low())
            + words(destination.high())
            + words(destination.low());
  }

  private static long words(long bits) {
    return (bits >>> 32) + (bits & 0xffff_ffffL);
  }

  /** {@code bytes} with zeros behind, so that {@code before} and they fill whole units. */
  private static byte[] padded(byte[] bytes, int unit, int before) {
    var out = new ByteArrayOutputStream();
    out.writeBytes(bytes);
    while ((out.size() + before) % unit != 0) {
      out.write(0);
    }
    return out.toByteArray();
  }

  private static void put16(byte[] bytes, int at, int value) {
    bytes[at] = (byte) (value >> 8);
    bytes[at + 1] = (byte) value;
  }

  private static void put32(byte[] bytes, int at, long value) {
    put16(bytes, at, (int) (value >> 16));
    put16(bytes, at + 2, (int) value);
  }
}
