package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.Collection;

/**
 * Finds out whether a guest runs behind an interface, however silent it is: asks its MAC whether it
 * has one of its addresses. A guest that runs says so, to the asker alone: an ARP question from
 * nobody teaches it nothing (RFC 5227 section 2.1.1), nor does anybody else in its LAN hear of it.
 */
public final class GuestProbe {
  private static final int TRIES = 3;
  private static final long TRY_NANOS = 70_000_000L;
  private static final int LONGEST_FRAME = 2048;
  private static final IpAddress NOBODY = IpAddress.parse("0.0.0.0");

  private GuestProbe() {}

  /**
   * Waits for an answer, a fifth of a second at most.
   *
   * @throws IOException when there is no such interface, or privilege is missing
   */
  public static boolean answers(
      String device, MacAddress guest, Collection<IpAddress> addresses, Clock clock)
      throws IOException {
    ByteBuf frame = Unpooled.directBuffer(LONGEST_FRAME, LONGEST_FRAME);
    try (PacketSocket socket = PacketSocket.open(device, FrameFilter.ADDRESS_USE)) {
      socket.ignoreOutgoing();
      for (int i = 0; i < TRIES; i++) {
        ask(socket, frame, guest, addresses);
        long until = clock.nanoTime() + TRY_NANOS;
        while (clock.nanoTime() - until < 0) {
          int length = socket.receive(frame.clear());
          if (length == 0) {
            Thread.sleep(1);
          } else if (isAnswer(frame, length, guest, addresses)) {
            return true;
          }
        }
      }
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while the guest was looked for", e);
    } finally {
      frame.release();
    }
  }

  private static void ask(
      PacketSocket socket, ByteBuf frame, MacAddress guest, Collection<IpAddress> addresses)
      throws IOException {
    for (IpAddress address : addresses) {
      frame.clear();
      if (address.isV4()) {
        ArpMessage.writeUnicastRequest(frame, guest, socket.macAddress(), NOBODY, address);
      } else {
        MacAddress here = socket.macAddress();
        NeighbourMessage.writeSolicitation(frame, here, linkLocal(here), address);
        frame.setBytes(0, guest.toBytes()); // not to the group: this is for the guest alone
      }
      socket.send(frame);
    }
  }

  /** RFC 4291 appendix A. */
  private static IpAddress linkLocal(MacAddress mac) {
    long bits = mac.bits() ^ 0x0200_0000_0000L;
    return new IpAddress(0xfe80L << 48, (bits >>> 24) << 40 | 0xfffe00_0000L | (bits & 0xff_ffff));
  }

  private static boolean isAnswer(
      ByteBuf frame, int length, MacAddress guest, Collection<IpAddress> addresses) {
    var arp = new ArpMessage();
    if (arp.check(frame, 0, length)) {
      return arp.frameSource().equals(guest) && addresses.contains(arp.senderAddress());
    }
    var neighbour = new NeighbourMessage();
    return neighbour.check(frame, 0, length)
        && neighbour.isAdvertisement()
        && neighbour.frameSource().equals(guest)
        && addresses.contains(neighbour.target());
  }
}
