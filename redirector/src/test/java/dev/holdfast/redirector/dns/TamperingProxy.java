package dev.holdfast.redirector.dns;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Stands between client and server on UDP: passes every request on, and lets a test do as it likes
 * with the answers. There is no TCP.
 */
final class TamperingProxy implements AutoCloseable {
  private final DatagramSocket front;
  private final DatagramSocket back;
  private final Delaying delaying;
  private final Tampering tampering;
  private final Thread thread;

  /** What becomes of an answer; null loses it. */
  @FunctionalInterface
  interface Tampering {
    byte @Nullable [] answer(byte[] request, byte[] answer) throws IOException;
  }

  /** Which requests, in which order, are passed on when one comes in; all but the last unheard. */
  @FunctionalInterface
  interface Delaying {
    List<byte[]> passOn(byte[] request) throws IOException;
  }

  TamperingProxy(InetSocketAddress server, Tampering tampering) throws IOException {
    this(server, List::of, tampering);
  }

  TamperingProxy(InetSocketAddress server, Delaying delaying, Tampering tampering)
      throws IOException {
    this.delaying = delaying;
    this.front = new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    this.back = new DatagramSocket();
    this.back.connect(server);
    this.tampering = tampering;
    this.thread = new Thread(this::run, "tampering-proxy");
    this.thread.start();
  }

  InetSocketAddress address() {
    return new InetSocketAddress(front.getLocalAddress(), front.getLocalPort());
  }

  private void run() {
    byte[] buffer = new byte[65_535];
    try {
      while (true) {
        DatagramPacket from = new DatagramPacket(buffer, buffer.length);
        front.receive(from);
        byte[] request = Arrays.copyOf(buffer, from.getLength());
        byte[] answer = null;
        for (byte[] each : delaying.passOn(request)) {
          back.send(new DatagramPacket(each, each.length));
          DatagramPacket to = new DatagramPacket(buffer, buffer.length);
          back.receive(to);
          answer = tampering.answer(request, Arrays.copyOf(buffer, to.getLength()));
        }
        if (answer != null) {
          front.send(new DatagramPacket(answer, answer.length, from.getSocketAddress()));
        }
      }
    } catch (IOException e) {
      if (!front.isClosed()) {
        throw new AssertionError(e);
      }
    }
  }

  @Override
  public void close() throws InterruptedException {
    front.close();
    back.close();
    thread.join();
  }
}
