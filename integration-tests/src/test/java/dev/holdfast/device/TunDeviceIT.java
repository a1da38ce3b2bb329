package dev.holdfast.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.sys.Libc;
import dev.holdfast.tunnel.sys.SocketAddress;
import dev.holdfast.tunnel.sys.Sockets;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.DatagramChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The TUN against the kernel's own TCP.
 *
 * <pre>
 *   namespace left                              namespace right
 *   10.77.0.1, fd77::1 on hf0 --- TunRelay --- hf0 on 10.77.0.2, fd77::2
 * </pre>
 */
@Timeout(60)
class TunDeviceIT {
  private static final int BYTES = 8 << 20;
  private static final int PORT = 7000;
  private static final int SOCK_DGRAM = 2;
  private static final int SOL_UDP = 17;
  private static final int UDP_SEGMENT = 103; // linux/udp.h

  private Namespace left;
  private Namespace right;

  @BeforeEach
  void make() throws Exception {
    left = Namespace.create("left");
    right = Namespace.create("right");
  }

  @AfterEach
  void remove() throws Exception {
    left.close();
    right.close();
  }

  private static TunDevice tun(Namespace namespace, int host) throws Exception {
    TunDevice tun = namespace.call(() -> TunDevice.open("hf0"));
    namespace.ip("addr add 10.77.0." + host + "/24 dev hf0");
    namespace.ip("addr add fd77::" + host + "/64 dev hf0 nodad");
    namespace.ip("link set hf0 up");
    return tun;
  }

