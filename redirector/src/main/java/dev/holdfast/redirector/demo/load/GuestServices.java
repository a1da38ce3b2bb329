package dev.holdfast.redirector.demo.load;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Namespace;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The guest's TCP services: one for each kind of connection, and an echo for new ones. They listen
 * on every address that the guest has or will have, or on one alone.
 */
final class GuestServices {
  /** Sends back what it gets, until the client has said its last. */
  static final int ECHO_PORT = 7000;

  private static final int BACKLOG = 1024;

  private final Map<SocketAddress, Conversation> expected = new ConcurrentHashMap<>();

  /**
   * Opens the services in {@code guest}; they go with {@code cleanup}.
   *
   * @param at the address on which they listen; the unspecified one: on every address
   */
  static GuestServices open(Namespace guest, InetAddress at, Cleanup cleanup) throws Exception {
    var services = new GuestServices();
    for (Kind kind : Kind.values()) {
      services.listen(guest, new InetSocketAddress(at, kind.port()), cleanup);
    }
    services.listen(guest, new InetSocketAddress(at, ECHO_PORT), cleanup);
    return services;
  }

  private void listen(Namespace guest, InetSocketAddress at, Cleanup cleanup) throws Exception {
    int port = at.getPort();
    StandardProtocolFamily family =
        at.getAddress() instanceof Inet6Address
            ? StandardProtocolFamily.INET6
            : StandardProtocolFamily.INET;
    ServerSocketChannel listener =
        guest.call(() -> {
          ServerSocketChannel channel = ServerSocketChannel.open(family);
          channel.bind(at, BACKLOG);
          return channel;
        });
    cleanup.add("the guest's service on port " + port, listener::close);
    Thread.ofVirtual().name("service " + port).start(() -> accept(listener, port));
  }

  /** The connection from this address is {@code conversation}'s; to be said before it is made. */
  void expect(InetSocketAddress client, Conversation conversation) {
    expected.put(client, conversation);
  }

  private void accept(ServerSocketChannel listener, int port) {
    while (true) {
      try {
        SocketChannel channel = listener.accept();
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        Conversation conversation = expected.remove(channel.getRemoteAddress());
        if (conversation != null) {
          conversation.guestAccepted(channel);
        } else if (port == ECHO_PORT) {
          Thread.ofVirtual().name("echo").start(() -> echo(channel));
        } else {
          channel.close();
        }
      } catch (IOException e) {
        if (!listener.isOpen()) {
          return; // the demo is over
        }
        // One connection that failed while it was accepted: the client's end tells.
      }
    }
  }

  private static void echo(SocketChannel channel) {
    ByteBuffer buffer = ByteBuffer.allocate(4096);
    try (channel) {
      while (channel.read(buffer) >= 0) {
        buffer.flip();
        while (buffer.hasRemaining()) {
          var _ = channel.write(buffer);
        }
        buffer.clear();
      }
    } catch (IOException e) {
      // The client's end tells.
    }
  }
}
