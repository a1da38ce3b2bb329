package dev.holdfast.golden;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Two UDP sockets that talk to each other, both in one hand. */
final class UdpPair implements AutoCloseable {
  private static final int PATIENCE_MILLIS = 10_000;
  private static final int LONGEST = 1 << 16;

  private final DatagramSocket near;
  private final DatagramSocket far;
  private volatile @Nullable SocketAddress asker;

  private UdpPair(DatagramSocket near, DatagramSocket far) {
    this.near = near;
    this.far = far;
  }

  /**
   * The far one has the address and port; the near one any.
   *
   * @param address of {@code to}
   */
  static UdpPair open(Namespace from, Namespace to, IpAddress address, int port) throws Exception {
    var at = new InetSocketAddress(address.toInetAddress(), port);
    DatagramSocket far = to.call(() -> new DatagramSocket(at));
    DatagramSocket near =
        from.call(() -> {
          var socket = new DatagramSocket();
          socket.connect(at);
          return socket;
        });
    near.setSoTimeout(PATIENCE_MILLIS);
    far.setSoTimeout(PATIENCE_MILLIS);
    return new UdpPair(near, far);
  }

  /**
   * Sends a datagram.
   *
   * @param there from near to far; else to who has sent the last one that far has received
   */
  void send(boolean there, byte[] bytes) throws IOException {
    var packet = new DatagramPacket(bytes, bytes.length);
    if (there) {
      near.send(packet);
    } else {
      packet.setSocketAddress(Objects.requireNonNull(asker));
      far.send(packet);
    }
  }

  /**
   * Waits for the next one.
   *
   * @param there at far
   * @throws IOException where it is another than these bytes, or does not come
   */
  void receive(boolean there, byte[] bytes) throws IOException {
    var packet = new DatagramPacket(new byte[LONGEST], LONGEST);
    (there ? far : near).receive(packet);
    if (!Arrays.equals(packet.getData(), 0, packet.getLength(), bytes, 0, bytes.length)) {
      throw new IOException("what has come is not what was sent");
    }
    if (there) {
      asker = packet.getSocketAddress();
    }
  }

  void carry(boolean there, byte[] bytes) throws IOException {
    send(there, bytes);
    receive(there, bytes);
  }

  @Override
  public void close() {
    near.close();
    far.close();
  }
}
