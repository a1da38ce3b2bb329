package dev.holdfast.steer;

import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** Every frame that comes in by one interface, as hex digits. */
final class FrameLog implements AutoCloseable {
  private final ByteBuf buffer = Unpooled.directBuffer(2048, 2048);
  private final List<String> frames = new CopyOnWriteArrayList<>();
  private final PacketSocket socket;
  private final FdReadiness readiness;

  FrameLog(IoEventLoop loop, Namespace where, String device) throws Exception {
    socket = where.call(() -> PacketSocket.open(device, FrameFilter.ALL));
    socket.ignoreOutgoing();
    socket.joinPromiscuous();
    readiness = FdReadiness.register(loop, socket.fd(), this::take);
  }

  private void take() {
    try {
      while (socket.receive(buffer.clear()) > 0) {
        frames.add(ByteBufUtil.hexDump(buffer));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  List<String> frames() {
    return List.copyOf(frames);
  }

  /**
   * Waits until an echo request of {@code where}, the log's namespace, has been answered and its
   * answer is in the log; whatever came before that is in it then.
   */
  void awaitEcho(Namespace where, String address) throws IOException, InterruptedException {
    long before = echoReplies();
    if (Pings.answered(where, address) != 1) {
      throw new AssertionError(address + " does not answer");
    }
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (echoReplies() == before) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("the answer of " + address + " was not heard");
      }
      Thread.sleep(1);
    }
  }

  /** Of IPv4 without options: protocol ICMP, type 0, code 0. */
  private long echoReplies() {
    return frames.stream()
        .filter(
            f -> f.startsWith("080045", 24) && f.startsWith("01", 46) && f.startsWith("0000", 68))
        .count();
  }

  /** Frames in which the address stands somewhere. */
  List<String> naming(String address) {
    String bytes = HexFormat.of().formatHex(IpAddress.parse(address).toBytes());
    return frames.stream().filter(frame -> frame.contains(bytes)).toList();
  }

  @Override
  public void close() {
    readiness.close();
    socket.close();
    buffer.release();
  }
}
