package dev.holdfast.scenario;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.DatagramPacket;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/**
 * Connections with a service that answers each line with the address that it sees as its sender's,
 * and the line.
 */
final class Talk implements AutoCloseable {
  private static final int PORT = 7007;
  private static final int LIMIT_MILLIS = 20_000;
  private static final int TRIES = 20;

  private final SocketChannel channel;
  private final BufferedReader answers;

  private Talk(SocketChannel channel) throws IOException {
    this.channel = channel;
    this.answers =
        new BufferedReader(
            new InputStreamReader(channel.socket().getInputStream(), StandardCharsets.US_ASCII));
  }

  private static StandardProtocolFamily family(IpAddress address) {
    return address.isV4() ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6;
  }

  private static InetSocketAddress service(IpAddress at) {
    return new InetSocketAddress(at.toInetAddress(), PORT);
  }

  private static String seen(InetSocketAddress from) {
    return IpAddress.of(from.getAddress()) + " " + from.getPort();
  }

  /** Opens the service, by TCP and UDP; it goes with {@code cleanup}. */
  static void serve(Namespace where, IpAddress at, Cleanup cleanup) throws Exception {
    ServerSocketChannel listener =
        where.call(() -> ServerSocketChannel.open(family(at)).bind(service(at)));
    cleanup.add("a service of " + where, listener::close);
    Thread.ofVirtual().start(() -> accept(listener));
    DatagramChannel datagrams =
        where.call(() -> DatagramChannel.open(family(at)).bind(service(at)));
    cleanup.add("a datagram service of " + where, datagrams::close);
    Thread.ofVirtual().start(() -> answer(datagrams));
  }

  private static void accept(ServerSocketChannel listener) {
    try {
      while (true) {
        SocketChannel accepted = listener.accept();
        Thread.ofVirtual().start(() -> answer(accepted));
      }
    } catch (IOException e) {
      // closed
    }
  }

  private static void answer(SocketChannel accepted) {
    try (accepted) {
      var lines =
          new BufferedReader(
              new InputStreamReader(accepted.socket().getInputStream(), StandardCharsets.US_ASCII));
      String from = seen((InetSocketAddress) accepted.getRemoteAddress());
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        accepted.write(bytes(from + " " + line + "\n"));
      }
    } catch (IOException e) {
      // the other end sees it
    }
  }

  private static void answer(DatagramChannel datagrams) {
    try {
      ByteBuffer buffer = ByteBuffer.allocate(200);
      while (datagrams.receive(buffer.clear()) instanceof InetSocketAddress from) {
        String word = StandardCharsets.US_ASCII.decode(buffer.flip()).toString();
        datagrams.send(bytes(seen(from) + " " + word), from);
      }
    } catch (IOException e) {
      // closed
    }
  }

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
  }

  /**
   * Connects to the service.
   *
   * @param port the own one; 0 for any
   */
  static Talk open(Namespace machine, int port, IpAddress to) throws Exception {
    SocketChannel channel =
        machine.call(() -> {
          SocketChannel opened = SocketChannel.open(family(to));
          opened.setOption(StandardSocketOptions.SO_REUSEADDR, true);
          return opened.bind(new InetSocketAddress(port));
        });
    try {
      channel.socket().connect(service(to), LIMIT_MILLIS);
      channel.socket().setSoTimeout(LIMIT_MILLIS);
      return new Talk(channel);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  int port() {
    return channel.socket().getLocalPort();
  }

  /** Returns as which address and port the service sees this end; the word must come back. */
  String say(String word) throws IOException {
    channel.write(bytes(word + "\n"));
    return without(answers.readLine(), word);
  }

  /** The same, once, by UDP. */
  static String datagram(Namespace machine, int port, IpAddress to, String word) throws Exception {
    try (DatagramChannel channel =
        machine.call(() -> DatagramChannel.open(family(to)).bind(new InetSocketAddress(port)))) {
      channel.socket().setSoTimeout(500);
      DatagramPacket answer = new DatagramPacket(new byte[200], 200);
      for (int tries = 0; ; tries++) {
        channel.send(bytes(word), service(to));
        try {
          channel.socket().receive(answer);
          return without(
              new String(answer.getData(), 0, answer.getLength(), StandardCharsets.US_ASCII), word);
        } catch (IOException e) {
          if (tries == TRIES) {
            throw e;
          }
          TimeUnit.MILLISECONDS.sleep(10);
        }
      }
    }
  }

  private static String without(String answer, String word) throws IOException {
    if (answer == null || !answer.endsWith(" " + word)) {
      throw new IOException("not the answer to " + word + ": " + answer);
    }
    return answer.substring(0, answer.length() - word.length() - 1);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
