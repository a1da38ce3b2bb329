package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * A view of an Ethernet frame with a DHCPv4 message (RFC 2131): what it says of who is to have an
 * address.
 *
 * <p>{@link #check} is called once; after it has answered true no accessor can fail.
 */
public final class DhcpMessage {
  public static final int REQUEST = 3;
  public static final int ACK = 5;

  private static final int SERVER_PORT = 67;
  private static final int CLIENT_PORT = 68;
  private static final int UDP_HEADER = 8;

  // from the UDP payload on: RFC 2131 section 2
  private static final int HARDWARE = 1;
  private static final int YOUR_ADDRESS = 16;
  private static final int CLIENT_MAC = 28;
  private static final int COOKIE = 236;
  private static final int OPTIONS = 240;
  private static final int MAGIC = 0x6382_5363;
  private static final int ETHERNET_OF_6 = 0x0106;

  // RFC 2132
  private static final int PAD = 0;
  private static final int END = 255;
  private static final int REQUESTED_ADDRESS = 50;
  private static final int MESSAGE_TYPE = 53;

  private final PacketView packet = new PacketView();
  private ByteBuf buf = Unpooled.EMPTY_BUFFER;
  private int body;
  private int end;
  private int type;
  private int requestedAt; // absolute index of option 50's address, or -1

  /**
   * Lays the view over the frame of {@code length} bytes at {@code index}.
   *
   * @return false where it is no whole DHCPv4 message for Ethernet, or its options are broken
   */
  public boolean check(ByteBuf bytes, int index, int length) {
    if (index < 0
        || length < Ethernet.HEADER
        || length > bytes.writerIndex() - index
        || Ethernet.type(bytes, index) != Ethernet.TYPE_IPV4
        || packet.check(bytes, index + Ethernet.HEADER, length - Ethernet.HEADER)
            != PacketFault.NONE
        || !packet.isUdp()
        || !packet.hasPorts()
        || packet.isFragment()) {
      return false;
    }
    buf = bytes;
    body = packet.transportStart() + UDP_HEADER;
    end = packet.transportStart() + packet.udpLength(); // what follows is none of it (RFC 9868)
    int to = packet.destinationPort();
    return (to == SERVER_PORT || to == CLIENT_PORT)
        && end - body >= OPTIONS
        && bytes.getUnsignedShort(body + HARDWARE) == ETHERNET_OF_6
        && bytes.getInt(body + COOKIE) == MAGIC
        && optionsAreSound();
  }

  private boolean optionsAreSound() {
    type = 0;
    requestedAt = -1;
    for (int at = body + OPTIONS; at < end; ) {
      int code = buf.getUnsignedByte(at);
      if (code == END) {
        break;
      }
      if (code == PAD) {
        at++;
        continue;
      }
      int size = at + 2 <= end ? buf.getUnsignedByte(at + 1) : end;
      if (at + 2 + size > end) {
        return false;
      }
      if (code == MESSAGE_TYPE && size == 1) {
        type = buf.getUnsignedByte(at + 2);
      } else if (code == REQUESTED_ADDRESS && size == 4) {
        requestedAt = at + 2;
      }
      at += 2 + size;
    }
    return type != 0;
  }

  /** RFC 2132 section 9.6. */
  public int type() {
    return type;
  }

  /** Whose message it is, or to whom it is. */
  public MacAddress client() {
    return Ethernet.mac(buf, body + CLIENT_MAC);
  }

  /** What the server gives the client; 0.0.0.0 in a client's message. */
  public IpAddress given() {
    return IpAddress.v4(buf.getInt(body + YOUR_ADDRESS));
  }

  /** What the client asks for; null where it does not say. */
  public @Nullable IpAddress requested() {
    return requestedAt < 0 ? null : IpAddress.v4(buf.getInt(requestedAt));
  }
}
