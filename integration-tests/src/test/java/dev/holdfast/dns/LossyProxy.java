package dev.holdfast.dns;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Header;
import org.xbill.DNS.Opcode;

/**
 * Passes UDP on to a server, and loses the answers to the first updates, or makes others of them.
 */
public final class LossyProxy implements AutoCloseable {
  private final DatagramSocket front;
  private final DatagramSocket back = new DatagramSocket();
  private final AtomicInteger toLose;
  private final Fate fate;
  private final Thread thread;

  /** What becomes of an answer; null loses it. */
  @FunctionalInterface
  public interface Fate {
    byte @Nullable [] of(byte[] request, byte[] answer) throws IOException;

    /** Whether the server hears the request at all; where it does not, its answer is empty. */
    default boolean passesOn(byte[] request) throws IOException {
      return true;
    }
  }

  LossyProxy(InetSocketAddress server, int losses) throws IOException {
    this(server, losses, (request, answer) -> answer);
  }

  /** Loses nothing of itself. The sockets are in the network namespace of the calling thread. */
  LossyProxy(InetSocketAddress server, Fate fate) throws IOException {
    this(server, 0, fate);
  }

  private LossyProxy(InetSocketAddress server, int losses, Fate fate) throws IOException {
    this(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), server, losses, fate);
  }

  /** Where others can ask it too. */
  public LossyProxy(InetSocketAddress listen, InetSocketAddress server, Fate fate)
      throws IOException {
    this(listen, server, 0, fate);
  }

  private LossyProxy(InetSocketAddress listen, InetSocketAddress server, int losses, Fate fate)
      throws IOException {
    front = new DatagramSocket(listen);
    back.connect(server);
    toLose = new AtomicInteger(losses);
    this.fate = fate;
    thread = new Thread(this::run, "lossy-proxy");
    thread.start();
  }

  InetSocketAddress address() {
    return new InetSocketAddress(front.getLocalAddress(), front.getLocalPort());
  }

  /** How many answers are still to be lost. */
  int left() {
    return toLose.get();
  }

  public static boolean isUpdate(byte[] request) throws IOException {
    return new Header(request).getOpcode() == Opcode.UPDATE;
  }

  private void run() {
    byte[] buffer = new byte[65_535];
    try {
      while (true) {
        DatagramPacket from = new DatagramPacket(buffer, buffer.length);
        front.receive(from);
        byte[] request = Arrays.copyOf(buffer, from.getLength());
        DatagramPacket to = new DatagramPacket(buffer, buffer.length);
        if (fate.passesOn(request)) {
          back.send(new DatagramPacket(request, request.length));
          back.receive(to);
        } else {
          to.setLength(0);
        }
        boolean isLost =
            isUpdate(request) && toLose.getAndUpdate(left -> Math.max(0, left - 1)) != 0;
        byte[] answer = isLost ? null : fate.of(request, Arrays.copyOf(buffer, to.getLength()));
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
