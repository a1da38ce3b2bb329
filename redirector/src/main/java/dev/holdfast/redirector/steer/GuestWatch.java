package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.MacAddress;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.function.Consumer;

/**
 * Listens on the port that the guest has left: a frame with its MAC from there means that it runs
 * at both hosts. The port is blocked, so nothing of it gets further; but one of the two must go.
 *
 * <p>Works on the event loop's thread, and ends by itself with the first such frame, or when the
 * port goes.
 */
public final class GuestWatch implements AutoCloseable {
  private static final int LONGEST_FRAME = 2048;
  private static final int BATCH = 64;

  private final PacketSocket socket;
  private final MacAddress guest;
  private final Consumer<Boolean> over;
  private final ByteBuf in = Unpooled.directBuffer(LONGEST_FRAME, LONGEST_FRAME);
  private final FdReadiness readiness;
  private boolean closed;

  private GuestWatch(
      IoEventLoop loop, PacketSocket socket, MacAddress guest, Consumer<Boolean> over)
      throws IOException {
    this.socket = socket;
    this.guest = guest;
    this.over = over;
    this.readiness = FdReadiness.register(loop, socket.fd(), this::look);
  }

  /**
   * Starts to listen, in the calling thread's network namespace.
   *
   * @param over told once: true when the guest was heard, false when the port has gone
   * @throws IOException when there is no such port, or privilege is missing
   */
  public static GuestWatch start(
      IoEventLoop loop, String port, MacAddress guest, Consumer<Boolean> over) throws IOException {
    PacketSocket socket = PacketSocket.open(port, FrameFilter.ALL);
    try {
      socket.ignoreOutgoing();
      return new GuestWatch(loop, socket, guest, over);
    } catch (IOException | RuntimeException e) {
      socket.close();
      throw e;
    }
  }

  private void look() {
    try {
      for (int i = 0; i < BATCH; i++) {
        int length = socket.receive(in.clear());
        if (length == 0) {
          return;
        }
        if (length >= Ethernet.HEADER && Ethernet.mac(in, Ethernet.SOURCE).equals(guest)) {
          close();
          over.accept(true);
          return;
        }
      }
    } catch (IOException e) {
      close();
      over.accept(false);
    }
  }

  /** Stops listening; may be called from any thread, and twice. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    readiness.close();
    socket.close();
    in.release();
  }
}
