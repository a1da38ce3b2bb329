package dev.holdfast.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.device.RawIpSocket;
import dev.holdfast.tunnel.device.RawIpSocket.Refusal;
import dev.holdfast.tunnel.device.RawIpSocket.Refused;
import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * IP-in-IP between two hosts.
 *
 * <pre>
 *   namespace left                              namespace right
 *   10.77.1.1, fd77:1::1 on wire -------------- wire on 10.77.1.2, fd77:1::2     (MTU 1500)
 * </pre>
 */
@Timeout(60)
class RawIpSocketIT {
  private static final IpAddress LEFT = IpAddress.parse("10.77.1.1");
  private static final IpAddress RIGHT = IpAddress.parse("10.77.1.2");
  private static final IpAddress LEFT6 = IpAddress.parse("fd77:1::1");
  private static final IpAddress RIGHT6 = IpAddress.parse("fd77:1::2");
  private static final int DF = 0x4000;

  /** What arrived: the bytes after {@code skip} as a number, and what came with them. */
  private record Arrival(int number, int length, IpAddress source, int trafficClass) {}

  private Namespace left;
  private Namespace right;
  private final List<Refusal> refusals = new ArrayList<>();
  private final Refused note = (packet, why) -> refusals.add(why);

  @BeforeEach
  void make() throws Exception {
    left = Namespace.create("left");
    right = Namespace.create("right");
    Namespace.connect(left, "wire", right, "wire");
    left.ip("addr add 10.77.1.1/24 dev wire");
    right.ip("addr add 10.77.1.2/24 dev wire");
    left.ip("addr add fd77:1::1/64 dev wire nodad");
    right.ip("addr add fd77:1::2/64 dev wire nodad");
  }

  @AfterEach
  void remove() throws Exception {
    left.close();
    right.close();
  }

  private static RawIpSocket open(Namespace where, IpAddress local, int protocol, Refused refused)
      throws Exception {
    return where.call(() -> RawIpSocket.open(local, protocol, refused));
  }

  /** An outer IPv4 header (RFC 791) and {@code length - 20} bytes, the first four a number. */
  private static ByteBuf v4(IpAddress from, IpAddress to, int length, int number) {
    ByteBuf packet = Unpooled.directBuffer(length);
    packet.writeByte(0x45).writeByte(0xb9).writeShort(length).writeShort(0).writeShort(DF);
    packet.writeByte(64).writeByte(RawIpSocket.PROTOCOL_IPV4).writeShort(0);
    packet.writeInt(from.v4Bits()).writeInt(to.v4Bits());
    return packet.writeInt(number).writeZero(length - 24);
  }

  /** An outer IPv6 header (RFC 8200) and {@code length - 40} bytes, the first four a number. */
  private static ByteBuf v6(IpAddress from, IpAddress to, int length, int number) {
    ByteBuf packet = Unpooled.directBuffer(length);
    packet.writeInt(6 << 28 | 0xb9 << 20).writeShort(length - 40);
    packet.writeByte(RawIpSocket.PROTOCOL_IPV6).writeByte(64);
    packet.writeBytes(from.toBytes()).writeBytes(to.toBytes());
    return packet.writeInt(number).writeZero(length - 44);
  }

  /** Waits for {@code count} packets; the test's timeout is the limit. */
  private static List<Arrival> receive(RawIpSocket socket, int count, int skip) throws IOException {
    var arrivals = new ArrayList<Arrival>();
    while (arrivals.size() < count) {
      int n =
          socket.receiveBatch((packet, high, low, trafficClass) -> {
            packet.setZero(packet.readerIndex() - RawIpSocket.HEADROOM, RawIpSocket.HEADROOM);
            arrivals.add(
                new Arrival(
                    packet.getInt(packet.readerIndex() + skip),
                    packet.readableBytes(),
                    new IpAddress(high, low),
                    trafficClass));
          });
      if (n == 0) {
        Thread.onSpinWait();
      }
    }
    return arrivals;
  }

  @Test
  void ipv4CarriesMoreThanABatchBothWaysInOrder() throws Exception {
    try (RawIpSocket one = open(left, LEFT, RawIpSocket.PROTOCOL_IPV4, note);
        RawIpSocket other = open(right, RIGHT, RawIpSocket.PROTOCOL_IPV4, note)) {
      int count = 3 * RawIpSocket.BATCH + 5;
      for (int i = 0; i < count; i++) {
        one.send(v4(LEFT, RIGHT, 100 + i, i));
      }
      assertThat(one.queued()).isEqualTo(5);
      assertThat(one.flush()).isEqualTo(5);
      List<Arrival> arrivals = receive(other, count, 20);
      for (int i = 0; i < count; i++) {
        assertThat(arrivals.get(i)).isEqualTo(new Arrival(i, 100 + i, LEFT, 0xb9));
      }
      other.send(v4(RIGHT, LEFT, 1500, 77));
      assertThat(other.flush()).isEqualTo(1);
      assertThat(receive(one, 1, 20)).containsExactly(new Arrival(77, 1500, RIGHT, 0xb9));
      assertThat(refusals).isEmpty();
    }
  }

