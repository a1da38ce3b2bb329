package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts frames on an interface, and takes the ones that libpcap cannot describe: UDP super-packets,
 * which show nowhere where they are to be cut. The kernel says it to a socket that asks for a
 * {@code virtio_net_hdr}, as this one does.
 *
 * <p>An interface that was deleted is looked for again when there is something to send. Data loop
 * only.
 */
final class LanSocket implements FrameSink, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(LanSocket.class);
  private static final long AGAIN_NANOS = 500_000_000L;

  private record Opened(PacketSocket socket, FdReadiness readiness) implements AutoCloseable {
    @Override
    public void close() {
      readiness.close();
      socket.close();
    }
  }

  private final LanInterface lan;
  private final IoEventLoop loop;
  private final Clock clock;
  private final Runnable onFrames;
  private @Nullable Opened opened;
  private long skippedBefore;
  private long lostNanos;
  private boolean waiting;
  private boolean closed;

  private LanSocket(LanInterface lan, IoEventLoop loop, Clock clock, Runnable onFrames) {
    this.lan = lan;
    this.loop = loop;
    this.clock = clock;
    this.onFrames = onFrames;
  }

  /**
   * Opens the interface, from whatever thread.
   *
   * @param onFrames called on the loop when there is something to {@link #receive}, again and again
   *     while there is
   * @throws IOException when there is no such interface, or no privilege
   */
  static LanSocket open(LanInterface lan, IoEventLoop loop, Clock clock, Runnable onFrames)
      throws IOException {
    var made = new LanSocket(lan, loop, clock, onFrames);
    made.opened = made.open();
    return made;
  }

  private Opened open() throws IOException {
    PacketSocket socket = PacketSocket.open(lan.name(), FrameFilter.NONE);
    try {
      socket.useVnetHeader();
      socket.ignoreOutgoing();
      socket.receiveLongUdp(lan.mtu());
      return new Opened(socket, FdReadiness.register(loop, socket.fd(), this::readable));
    } catch (IOException | RuntimeException e) {
      socket.close();
      throw e;
    }
  }

  private void readable() {
    waiting = true;
    onFrames.run();
  }

  @Override
  public boolean send(ByteBuf frame) throws IOException {
    Opened current = opened;
    if (current == null) {
      current = again();
    }
    try {
      return current.socket.send(frame);
    } catch (IOException e) {
      lose(current, e);
      throw e;
    }
  }

  /**
   * Appends {@code [virtio_net_hdr][frame]} of the next UDP super-packet, or of any other UDP in a
   * frame longer than the LAN's; the header's offsets count from the start of the frame.
   *
   * @return bytes appended; 0 when there is none
   */
  int receive(ByteBuf into) {
    Opened current = opened;
    if (!waiting || current == null) {
      return 0;
    }
    try {
      int length = current.socket.receive(into);
      waiting = length > 0;
      return length;
    } catch (IOException e) {
      lose(current, e);
      return 0;
    }
  }

  /** Frames that the kernel could not describe either, in all. */
  long skipped() {
    Opened current = opened;
    return skippedBefore + (current == null ? 0 : current.socket.skipped());
  }

  private void lose(Opened current, IOException why) {
    log.warn("no frames can be sent on {}: {}", lan.name(), why.getMessage());
    skippedBefore += current.socket.skipped();
    opened = null;
    waiting = false;
    lostNanos = clock.nanoTime();
    current.close();
  }

  private Opened again() throws IOException {
    if (closed || clock.nanoTime() - lostNanos < AGAIN_NANOS) {
      throw new IOException("the interface " + lan.name() + " was deleted");
    }
    lostNanos = clock.nanoTime();
    Opened made = open();
    opened = made;
    log.info("frames are sent on {} again", lan.name());
    return made;
  }

  @Override
  public void close() {
    closed = true;
    Opened current = opened;
    opened = null;
    if (current != null) {
      current.close();
    }
  }
}
