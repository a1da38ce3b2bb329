package dev.holdfast.device;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.device.RawIpSocket;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.encap.Unwrapping;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.InferredOffload;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.OffloadCheck;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.Segmenter;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.sys.Libc;
import dev.holdfast.tunnel.sys.Sockets;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A host whose interface merges segments on receipt (GRO), as nearly every real one does, merges
 * those inside of IP-in-IP as well: the raw socket gets one super-packet with half a checksum.
 *
 * <pre>
 *   namespace left                     namespace right
 *   10.77.4.1 on wire (no TSO) ------- wire (GRO) on 10.77.4.2
 * </pre>
 */
@Timeout(60)
class MergedSegmentsIT {
  private static final IpAddress LEFT = IpAddress.parse("10.77.4.1");
  private static final IpAddress RIGHT = IpAddress.parse("10.77.4.2");
  private static final int INNER_MTU = 1480;
  private static final int SEGMENT = 1400;
  private static final int SEGMENTS = 40;

  // linux/sockios.h, linux/ethtool.h
  private static final int SIOCETHTOOL = 0x8946;
  private static final int ETHTOOL_STSO = 0x1f;
  private static final int ETHTOOL_SGRO = 0x2c;

  private Namespace left;
  private Namespace right;

  @BeforeEach
  void make() throws Exception {
    left = Namespace.create("left");
    right = Namespace.create("right");
    Namespace.connect(left, "wire", right, "wire");
    left.ip("addr add 10.77.4.1/24 dev wire");
    right.ip("addr add 10.77.4.2/24 dev wire");
    ethtool(left, ETHTOOL_STSO, 0);
    ethtool(right, ETHTOOL_SGRO, 1);
    // A pair of virtual devices hands over packet by packet; this makes it wait for more.
    setAttribute(right, "gro_flush_timeout", "50000000");
    setAttribute(right, "napi_defer_hard_irqs", "5");
  }

  @AfterEach
  void remove() throws Exception {
    left.close();
    right.close();
  }

  /** {@code ip netns exec} shows the namespace's own devices in /sys. */
  private static void setAttribute(Namespace where, String name, String value) throws Exception {
    Process process =
        new ProcessBuilder(
                "ip", "netns", "exec", where.name(), "tee", "/sys/class/net/wire/" + name)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    process.outputWriter(StandardCharsets.US_ASCII).append(value).close();
    assertThat(process.waitFor()).isZero();
  }

  private static void ethtool(Namespace where, int command, int value) throws Exception {
    where.call(() -> {
      int fd = Sockets.socket(Sockets.AF_INET, 2, 0, "socket");
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment setting = arena.allocateFrom(ValueLayout.JAVA_INT, command, value);
        MemorySegment request = arena.allocate(40, 8);
        request.setString(0, "wire", StandardCharsets.US_ASCII);
        request.set(ValueLayout.JAVA_LONG, 16, setting.address());
        return Libc.ioctl(fd, SIOCETHTOOL, request.address(), "SIOCETHTOOL");
      } finally {
        Libc.close(fd);
      }
    });
  }

  private static void sendStream(RawIpSocket socket, byte[] stream) throws Exception {
    var view = new PacketView();
    for (int i = 0; i < SEGMENTS; i++) {
      byte[] data = Arrays.copyOfRange(stream, i * SEGMENT, (i + 1) * SEGMENT);
      ByteBuf packet = Unpooled.directBuffer(1500).writeZero(IpInIp.V4_OUTER);
      int inner =
          PacketBuilder.of("10.5.0.1", "10.5.0.2")
              .identification(i)
              .tcp(40_000, 7000, 1000L + i * SEGMENT, 77, PacketView.ACK, 500)
              .payload(data)
              .write(packet);
      assertThat(view.check(packet, inner, packet.writerIndex() - inner))
          .isEqualTo(PacketFault.NONE);
      assertThat(IpInIp.setOuter(packet, 0, view, LEFT, RIGHT, OuterPolicy.DEFAULT, 0)).isTrue();
      socket.send(packet);
    }
    assertThat(socket.flush()).isEqualTo(SEGMENTS);
  }

  /** Puts the stream together from what arrives, cut into segments of the inner MTU again. */
  private static final class Rebuilt {
    final ByteBuf stream = Unpooled.buffer(SEGMENT * SEGMENTS);
    int longest;
    private final Unwrapping unwrapping = new Unwrapping();
    private final Segmenter segmenter = new Segmenter();
    private final PacketView view = new PacketView();
    private final ByteBuf segment = Unpooled.directBuffer(INNER_MTU);

    void take(ByteBuf packet) {
      int at = packet.readerIndex();
      longest = Math.max(longest, packet.readableBytes());
      assertThat(unwrapping.check(packet, at, packet.readableBytes()))
          .isEqualTo(Unwrapping.Verdict.OK);
      PacketView inner = unwrapping.inner();
      // In place: the 20 bytes of the outer header are read and make room for the 10.
      int vnet = inner.start() - VirtioNetHeader.LENGTH;
      InferredOffload.write(packet, vnet, inner, INNER_MTU);
      assertThat(OffloadCheck.check(packet, vnet, inner)).isEqualTo(PacketFault.NONE);
      segmenter.begin(packet, vnet, inner);
      while (segmenter.next(segment.clear())) {
        assertThat(view.check(segment, 0, segment.readableBytes())).isEqualTo(PacketFault.NONE);
        assertThat(segment.readableBytes()).isLessThanOrEqualTo(INNER_MTU);
        assertThat(Checksums.verifyTransport(view)).isTrue();
        assertThat(view.tcpSequence()).isEqualTo(1000 + stream.readableBytes());
        stream.writeBytes(segment, view.tcpPayloadStart(), view.tcpPayloadLength());
      }
    }
  }

  @Test
  void comeAsOneSuperPacketAndLeaveAsTheSameStream() throws Exception {
    byte[] stream = new byte[SEGMENT * SEGMENTS];
    new Random(4).nextBytes(stream);
    var rebuilt = new Rebuilt();
    try (RawIpSocket one =
            left.call(() -> RawIpSocket.open(LEFT, RawIpSocket.PROTOCOL_IPV4, (p, why) -> {}));
        RawIpSocket other =
            right.call(() -> RawIpSocket.open(RIGHT, RawIpSocket.PROTOCOL_IPV4, (p, why) -> {}))) {
      sendStream(one, stream);
      while (rebuilt.stream.readableBytes() < stream.length) {
        if (other.receiveBatch((packet, high, low, trafficClass) -> rebuilt.take(packet)) == 0) {
          Thread.onSpinWait();
        }
      }
    }
    assertThat(rebuilt.longest).as("bytes of the longest packet").isGreaterThan(1500);
    assertThat(rebuilt.stream.array()).startsWith(stream);
    rebuilt.segment.release();
  }
}
