package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.IpInIpLink;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The packet that proves a tunnel at arm: a UDP datagram inside it, from the old address to itself,
 * with the token of the migration as its payload. It takes each encapsulation's own way, and its
 * size proves the path MTU. It is recognised before anything is decided, answered in kind, and
 * never delivered to a guest.
 *
 * <p>Payload: 8 bytes of magic (request or answer), 16 bytes of token, 8 bytes of number, padding.
 */
final class Probe {
  private static final int PORT = 4754;
  private static final long REQUEST = 0x686f_6c64_7072_6f62L; // "holdprob"
  private static final long ANSWER = 0x686f_6c64_616e_7377L; // "holdansw"
  private static final int UDP_HEADER = 8;
  private static final int CONTENT = 32;

  private Probe() {}

  /** Sends a request by that link; false when it cannot. */
  static boolean send(@Nullable Link by, IpAddress old, byte[] token, long number, int size) {
    if (by == null || whole(by, request(old, token, number, size)) != Link.Sent.OK) {
      return false;
    }
    by.flush();
    return true;
  }

  /**
   * Sends a request or an answer, which takes it over. In fragments it would prove nothing of its
   * size: IP-in-IP sends it whole, however little the path is thought to take.
   */
  static Link.Sent whole(Link by, ByteBuf probe) {
    if (by instanceof IpInIpLink link) {
      return link.sendWhole(probe);
    }
    if (probe.readableBytes() - VirtioNetHeader.LENGTH > by.innerMtu()) {
      probe.release();
      return Link.Sent.TOO_BIG;
    }
    return by.send(FrameType.PACKET, probe);
  }

  /** A request of {@code size} bytes of inner packet in all (at least what the content needs). */
  static ByteBuf request(IpAddress old, byte[] token, long number, int size) {
    return build(old, REQUEST, token, number, size);
  }

  static ByteBuf answer(IpAddress old, byte[] token, long number, int size) {
    return build(old, ANSWER, token, number, size);
  }

  private static ByteBuf build(IpAddress old, long magic, byte[] token, long number, int size) {
    int headers = (old.isV4() ? 20 : 40) + UDP_HEADER;
    byte[] payload = new byte[Math.max(CONTENT, size - headers)];
    java.nio.ByteBuffer.wrap(payload).putLong(magic).put(token).putLong(number);
    ByteBuf packet = Unpooled.directBuffer(VirtioNetHeader.LENGTH + payload.length + headers);
    new PacketBuilder(old, old)
        .dontFragment(true)
        .udp(PORT, PORT)
        .payload(payload)
        .writeWithVnet(packet);
    return packet;
  }

  /**
   * True for a request or answer that shows {@code token}; only such a packet may be from and to
   * the old address.
   */
  static boolean is(PacketView view, byte[] token) {
    if (view.protocol() != PacketView.UDP
        || !view.hasPorts()
        || view.sourceLow() != view.destinationLow()
        || view.sourceHigh() != view.destinationHigh()
        || view.destinationPort() != PORT
        || view.end() - view.transportStart() < UDP_HEADER + CONTENT) {
      return false;
    }
    long magic = view.buffer().getLong(view.transportStart() + UDP_HEADER);
    if (magic != REQUEST && magic != ANSWER) {
      return false;
    }
    byte[] shown = new byte[16];
    view.buffer().getBytes(view.transportStart() + UDP_HEADER + 8, shown);
    return java.security.MessageDigest.isEqual(shown, token) && !Arrays.equals(token, new byte[16]);
  }

  static boolean isRequest(PacketView view) {
    return view.buffer().getLong(view.transportStart() + UDP_HEADER) == REQUEST;
  }

  static long number(PacketView view) {
    return view.buffer().getLong(view.transportStart() + UDP_HEADER + 24);
  }
}
