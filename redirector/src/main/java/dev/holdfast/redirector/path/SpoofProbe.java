package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * The packet that proves at arm that the guest's answers may leave at the new site: from the old
 * address to the old host, sent from there. It is what answers are: a TCP segment of a connection
 * whose beginning nobody there has seen. So a filter of sources (BCP 38) loses it, and a firewall
 * that wants to see both halves of a connection, too.
 *
 * <p>Payload: 8 bytes of magic, 16 bytes of the migration's token, 8 bytes of number.
 */
public final class SpoofProbe {
  /** Of both ends, so that it is easily known from connections between the hosts. */
  public static final int PORT = 4754;

  private static final long MAGIC = 0x686f_6c64_7370_6f66L; // "holdspof"
  private static final int TOKEN = 16;
  private static final int CONTENT = 8 + TOKEN + 8;
  private static final int WINDOW = 1_000;

  private SpoofProbe() {}

  /** {@code [virtio_net_hdr][packet]} with one reference. */
  public static ByteBuf packet(IpAddress old, IpAddress to, byte[] token, long number) {
    byte[] payload = ByteBuffer.allocate(CONTENT).putLong(MAGIC).put(token).putLong(number).array();
    ByteBuf packet = Unpooled.directBuffer(128);
    new PacketBuilder(old, to)
        .tcp(PORT, PORT, number & 0xffff_ffffL, 1, PacketView.ACK | PacketView.PSH, WINDOW)
        .payload(payload)
        .writeWithVnet(packet);
    return packet;
  }

  /** True for one that shows {@code token}. */
  public static boolean is(PacketView view, byte[] token) {
    if (!view.isTcp()
        || view.isFragment()
        || view.destinationPort() != PORT
        || view.end() - view.tcpPayloadStart() < CONTENT
        || view.buffer().getLong(view.tcpPayloadStart()) != MAGIC) {
      return false;
    }
    byte[] shown = new byte[TOKEN];
    view.buffer().getBytes(view.tcpPayloadStart() + 8, shown);
    return MessageDigest.isEqual(shown, token) && !Arrays.equals(token, new byte[TOKEN]);
  }
}
