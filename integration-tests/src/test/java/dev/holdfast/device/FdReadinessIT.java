package dev.holdfast.device;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.TunDevice;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.io.IOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Readiness of a real TUN; what a pipe can show is shown without root, in the unit test. */
@Timeout(60)
class FdReadinessIT {
  private static final int LENGTH_OF_PING = 10 + 20 + 8 + 56;

  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final IoEventLoop loop = (IoEventLoop) group.next();
  private final ByteBuf buffer = Unpooled.directBuffer(PacketDevice.READ_SIZE);
  private final BlockingQueue<String> seen = new LinkedBlockingQueue<>();
  private Namespace namespace;

  @BeforeEach
  void make() throws Exception {
    namespace = Namespace.create("ready");
  }

  @AfterEach
  void remove() throws Exception {
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
    buffer.release();
    namespace.close();
  }

  private TunDevice tun() throws Exception {
    TunDevice tun = namespace.call(() -> TunDevice.open("hf0"));
    namespace.ip("link set hf0 addrgenmode none"); // no router solicitations among the pings
    namespace.ip("addr add 10.77.3.1/24 dev hf0");
    namespace.ip("link set hf0 up");
    return tun;
  }

  private void ping() throws Exception {
    // Nobody answers: ping would end with 1, and must not wait for long.
    namespace.run("sh", "-c", "ping -c1 -W0.01 10.77.3.2 >/dev/null || true");
  }

  private void readOne(TunDevice tun) {
    try {
      int n = tun.read(buffer.clear());
      if (n > 0) {
        seen.add("read " + n);
      }
    } catch (IOException e) {
      seen.add(String.valueOf(e.getMessage()));
    }
  }

  @Test
  void packetsWaitWhilePaused() throws Exception {
    try (TunDevice tun = tun();
        var readiness = FdReadiness.register(loop, tun.fd(), () -> readOne(tun))) {
      ping();
      assertThat(seen.take()).isEqualTo("read " + LENGTH_OF_PING);
      readiness.pause();
      loop.submit(() -> {}).get(); // by then it is paused
      ping();
      ping();
      assertThat(seen).isEmpty();
      readiness.resume();
      assertThat(seen.take()).isEqualTo("read " + LENGTH_OF_PING);
      assertThat(seen.take()).isEqualTo("read " + LENGTH_OF_PING);
      readiness.close();
      ping();
      assertThat(loop.submit(seen::isEmpty).get()).isTrue();
    }
  }

  @Test
  void aDeviceDeletedWhilePausedIsReportedAfterwards() throws Exception {
    try (TunDevice tun = tun()) {
      var readiness = FdReadiness.register(loop, tun.fd(), () -> readOne(tun));
      readiness.pause();
      loop.submit(() -> {}).get();
      namespace.ip("link del hf0");
      assertThat(loop.submit(seen::isEmpty).get()).isTrue();
      readiness.resume();
      assertThat(seen.take()).isEqualTo("the TUN hf0 was deleted");
      readiness.close();
    }
  }
}
