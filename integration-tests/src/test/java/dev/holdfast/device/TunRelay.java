package dev.holdfast.device;

import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** Carries every packet of one TUN to another as it is, both ways, and remembers the longest. */
final class TunRelay implements AutoCloseable {
  private static final int BATCH = 32;

  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final ByteBuf buffer = Unpooled.directBuffer(PacketDevice.READ_SIZE);
  private final FdReadiness left;
  private final FdReadiness right;

  /** By GSO type: the length of the longest packet, its header not counted. */
  final Map<Integer, Integer> longest = new ConcurrentHashMap<>();

  TunRelay(TunDevice one, TunDevice other) throws IOException {
    var loop = (IoEventLoop) group.next();
    left = FdReadiness.register(loop, one.fd(), () -> carry(one, other));
    right = FdReadiness.register(loop, other.fd(), () -> carry(other, one));
  }

  private void carry(TunDevice from, TunDevice to) {
    try {
      for (int i = 0; i < BATCH; i++) {
        int n = from.read(buffer.clear());
        if (n == 0) {
          return;
        }
        longest.merge(
            (int) buffer.getUnsignedByte(VirtioNetHeader.GSO_TYPE),
            n - VirtioNetHeader.LENGTH,
            Math::max);
        boolean unused = to.write(buffer); // a packet lost is sent again by the kernel's TCP
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws InterruptedException {
    left.close();
    right.close();
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
    buffer.release();
  }
}
