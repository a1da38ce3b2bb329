package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * A DHCP server and its clients on one LAN, as frames of RFC 2131, each sent by the machine from
 * which it would come. What a client has no address for goes to everybody, and so do the answers:
 * it set the broadcast flag.
 */
final class DhcpLan {
  private static final int DISCOVER = 1;
  private static final int OFFER = 2;
  private static final int REQUEST = 3;
  private static final int ACK = 5;
  private static final int BROADCAST_FLAG = 0x8000;
  private static final int LEASE_SECONDS = 3600;
  private static final IpAddress NOBODY = IpAddress.parse("0.0.0.0");
  private static final IpAddress EVERYBODY = IpAddress.parse("255.255.255.255");

  private final Namespace server;
  private final String serverDevice;
  private final IpAddress serverAddress;
  private final Namespace machine;
  private final String device;

  /**
   * The LAN.
   *
   * @param serverDevice the server's interface there
   * @param machine from which all clients send
   */
  DhcpLan(
      Namespace server,
      String serverDevice,
      IpAddress serverAddress,
      Namespace machine,
      String device) {
    this.server = server;
    this.serverDevice = serverDevice;
    this.serverAddress = serverAddress;
    this.machine = machine;
    this.device = device;
  }

  /** A machine that has no address gets one: the whole exchange. */
  void lease(MacAddress client, IpAddress address) throws Exception {
    ask(client, DISCOVER, null);
    answer(client, OFFER, address);
    ask(client, REQUEST, address);
    answer(client, ACK, address);
  }

  /** The server's last word alone, as where a relay has passed the client's to the server. */
  void acknowledge(MacAddress client, IpAddress address) throws Exception {
    answer(client, ACK, address);
  }

  private void ask(MacAddress client, int type, @Nullable IpAddress requested) throws Exception {
    ByteBuf body = body(1, client, NOBODY, type);
    if (requested != null) {
      body.writeByte(50).writeByte(4).writeInt(requested.v4Bits());
      body.writeByte(54).writeByte(4).writeInt(serverAddress.v4Bits());
    }
    send(machine, device, client, new PacketBuilder(NOBODY, EVERYBODY).udp(68, 67), body);
  }

  private void answer(MacAddress client, int type, IpAddress given) throws Exception {
    ByteBuf body = body(2, client, given, type);
    body.writeByte(54).writeByte(4).writeInt(serverAddress.v4Bits());
    body.writeByte(51).writeByte(4).writeInt(LEASE_SECONDS);
    send(server, serverDevice, null, new PacketBuilder(serverAddress, EVERYBODY).udp(67, 68), body);
  }

  /** RFC 2131 section 2, up to the message type. */
  private static ByteBuf body(int operation, MacAddress client, IpAddress given, int type) {
    ByteBuf body = Unpooled.buffer();
    body.writeByte(operation).writeByte(1).writeByte(6).writeByte(0);
    body.writeInt((int) client.bits()).writeShort(0).writeShort(BROADCAST_FLAG);
    body.writeInt(0).writeInt(given.v4Bits()).writeZero(8);
    body.writeBytes(client.toBytes()).writeZero(10 + 64 + 128).writeInt(0x63825363);
    return body.writeByte(53).writeByte(1).writeByte(type);
  }

  /**
   * Sends it to everybody.
   *
   * @param source null: the interface's own MAC
   */
  private static void send(
      Namespace from,
      String device,
      @Nullable MacAddress source,
      PacketBuilder packet,
      ByteBuf body)
      throws Exception {
    byte[] bytes = new byte[body.writeByte(255).readableBytes()];
    body.readBytes(bytes);
    boolean isSent =
        from.call(() -> {
          ByteBuf frame = Unpooled.directBuffer(600);
          try (PacketSocket socket = PacketSocket.open(device, FrameFilter.NONE)) {
            MacAddress own = source == null ? socket.macAddress() : source;
            Ethernet.writeHeader(frame, MacAddress.BROADCAST, own, Ethernet.TYPE_IPV4);
            packet.payload(bytes).write(frame);
            return socket.send(frame);
          } finally {
            frame.release();
          }
        });
    assertThat(isSent).as("a DHCP message of %s", from).isTrue();
  }
}
