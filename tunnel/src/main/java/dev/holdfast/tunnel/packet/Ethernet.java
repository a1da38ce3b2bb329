package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;

/** The Ethernet II header: destination, source, type of what follows. No VLAN tag. */
public final class Ethernet {
  /** Bytes before the payload. */
  public static final int HEADER = 14;

  public static final int DESTINATION = 0;
  public static final int SOURCE = 6;
  public static final int TYPE = 12;

  public static final int TYPE_IPV4 = 0x0800;
  public static final int TYPE_ARP = 0x0806;
  public static final int TYPE_IPV6 = 0x86dd;

  private Ethernet() {}

  /** Appends a header. */
  public static void writeHeader(
      ByteBuf out, MacAddress destination, MacAddress source, int etherType) {
    writeMac(out, destination);
    writeMac(out, source);
    out.writeShort(etherType);
  }

  /** The EtherType of the frame at {@code index}, which has at least {@link #HEADER} bytes. */
  public static int type(ByteBuf buf, int index) {
    return buf.getUnsignedShort(index + TYPE);
  }

  /** The 6 bytes at {@code index} as an address. Allocates: not for the packet path. */
  public static MacAddress mac(ByteBuf buf, int index) {
    return new MacAddress((long) buf.getUnsignedShort(index) << 32 | buf.getUnsignedInt(index + 2));
  }

  /** Appends the 6 bytes of an address. */
  public static void writeMac(ByteBuf out, MacAddress address) {
    out.writeShort((int) (address.bits() >>> 32));
    out.writeInt((int) address.bits());
  }
}
