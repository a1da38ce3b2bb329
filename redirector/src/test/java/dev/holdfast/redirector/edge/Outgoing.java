package dev.holdfast.redirector.edge;

import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What came out of a host, or should have.
 *
 * @param bytes {@code [virtio_net_hdr][IP packet]}; {@link Where#WIRE}: the IP packet; {@link
 *     Where#LAN}: {@code [virtio_net_hdr][Ethernet frame]}
 */
record Outgoing(Where where, byte[] bytes) {
  /** Where to. */
  enum Where {
    TUNNEL,
    STAGE,
    WIRE,
    DEVICE,
    LAN
  }

  static Outgoing packet(Where where, Packet packet) {
    return new Outgoing(where, where == Where.WIRE ? packet.bytes() : packet.bytesWithOffload());
  }

  /** As this host sends it into a LAN: to the guest, or by the router. */
  static Outgoing frame(Packet packet) {
    byte[] plain = packet.bytesWithOffload();
    ByteBuf out = Unpooled.buffer(plain.length + Ethernet.HEADER);
    out.writeBytes(plain, 0, VirtioNetHeader.LENGTH);
    if (VirtioNetHeader.needsChecksum(out, 0)) { // counted from the frame's start
      int start = VirtioNetHeader.checksumStart(out, 0) + Ethernet.HEADER;
      out.setShortLE(VirtioNetHeader.CHECKSUM_START, start);
    }
    if (VirtioNetHeader.isGso(out, 0)) {
      int headers = VirtioNetHeader.headerLength(out, 0) + Ethernet.HEADER;
      out.setShortLE(VirtioNetHeader.HEADER_LENGTH, headers);
    }
    MacAddress to = packet.isToGuest() ? Host.GUEST_MAC : Host.ROUTER_MAC;
    int type = packet.ip() == Ip.V4 ? Ethernet.TYPE_IPV4 : Ethernet.TYPE_IPV6;
    Ethernet.writeHeader(out, to, Host.OWN_MAC, type);
    out.writeBytes(plain, VirtioNetHeader.LENGTH, plain.length - VirtioNetHeader.LENGTH);
    return new Outgoing(Where.LAN, bytesOf(out));
  }

  static byte[] bytesOf(ByteBuf buf) {
    byte[] bytes = new byte[buf.readableBytes()];
    buf.getBytes(buf.readerIndex(), bytes);
    return bytes;
  }

  private Map<String, String> fields() {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("to", where.name());
    if (where == Where.WIRE) {
      fields.putAll(PacketText.fieldsOf(bytes));
      return fields;
    }
    ByteBuf vnet = Unpooled.wrappedBuffer(bytes);
    if (VirtioNetHeader.isGso(vnet, 0) || VirtioNetHeader.flags(vnet, 0) != 0) {
      fields.put(
          "offload",
          "flags %d, type %d, header %d, segments %d, checksum %d+%d"
              .formatted(
                  VirtioNetHeader.flags(vnet, 0),
                  VirtioNetHeader.gsoType(vnet, 0),
                  VirtioNetHeader.headerLength(vnet, 0),
                  VirtioNetHeader.gsoSize(vnet, 0),
                  VirtioNetHeader.checksumStart(vnet, 0),
                  VirtioNetHeader.checksumOffset(vnet, 0)));
    }
    byte[] rest = Arrays.copyOfRange(bytes, VirtioNetHeader.LENGTH, bytes.length);
    fields.putAll(where == Where.LAN ? PacketText.fieldsOfFrame(rest) : PacketText.fieldsOf(rest));
    return fields;
  }

  /** Where {@code was} differs from this, which was expected: one line for each field. */
  String difference(Outgoing was) {
    return PacketText.difference(fields(), was.fields());
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Outgoing(Where at, byte[] sent)
        && at == where
        && Arrays.equals(sent, bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes) * 31 + where.hashCode();
  }

  @Override
  public String toString() {
    return fields().toString();
  }
}
