package dev.holdfast.scenario;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.MacAddress;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A machine's interface, past its kernel's IP: sends packets as they are, and keeps those heard.
 */
final class PacketWire implements AutoCloseable {
  private static final int ETHERNET = 14;
  private static final int LONGEST = 70_000;

  private final PacketSocket socket;
  private final ByteBuf buffer = Unpooled.directBuffer(LONGEST, LONGEST);
  private final List<byte[]> heard = new ArrayList<>();

  private PacketWire(PacketSocket socket) {
    this.socket = socket;
  }

  /** Hears what comes in; not what the machine itself sends. */
  static PacketWire open(Namespace where, String device) throws Exception {
    PacketSocket opened =
        where.call(() -> {
          PacketSocket made = PacketSocket.open(device, FrameFilter.ALL);
          made.ignoreOutgoing();
          return made;
        });
    return new PacketWire(opened);
  }

  static MacAddress mac(Namespace where, String device) throws Exception {
    return where.call(() -> {
      try (PacketSocket socket = PacketSocket.open(device, FrameFilter.NONE)) {
        return socket.macAddress();
      }
    });
  }

  void send(MacAddress to, byte[] packet) throws IOException, InterruptedException {
    int type = packet[0] >> 4 == 4 ? Ethernet.TYPE_IPV4 : Ethernet.TYPE_IPV6;
    Ethernet.writeHeader(buffer.clear(), to, socket.macAddress(), type);
    buffer.writeBytes(packet);
    while (!socket.send(buffer)) {
      Thread.sleep(1);
    }
    hear();
  }

  private void hear() throws IOException {
    while (socket.receive(buffer.clear()) > 0) {
      int type = buffer.getUnsignedShort(ETHERNET - 2);
      if (type != Ethernet.TYPE_IPV4 && type != Ethernet.TYPE_IPV6) {
        continue;
      }
      boolean v4 = type == Ethernet.TYPE_IPV4;
      int length = buffer.getUnsignedShort(ETHERNET + (v4 ? 2 : 4)) + (v4 ? 0 : 40);
      byte[] packet = new byte[Math.min(length, buffer.writerIndex() - ETHERNET)];
      buffer.getBytes(ETHERNET, packet);
      heard.add(packet);
    }
  }

  /** Every IP packet so far, oldest first. */
  List<byte[]> heard() throws IOException {
    hear();
    return List.copyOf(heard);
  }

  void forget() throws IOException {
    hear();
    heard.clear();
  }

  @Override
  public void close() {
    socket.close();
    buffer.release();
  }
}
