package dev.holdfast.redirector.dns.server;

import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsException.Kind;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A UDP and a TCP socket at one address and port, with the threads that serve them. */
final class ServerSockets implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ServerSockets.class);

  private static final int LARGEST_MESSAGE = 65_535;

  /** RFC 7766 section 6.2.3 asks for "a few seconds". */
  private static final int IDLE_MILLIS = 10_000;

  private static final int MOST_CONNECTIONS = 64;

  /** A free port may be taken for the other protocol in between; then the next one is tried. */
  private static final int PORT_TRIES = 20;

  private final DatagramSocket udp;
  private final ServerSocket tcp;
  private final Responder responder;
  private final Set<Socket> connections = ConcurrentHashMap.newKeySet();
  private final List<Thread> threads = new CopyOnWriteArrayList<>();
  private volatile boolean closed;

  /** Makes the answer to a message; null for none. */
  @FunctionalInterface
  interface Responder {
    byte @Nullable [] respond(byte[] request, boolean overTcp);
  }

  private ServerSockets(DatagramSocket udp, ServerSocket tcp, Responder responder) {
    this.udp = udp;
    this.tcp = tcp;
    this.responder = responder;
  }

  /**
   * Binds both in the calling thread and starts serving.
   *
   * @throws DnsException when the address or port is not to be had
   */
  static ServerSockets bind(InetSocketAddress listen, String name, Responder responder)
      throws DnsException {
    IOException last = null;
    for (int i = 0; i < (listen.getPort() == 0 ? PORT_TRIES : 1); i++) {
      try {
        ServerSockets sockets = bindOnce(listen, responder);
        sockets.startThread(name + "-udp", sockets::serveUdp);
        sockets.startThread(name + "-tcp", sockets::acceptTcp);
        return sockets;
      } catch (IOException e) {
        last = e;
      }
    }
    throw new DnsException(
        Kind.CONFIGURATION,
        "The DNS server cannot listen at %s port %d: %s."
            .formatted(
                listen.getAddress().getHostAddress(),
                listen.getPort(),
                last == null ? "no free port" : last.getMessage()),
        last);
  }

  private static ServerSockets bindOnce(InetSocketAddress listen, Responder responder)
      throws IOException {
    ServerSocket tcp = new ServerSocket();
    try {
      tcp.setReuseAddress(true);
      tcp.bind(listen);
      DatagramSocket udp =
          new DatagramSocket(new InetSocketAddress(listen.getAddress(), tcp.getLocalPort()));
      return new ServerSockets(udp, tcp, responder);
    } catch (IOException e) {
      tcp.close();
      throw e;
    }
  }

  InetSocketAddress address() {
    return new InetSocketAddress(tcp.getInetAddress(), tcp.getLocalPort());
  }

  @Override
  public void close() {
    closed = true;
    udp.close();
    closeQuietly(tcp);
    connections.forEach(ServerSockets::closeQuietly);
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private void startThread(String name, Runnable body) {
    Thread thread = new Thread(body, name);
    thread.setDaemon(true);
    threads.add(thread);
    thread.start();
  }

  private void serveUdp() {
    byte[] buffer = new byte[LARGEST_MESSAGE];
    while (!closed) {
      try {
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        udp.receive(packet);
        byte[] answer = answer(Arrays.copyOf(buffer, packet.getLength()), false);
        if (answer != null) {
          udp.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
        }
      } catch (IOException e) {
        if (!closed) {
          log.debug("UDP: {}", e.getMessage()); // such as no route back to the sender
        }
      }
    }
  }

  private void acceptTcp() {
    while (!closed) {
      try {
        Socket connection = tcp.accept();
        threads.removeIf(thread -> !thread.isAlive());
        if (connections.size() >= MOST_CONNECTIONS) {
          closeQuietly(connection);
          continue;
        }
        connections.add(connection);
        startThread(Thread.currentThread().getName() + "-connection", () -> serve(connection));
        if (closed) {
          closeQuietly(connection); // close() may have passed the set before we added to it
        }
      } catch (IOException e) {
        if (!closed) {
          log.debug("TCP: {}", e.getMessage());
        }
      }
    }
  }

  /** Messages with a length of two bytes before each (RFC 1035 section 4.2.2). */
  private void serve(Socket connection) {
    try (connection) {
      connection.setSoTimeout(IDLE_MILLIS);
      connection.setTcpNoDelay(true);
      DataInputStream in = new DataInputStream(connection.getInputStream());
      DataOutputStream out = new DataOutputStream(connection.getOutputStream());
      while (!closed) {
        byte[] request = new byte[in.readUnsignedShort()];
        in.readFully(request);
        byte[] answer = answer(request, true);
        if (answer == null) {
          return;
        }
        byte[] framed = new byte[answer.length + 2];
        framed[0] = (byte) (answer.length >>> 8);
        framed[1] = (byte) answer.length;
        System.arraycopy(answer, 0, framed, 2, answer.length);
        out.write(framed);
      }
    } catch (EOFException e) {
      return; // the client has what it wanted
    } catch (IOException e) {
      log.debug("TCP: {}", e.getMessage());
    } finally {
      connections.remove(connection);
    }
  }

  /** A message that trips over a fault of ours must not end the server. */
  private byte @Nullable [] answer(byte[] request, boolean overTcp) {
    try {
      return responder.respond(request, overTcp);
    } catch (RuntimeException e) {
      log.warn("a message of {} bytes could not be answered", request.length, e);
      return null;
    }
  }

  private static void closeQuietly(AutoCloseable socket) {
    try {
      socket.close();
    } catch (Exception e) {
      log.debug("closing: {}", e.getMessage());
    }
  }
}