  private int longestOf(int gsoType, String server) throws Exception {
    try (TunDevice one = tun(left, 1);
        TunDevice other = tun(right, 2);
        var relay = new TunRelay(one, other)) {
      byte[] sent = new byte[BYTES];
      new Random(7).nextBytes(sent);
      byte[] received = new byte[BYTES];
      try (ServerSocketChannel listening = right.call(ServerSocketChannel::open);
          SocketChannel client = left.call(SocketChannel::open)) {
        listening.bind(new InetSocketAddress(server, PORT));
        client.connect(new InetSocketAddress(server, PORT));
        try (SocketChannel accepted = listening.accept()) {
          var sending =
              CompletableFuture.runAsync(() -> {
                try {
                  ByteBuffer bytes = ByteBuffer.wrap(sent);
                  while (bytes.hasRemaining()) {
                    client.write(bytes);
                  }
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
          ByteBuffer bytes = ByteBuffer.wrap(received);
          while (bytes.hasRemaining() && accepted.read(bytes) >= 0) {}
          sending.join();
        }
      }
      assertThat(received).isEqualTo(sent);
      return relay.longest.getOrDefault(gsoType, 0);
    }
  }

  @Test
  void superPacketsOfTcpOverIpv4PassWhole() throws Exception {
    assertThat(longestOf(VirtioNetHeader.GSO_TCPV4, "10.77.0.2")).isGreaterThan(30_000);
  }

  @Test
  void superPacketsOfTcpOverIpv6PassWhole() throws Exception {
    assertThat(longestOf(VirtioNetHeader.GSO_TCPV6, "fd77::2")).isGreaterThan(30_000);
  }

  @Test
  void nothingToReadIsZero() throws Exception {
    ByteBuf buffer = Unpooled.directBuffer(PacketDevice.READ_SIZE);
    try (TunDevice tun = left.call(() -> TunDevice.open("hf0"))) {
      assertThat(tun.name()).isEqualTo("hf0");
      assertThat(tun.read(buffer)).isZero();
      assertThat(buffer.readableBytes()).isZero();
    } finally {
      buffer.release();
    }
  }

  @Test
  void aHeaderThatLiesIsNotTakenAndHarmsNothing() throws Exception {
    ByteBuf buffer = Unpooled.directBuffer(100);
    try (TunDevice tun = tun(left, 1)) {
      buffer.writeZero(VirtioNetHeader.LENGTH).writeByte(0x45).writeZero(19);
      buffer.setByte(VirtioNetHeader.FLAGS, VirtioNetHeader.FLAG_NEEDS_CHECKSUM);
      buffer.setShortLE(VirtioNetHeader.CHECKSUM_START, 60_000);
      assertThat(tun.write(buffer)).isFalse();
      assertThat(buffer.readableBytes()).isEqualTo(30);
    } finally {
      buffer.release();
    }
  }

  @Test
  void aDeviceThatIsDownTakesNothing() throws Exception {
    ByteBuf buffer = Unpooled.directBuffer(100);
    try (TunDevice tun = left.call(() -> TunDevice.open("hf0"))) {
      buffer.writeZero(VirtioNetHeader.LENGTH).writeByte(0x45).writeZero(19);
      assertThat(tun.write(buffer)).isFalse();
    } finally {
      buffer.release();
    }
  }

  @Test
  void oneTunHasOneOwner() throws Exception {
    try (TunDevice tun = left.call(() -> TunDevice.open("hf0"))) {
      assertThat(tun.name()).isEqualTo("hf0");
      assertThatThrownBy(() -> left.call(() -> TunDevice.open("hf0")))
          .isInstanceOf(IOException.class)
          .hasMessage("another process has the TUN hf0 open");
    }
  }

  @Test
  void aNameThatIsTakenByAnotherKindIsSaid() {
    assertThatThrownBy(() -> left.call(() -> TunDevice.open("lo")))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("the name lo is taken by an interface that is not a TUN");
  }

  @Test
  void aPersistentTunIsAttachedToAgainAndGoesWhenItIsNoLonger() throws Exception {
    try (TunDevice tun = tun(left, 1)) {
      tun.setPersistent(true);
    }
    assertThat(left.ip("-4 addr show dev hf0")).contains("10.77.0.1");
    try (TunDevice tun = left.call(() -> TunDevice.open("hf0"))) {
      tun.setPersistent(false);
    }
    assertThat(left.ip("link show")).doesNotContain("hf0");
  }

  @Test
  void aDeletedDeviceIsReported() throws Exception {
    ByteBuf buffer = Unpooled.directBuffer(PacketDevice.READ_SIZE);
    try (TunDevice tun = tun(left, 1)) {
      left.ip("link del hf0");
      assertThatThrownBy(() -> tun.read(buffer)).hasMessage("the TUN hf0 was deleted");
      buffer.writeZero(30);
      assertThatThrownBy(() -> tun.write(buffer)).hasMessage("the TUN hf0 was deleted");
      tun.close();
      assertThatThrownBy(() -> tun.write(buffer)).hasMessage("the TUN hf0 is closed");
    } finally {
      buffer.release();
    }
  }

  /** UDP_SEGMENT (udp(7)) lets a program hand over many datagrams as one. */
  @Test
  void superPacketsOfUdpPassWhole() throws Exception {
    int segment = 1000;
    int segments = 20;
    try (TunDevice one = tun(left, 1);
        TunDevice other = tun(right, 2);
        var relay = new TunRelay(one, other);
        DatagramChannel receiver = right.call(DatagramChannel::open);
        Arena arena = Arena.ofConfined()) {
      assertThat(one.hasUdpSegmentation()).as("Linux 6.2 and newer").isTrue();
      receiver.bind(new InetSocketAddress("10.77.0.2", PORT));
      int fd =
          left.call(
              () -> Sockets.socket(Sockets.AF_INET, SOCK_DGRAM | Sockets.SOCK_CLOEXEC, 0, "udp"));
      try {
        Sockets.setsockopt(fd, SOL_UDP, UDP_SEGMENT, segment, "UDP_SEGMENT");
        MemorySegment destination = SocketAddress.inet(arena, 0x0a4d0002);
        destination.set(ValueLayout.JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN), 2, (short) PORT);
        long data = arena.allocate(segment * segments).address();
        int length = segment * segments;
        assertThat(
                Sockets.sendto(fd, data, length, 0, destination.address(), SocketAddress.INET_SIZE))
            .isEqualTo(length);
      } finally {
        Libc.close(fd);
      }
      ByteBuffer bytes = ByteBuffer.allocate(65_536);
      for (int i = 0; i < segments; i++) {
        receiver.receive(bytes.clear());
        assertThat(bytes.position()).isEqualTo(segment);
      }
      assertThat(relay.longest).containsEntry(VirtioNetHeader.GSO_UDP_L4, 28 + segment * segments);
    }
  }
}
