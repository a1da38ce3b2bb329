package dev.holdfast.redirector.dns;

import dev.holdfast.tunnel.time.Clock;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.function.Predicate;

/**
 * Takes one DNS message to a server and an answer back, once.
 *
 * <p>Each exchange has a socket of its own, and with it a source port that an outsider has to guess
 * (RFC 5452). Waiting is done in a selector, so that an interrupt ends it at once.
 */
final class DnsTransport {
  private static final int LARGEST_MESSAGE = 65_535;

  private final Clock clock;

  DnsTransport(Clock clock) {
    this.clock = clock;
  }

  /**
   * Exchanges over UDP. Datagrams that {@code isAnswer} does not want are passed over.
   *
   * @throws SocketTimeoutException when no answer came in time
   */
  byte[] udp(InetSocketAddress server, byte[] request, Duration timeout, Predicate<byte[]> isAnswer)
      throws IOException, InterruptedException {
    long deadline = clock.nanoTime() + timeout.toNanos();
    try (Selector selector = Selector.open();
        DatagramChannel channel = DatagramChannel.open()) {
      channel.configureBlocking(false);
      channel.connect(server); // the kernel then passes on only what this server sends
      channel.register(selector, SelectionKey.OP_READ);
      channel.write(ByteBuffer.wrap(request));
      ByteBuffer buffer = ByteBuffer.allocate(LARGEST_MESSAGE);
      while (true) {
        await(selector, deadline);
        buffer.clear();
        if (channel.read(buffer) > 0) {
          byte[] answer = bytes(buffer.flip());
          if (isAnswer.test(answer)) {
            return answer;
          }
        }
      }
    }
  }

  /**
   * Exchanges over TCP (RFC 7766).
   *
   * @throws SocketTimeoutException when no answer came in time
   */
  byte[] tcp(InetSocketAddress server, byte[] request, Duration timeout, Predicate<byte[]> isAnswer)
      throws IOException, InterruptedException {
    long deadline = clock.nanoTime() + timeout.toNanos();
    try (Selector selector = Selector.open();
        SocketChannel channel = SocketChannel.open()) {
      channel.configureBlocking(false);
      SelectionKey key = channel.register(selector, SelectionKey.OP_CONNECT);
      if (!channel.connect(server)) {
        do {
          await(selector, deadline);
        } while (!channel.finishConnect());
      }
      key.interestOps(SelectionKey.OP_WRITE);
      ByteBuffer out = ByteBuffer.allocate(request.length + 2);
      out.putShort((short) request.length).put(request).flip();
      while (out.hasRemaining()) {
        await(selector, deadline);
        channel.write(out);
      }
      key.interestOps(SelectionKey.OP_READ);
      while (true) {
        int length = readFully(channel, selector, 2, deadline).getShort() & 0xffff;
        byte[] answer = bytes(readFully(channel, selector, length, deadline));
        if (isAnswer.test(answer)) {
          return answer;
        }
      }
    }
  }

  private ByteBuffer readFully(SocketChannel channel, Selector selector, int length, long deadline)
      throws IOException, InterruptedException {
    ByteBuffer buffer = ByteBuffer.allocate(length);
    while (buffer.hasRemaining()) {
      await(selector, deadline);
      if (channel.read(buffer) < 0) {
        throw new EOFException("the server closed the connection without an answer");
      }
    }
    return buffer.flip();
  }

  private void await(Selector selector, long deadline) throws IOException, InterruptedException {
    long left = deadline - clock.nanoTime();
    // 0 would mean "for ever", and a millisecond is the finest step there is
    int ready = left <= 0 ? 0 : selector.select(Math.max(1, left / 1_000_000));
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    if (ready == 0) {
      throw new SocketTimeoutException("no answer in time");
    }
    selector.selectedKeys().clear();
  }

  private static byte[] bytes(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }
}
