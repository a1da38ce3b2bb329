package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.List;

/**
 * Tells a LAN at which MAC an address is now: gratuitous ARP in its request form with SPA = TPA,
 * which Linux takes within its locktime too, and unsolicited neighbour advertisements with
 * Override.
 *
 * <p>Nobody acknowledges an announcement: who must be sure says it several times.
 */
public final class Announcer implements AutoCloseable {
  private final PacketSocket socket;
  private final ByteBuf frame = Unpooled.directBuffer(128);

  private Announcer(PacketSocket socket) {
    this.socket = socket;
  }

  /**
   * On an interface of the calling thread's network namespace.
   *
   * @throws IOException when there is no such interface, or privilege is missing
   */
  public static Announcer open(String device) throws IOException {
    return new Announcer(PacketSocket.open(device, FrameFilter.NONE));
  }

  /**
   * Announces each address at {@code mac}, in one frame each that {@code mac} has sent.
   *
   * @return how many the kernel took
   * @throws IOException when the interface is gone
   */
  public int announce(MacAddress mac, List<IpAddress> addresses) throws IOException {
    int sent = 0;
    for (IpAddress address : addresses) {
      frame.clear();
      if (address.isV4()) {
        ArpMessage.writeGratuitous(frame, mac, address);
      } else {
        NeighbourMessage.writeUnsolicited(frame, mac, address, 0);
      }
      if (socket.send(frame)) {
        sent++;
      }
    }
    return sent;
  }

  @Override
  public void close() {
    socket.close();
    frame.release();
  }
}
