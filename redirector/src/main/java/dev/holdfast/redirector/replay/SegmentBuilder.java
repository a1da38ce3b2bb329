package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;

/**
 * Writes the segments of one end as a kernel gives them to its device: {@code
 * [virtio_net_hdr][IP]}, a super-packet where there is more than one segment's data.
 */
final class SegmentBuilder {
  private static final int TTL = 64;
  private static final int V4_HEADER = 20;
  private static final int V6_HEADER = 40;
  private static final int TCP_HEADER = 20;
  private static final int DONT_FRAGMENT = 0x4000;

  private final IpAddress source;
  private final IpAddress destination;
  private final int ports;
  private final byte[] addresses;
  private final int pseudo;
  private int identification;

  SegmentBuilder(IpAddress source, int sourcePort, IpAddress destination, int destinationPort) {
    this.source = source;
    this.destination = destination;
    this.ports = sourcePort << 16 | destinationPort;
    byte[] from = source.toBytes();
    byte[] to = destination.toBytes();
    this.addresses = new byte[from.length + to.length];
    System.arraycopy(from, 0, addresses, 0, from.length);
    System.arraycopy(to, 0, addresses, from.length, to.length);
    long sum = PacketView.TCP;
    for (int i = 0; i < addresses.length; i += 2) {
      sum += (addresses[i] & 0xff) << 8 | addresses[i + 1] & 0xff;
    }
    this.pseudo = Checksums.fold(sum);
  }

  /** The longest TCP segment's data that an MTU takes. */
  int room(int mtu, int optionBytes) {
    return mtu - (source.isV4() ? V4_HEADER : V6_HEADER) - TCP_HEADER - optionBytes;
  }

  /**
   * A segment.
   *
   * @param options whole words
   * @param optionBytes how many of them count
   * @param data its bytes from {@code from} on, {@code length} of them
   * @param most data bytes of one segment on the wire: more than that is a super-packet
   */
  ByteBuf segment(
      int sequence,
      int acknowledgment,
      int flags,
      int window,
      byte[] options,
      int optionBytes,
      byte[] data,
      int from,
      int length,
      int most) {
    int ip = source.isV4() ? V4_HEADER : V6_HEADER;
    int tcp = TCP_HEADER + optionBytes;
    int total = ip + tcp + length;
    ByteBuf out = PooledByteBufAllocator.DEFAULT.directBuffer(VirtioNetHeader.LENGTH + total);
    out.writeLong(0).writeShort(0); // the virtio_net_hdr of one plain packet
    int start = VirtioNetHeader.LENGTH;
    if (source.isV4()) {
      out.writeInt(0x4500_0000 | total);
      out.writeInt((identification++ & 0xffff) << 16 | DONT_FRAGMENT);
      out.writeInt(TTL << 24 | PacketView.TCP << 16);
      out.writeBytes(addresses);
      out.setShort(start + 10, Checksums.ipv4Header(out, start, V4_HEADER));
    } else {
      out.writeInt(0x6000_0000);
      out.writeInt(tcp + length << 16 | PacketView.TCP << 8 | TTL);
      out.writeBytes(addresses);
    }
    int at = start + ip;
    out.writeInt(ports);
    out.writeInt(sequence);
    out.writeInt(acknowledgment);
    out.writeShort(tcp / 4 << 12 | flags);
    out.writeShort(window);
    out.writeInt(0);
    out.writeBytes(options, 0, optionBytes);
    out.writeBytes(data, from, length);
    int seed = Checksums.fold((long) pseudo + tcp + length);
    if (length > most) {
      // the field holds the pseudo-header's sum; whoever cuts it up finishes it
      out.setShort(at + 16, seed);
      VirtioNetHeader.set(
          out,
          0,
          VirtioNetHeader.FLAG_NEEDS_CHECKSUM,
          source.isV4() ? VirtioNetHeader.GSO_TCPV4 : VirtioNetHeader.GSO_TCPV6,
          ip + tcp,
          most,
          ip,
          16);
    } else {
      out.setShort(at + 16, ~Checksums.sum(out, at, tcp + length, seed));
    }
    return out;
  }

  IpAddress source() {
    return source;
  }

  IpAddress destination() {
    return destination;
  }
}