  @Test
  void ipv6GivesTheInnerPacketTheSourceAndTheTrafficClass() throws Exception {
    try (RawIpSocket one = open(left, LEFT6, RawIpSocket.PROTOCOL_IPV6, note);
        RawIpSocket other = open(right, RIGHT6, RawIpSocket.PROTOCOL_IPV6, note)) {
      one.send(v6(LEFT6, RIGHT6, 300, 7));
      assertThat(one.flush()).isEqualTo(1);
      assertThat(receive(other, 1, 0)).containsExactly(new Arrival(7, 260, LEFT6, 0xb9));
      other.send(v6(RIGHT6, LEFT6, 1500, 8));
      assertThat(other.flush()).isEqualTo(1);
      assertThat(receive(one, 1, 0)).containsExactly(new Arrival(8, 1460, RIGHT6, 0xb9));
      assertThat(refusals).isEmpty();
    }
  }

  @Test
  void onePacketThatIsTooBigDoesNotHoldUpTheOthers() throws Exception {
    try (RawIpSocket one = open(left, LEFT, RawIpSocket.PROTOCOL_IPV4, note);
        RawIpSocket other = open(right, RIGHT, RawIpSocket.PROTOCOL_IPV4, note)) {
      ByteBuf big = v4(LEFT, RIGHT, 1501, 1);
      one.send(v4(LEFT, RIGHT, 1500, 0));
      one.send(big);
      one.send(v4(LEFT, RIGHT, 1500, 2));
      assertThat(one.flush()).isEqualTo(2);
      assertThat(refusals).containsExactly(Refusal.TOO_BIG);
      assertThat(big.refCnt()).isZero();
      assertThat(receive(other, 2, 20)).extracting(Arrival::number).containsExactly(0, 2);
    }
  }

  @Test
  void aDestinationWithoutRouteIsSaid() throws Exception {
    try (RawIpSocket one = open(left, LEFT, RawIpSocket.PROTOCOL_IPV4, note)) {
      one.send(v4(LEFT, IpAddress.parse("192.0.2.1"), 100, 0));
      assertThat(one.flush()).isZero();
      assertThat(refusals).containsExactly(Refusal.NO_ROUTE);
    }
  }

  @Test
  void aRuleInTheWayIsSaid() throws Exception {
    left.run(
        "nft",
        "add table ip t; add chain ip t out { type filter hook output priority 0; };"
            + " add rule ip t out ip protocol 4 drop");
    try (RawIpSocket one = open(left, LEFT, RawIpSocket.PROTOCOL_IPV4, note)) {
      one.send(v4(LEFT, RIGHT, 100, 0));
      assertThat(one.flush()).isZero();
      assertThat(refusals).containsExactly(Refusal.FORBIDDEN);
    }
  }

  @Test
  void onlyPacketsToItsOwnAddressAreTaken() throws Exception {
    right.ip("addr add 10.77.1.3/24 dev wire");
    try (RawIpSocket one = open(left, LEFT, RawIpSocket.PROTOCOL_IPV4, note);
        RawIpSocket other = open(right, RIGHT, RawIpSocket.PROTOCOL_IPV4, note)) {
      one.send(v4(LEFT, IpAddress.parse("10.77.1.3"), 100, 1));
      one.send(v4(LEFT, RIGHT, 100, 2));
      assertThat(one.flush()).isEqualTo(2);
      assertThat(receive(other, 1, 20)).extracting(Arrival::number).containsExactly(2);
    }
  }

  @Test
  void anAddressThatIsNotHereIsSaid() {
    assertThatThrownBy(() -> open(left, RIGHT, RawIpSocket.PROTOCOL_IPV4, note))
        .isInstanceOf(IOException.class)
        .hasMessage("this host does not have the address 10.77.1.2");
  }

  @Test
  void aClosedSocketTakesNothing() throws Exception {
    RawIpSocket one = open(left, LEFT, RawIpSocket.PROTOCOL_IPV4, note);
    ByteBuf waiting = v4(LEFT, RIGHT, 100, 0);
    one.send(waiting);
    one.close();
    one.close();
    assertThat(waiting.refCnt()).isZero();
    assertThat(one.flush()).isZero();
    ByteBuf late = v4(LEFT, RIGHT, 100, 0);
    assertThatThrownBy(() -> one.send(late)).hasMessage("the raw socket of 10.77.1.1 is closed");
    assertThat(late.refCnt()).isZero();
    assertThatThrownBy(() -> one.receiveBatch((packet, high, low, trafficClass) -> {}))
        .isInstanceOf(IOException.class);
  }
}
