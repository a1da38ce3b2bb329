package dev.holdfast.golden;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketOption;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Arrays;

/**
 * A TCP connection, both of its ends in one hand. What one end sends is a {@link Pattern}, and the
 * other compares.
 */
final class TcpPair implements AutoCloseable {
  /** One of the two: near is who has connected. */
  enum End {
    NEAR,
    FAR
  }

  private static final int PART = 1 << 16;

  private final SocketChannel near;
  private final SocketChannel far;
  private long sentByNear;
  private long sentByFar;
  private long readByNear;
  private long readByFar;

  private TcpPair(SocketChannel near, SocketChannel far) {
    this.near = near;
    this.far = far;
  }

  /** Connects {@code from} with {@code to}, which has that address. */
  static TcpPair connect(Namespace from, Namespace to, IpAddress address, int port)
      throws Exception {
    return connect(from, to, address, port, 0);
  }

  /**
   * @param receiveBuffer of both ends, bytes; 0: as large as the kernel likes
   */
  static TcpPair connect(
      Namespace from, Namespace to, IpAddress address, int port, int receiveBuffer)
      throws Exception {
    var at = new InetSocketAddress(address.toInetAddress(), port);
    StandardProtocolFamily family =
        address.isV4() ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6;
    ServerSocketChannel listener =
        to.call(() -> {
          ServerSocketChannel opened = ServerSocketChannel.open(family);
          if (receiveBuffer > 0) {
            opened.setOption(StandardSocketOptions.SO_RCVBUF, receiveBuffer);
          }
          opened.setOption(StandardSocketOptions.SO_REUSEADDR, true);
          return opened.bind(at);
        });
    try (listener) {
      SocketChannel near =
          from.call(() -> {
            SocketChannel opened = SocketChannel.open(family);
            if (receiveBuffer > 0) {
              opened.setOption(StandardSocketOptions.SO_RCVBUF, receiveBuffer);
            }
            opened.connect(at);
            return opened;
          });
      var pair = new TcpPair(near, listener.accept());
      pair.set(StandardSocketOptions.TCP_NODELAY, true);
      return pair;
    }
  }

  /** At both ends. */
  <T> void set(SocketOption<T> option, T value) throws IOException {
    near.setOption(option, value);
    far.setOption(option, value);
  }

  SocketChannel near() {
    return near;
  }

  SocketChannel far() {
    return far;
  }

  /** Sends the stream's next bytes. */
  void send(End end, int bytes) throws IOException {
    boolean isNear = end == End.NEAR;
    SocketChannel channel = isNear ? near : far;
    for (int left = bytes; left > 0; ) {
      int part = Math.min(left, PART);
      long at = isNear ? sentByNear : sentByFar;
      ByteBuffer next = ByteBuffer.wrap(Pattern.of(name(end), at, part));
      while (next.hasRemaining()) {
        var _ = channel.write(next);
      }
      if (isNear) {
        sentByNear += part;
      } else {
        sentByFar += part;
      }
      left -= part;
    }
  }

  /**
   * Reads the next bytes of the other end's stream.
   *
   * @throws IOException where they are not those
   */
  void receive(End end, int bytes) throws IOException {
    boolean isNear = end == End.NEAR;
    SocketChannel channel = isNear ? near : far;
    ByteBuffer got = ByteBuffer.allocate(bytes);
    while (got.hasRemaining()) {
      if (channel.read(got) < 0) {
        throw new IOException("the stream has ended early");
      }
    }
    long at = isNear ? readByNear : readByFar;
    if (!Arrays.equals(got.array(), Pattern.of(name(isNear ? End.FAR : End.NEAR), at, bytes))) {
      throw new IOException("what has come is not what was sent");
    }
    if (isNear) {
      readByNear += bytes;
    } else {
      readByFar += bytes;
    }
  }

  private static String name(End end) {
    return end == End.NEAR ? "from who has connected" : "from who has accepted";
  }

  /** Sends bytes, which the other end reads at the same time. */
  void carry(End sender, int bytes) throws Exception {
    AtOnce.run(
        () -> send(sender, bytes), () -> receive(sender == End.NEAR ? End.FAR : End.NEAR, bytes));
  }

  /** The near end asks and the far end answers, so many times. */
  void talk(int times, int question, int answer, long pauseMillis) throws Exception {
    for (int i = 0; i < times; i++) {
      carry(End.NEAR, question);
      carry(End.FAR, answer);
      Thread.sleep(pauseMillis);
    }
  }

  /** Reads the end of the stream, of which everything has been read. */
  static void awaitEnd(SocketChannel channel) throws IOException {
    if (channel.read(ByteBuffer.allocate(1)) >= 0) {
      throw new IOException("there came more than was sent");
    }
  }

  /** In good order: the near end closes first. */
  @Override
  public void close() throws IOException {
    try (near;
        far) {
      near.shutdownOutput();
      awaitEnd(far);
      far.shutdownOutput();
      awaitEnd(near);
    }
  }
}
