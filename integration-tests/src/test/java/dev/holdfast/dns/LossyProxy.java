package dev.holdfast.dns;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.xbill.DNS.Header;
import org.xbill.DNS.Opcode;

/** Passes UDP on to a server, and loses the answers to the first updates. */
final class LossyProxy implements AutoCloseable {
  private final DatagramSocket front;
  private final DatagramSocket back = new DatagramSocket();
  private final AtomicInteger toLose;
  private final Thread thread;

  LossyProxy(InetSocketAddress server, int losses) throws IOException {
    front = new DatagramSocket(0, InetAddress.getLoopbackAddress());
    back.connect(server);
    toLose = new AtomicInteger(losses);
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

  private void run() {
    byte[] buffer = new byte[65_535];
    try {
      while (true) {
        DatagramPacket from = new DatagramPacket(buffer, buffer.length);
        front.receive(from);
        byte[] request = Arrays.copyOf(buffer, from.getLength());
        back.send(new DatagramPacket(request, request.length));
        DatagramPacket to = new DatagramPacket(buffer, buffer.length);
        back.receive(to);
        boolean isUpdate = new Header(request).getOpcode() == Opcode.UPDATE;
        if (!isUpdate || toLose.getAndUpdate(left -> Math.max(0, left - 1)) == 0) {
          front.send(new DatagramPacket(to.getData(), to.getLength(), from.getSocketAddress()));
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
