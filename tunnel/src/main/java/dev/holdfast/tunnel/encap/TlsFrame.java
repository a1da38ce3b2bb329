package dev.holdfast.tunnel.encap;

import io.netty.buffer.ByteBuf;

/**
 * The form of one frame on a TLS stream: length (4 bytes, big-endian; type and payload together),
 * type (1 byte), payload.
 *
 * <p>What the types mean is the business of {@code link}; here a type is its code.
 */
public final class TlsFrame {
  /** Bytes before the payload: length and type. */
  public static final int HEADER = 5;

  /** Bytes of the length field, which it does not count itself. */
  public static final int LENGTH_FIELD = 4;

  /**
   * The largest length field of any frame but a control frame: type, staging id, virtio_net_hdr,
   * and an IPv6 packet of the largest payload.
   */
  public static final int MAX_PACKET_FRAME = 1 + 8 + 10 + 40 + 65_535;

  /** The largest length field of a control frame. */
  public static final int MAX_CONTROL_FRAME = 4 << 20;

  private TlsFrame() {}

  /**
   * Appends the header of a frame whose payload follows.
   *
   * @param type 0 to 255
   * @param payloadLength bytes, 0 or more
   */
  public static void writeHeader(ByteBuf out, int type, int payloadLength) {
    out.writeInt(1 + payloadLength);
    out.writeByte(type);
  }

  /** The same at an absolute index, into headroom before a payload that is already there. */
  public static void setHeader(ByteBuf out, int index, int type, int payloadLength) {
    out.setInt(index, 1 + payloadLength);
    out.setByte(index + LENGTH_FIELD, type);
  }
}
