package dev.holdfast.link;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.device.RawIpSocket;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.IpInIpLink;
import dev.holdfast.tunnel.link.IpInIpReceiver;
import dev.holdfast.tunnel.link.Link.Sent;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * IP-in-IP links between two hosts, with both families inside; the class is run once for each
 * family outside.
 *
 * <pre>
 *   namespace left                               namespace right
 *   10.78.1.1, fd78:1::1 on wire --------------- wire on 10.78.1.2, fd78:1::2      (MTU 1500)
 *   10.78.1.3, fd78:1::3 (a stranger's)
 * </pre>
 */
@Timeout(60)
@ParameterizedClass(name = "outside: {0}NUMBER")
@ValueSource(strings = {"10.78.1.", "fd78:1::"})
class IpInIpLinkIT {
  private static final int PATH_MTU = 1500;

  private final IpAddress leftAddress;
  private final IpAddress rightAddress;
  private final IpAddress stranger;

  /** Bytes of the outer header. */
  private final int outer;

  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final IoEventLoop loop = group.next();
  private final BlockingQueue<DropReason> droppedAtLeft = new LinkedBlockingQueue<>();
  private final BlockingQueue<DropReason> droppedAtRight = new LinkedBlockingQueue<>();
  private final Arrivals atLeft = new Arrivals();
  private final Arrivals atRight = new Arrivals();
  private Namespace left;
  private Namespace right;
  private IpInIpReceiver leftEnd;
  private IpInIpReceiver rightEnd;
  private IpInIpLink link;

  IpInIpLinkIT(String net) {
    leftAddress = IpAddress.parse(net + 1);
    rightAddress = IpAddress.parse(net + 2);
    stranger = IpAddress.parse(net + 3);
    outer = leftAddress.isV4() ? 20 : 40;
  }

  private static final class Arrivals implements LinkReceiver {
    final BlockingQueue<byte[]> packets = new LinkedBlockingQueue<>();
    final BlockingQueue<Integer> batches = new LinkedBlockingQueue<>();
    private int inBatch;

    @Override
    public void onFrame(FrameType type, ByteBuf payload) {
      if (type == FrameType.PACKET) {
        packets.add(ByteBufUtil.getBytes(payload));
        inBatch++;
      }
    }

    @Override
    public void onBatchEnd() {
      batches.add(inBatch);
      inBatch = 0;
    }
  }

  @BeforeEach
  void make() throws Exception {
    left = Namespace.create("left");
    right = Namespace.create("right");
    Namespace.connect(left, "wire", right, "wire");
    String rest = leftAddress.isV4() ? "/24 dev wire" : "/64 dev wire nodad";
    left.ip("addr add " + leftAddress + rest);
    left.ip("addr add " + stranger + rest);
    right.ip("addr add " + rightAddress + rest);
    leftEnd = left.call(() -> IpInIpReceiver.open(loop, leftAddress, droppedAtLeft::add));
    rightEnd = right.call(() -> IpInIpReceiver.open(loop, rightAddress, droppedAtRight::add));
    link = leftEnd.link(rightAddress, PATH_MTU);
    onLoop(() -> {
      leftEnd.register(rightAddress, atLeft);
      rightEnd.register(leftAddress, atRight);
      return 0;
    });
  }

  @AfterEach
  void remove() throws Exception {
    leftEnd.close();
    rightEnd.close();
    group.shutdownGracefully(0, 0, TimeUnit.SECONDS).syncUninterruptibly();
    left.close();
    right.close();
  }

  private <T> T onLoop(Callable<T> body) throws Exception {
    return loop.submit(body).get();
  }

  private Sent send(IpInIpLink through, PacketBuilder packet) throws Exception {
    ByteBuf payload = Unpooled.directBuffer();
    int unused = packet.writeWithVnet(payload);
    return onLoop(() -> {
      Sent sent = through.send(FrameType.PACKET, payload);
      through.flush();
      assertThat(payload.refCnt()).isZero();
      return sent;
    });
  }

  /** The packet alone: without the virtio_net_hdr, which must be zero. */
  private static byte[] next(Arrivals arrivals) throws InterruptedException {
    byte[] payload = arrivals.packets.take();
    assertThat(Arrays.copyOf(payload, VirtioNetHeader.LENGTH)).containsOnly(0);
    return Arrays.copyOfRange(payload, VirtioNetHeader.LENGTH, payload.length);
  }

  private static byte[] bytes(PacketBuilder packet) {
    ByteBuf plain = Unpooled.buffer();
    int unused = packet.write(plain);
    return ByteBufUtil.getBytes(plain);
  }

  private static PacketBuilder tcp() {
    return PacketBuilder.of("10.9.0.2", "10.1.0.10")
        .identification(5)
        .tcp(40_000, 80, 1_000, 2_000, PacketView.ACK, 500);
  }

  @Test
  void packetsOfBothVersionsArriveAsTheyWereBothWays() throws Exception {
    PacketBuilder four = tcp().ttl(7).trafficClass(0xb9).payload(1_400);
    PacketBuilder six =
        PacketBuilder.of("fd00:9::2", "fd00:1::10").ttl(9).udp(53, 53).payload(1_000);
    assertThat(send(link, four)).isEqualTo(Sent.OK);
    assertThat(send(link, six)).isEqualTo(Sent.OK);
    assertThat(next(atRight)).isEqualTo(bytes(four));
    assertThat(next(atRight)).isEqualTo(bytes(six));

    IpInIpLink back = rightEnd.link(leftAddress, PATH_MTU);
    PacketBuilder reply = PacketBuilder.of("10.1.0.10", "10.9.0.2").icmp(0, 0, 1).payload(56);
    assertThat(send(back, reply)).isEqualTo(Sent.OK);
    assertThat(next(atLeft)).isEqualTo(bytes(reply));
    assertThat(droppedAtLeft).isEmpty();
    assertThat(droppedAtRight).isEmpty();
    assertThat(icmpErrorsSentBy(right)).isZero();
    assertThat(icmpErrorsSentBy(left)).isZero();
  }

  /** What {@code holdfast explain} asks. */
  @Test
  void itsOuterHeaderCanBeAskedFor() {
    byte[] inner = bytes(tcp().trafficClass(0xb9));
    PacketView view = new PacketView();
    assertThat(view.check(Unpooled.wrappedBuffer(inner), 0, inner.length))
        .isEqualTo(PacketFault.NONE);
    ByteBuf told = Unpooled.buffer();
    assertThat(link.outer(told, view)).isTrue();
    assertThat(told.readableBytes()).isEqualTo(outer);
    told.writeBytes(inner);
    PacketView whole = new PacketView();
    assertThat(whole.check(told, 0, told.readableBytes())).isEqualTo(PacketFault.NONE);
    assertThat(whole.isFrom(leftAddress) && whole.isTo(rightAddress)).isTrue();
    assertThat(whole.protocol()).isEqualTo(4);
    assertThat(whole.trafficClass()).isEqualTo(0xb9);
    assertThat(link.forbids(view)).isFalse();
    assertThat(link.forbids(whole)).as("its own packet").isTrue();
  }

  @Test
  void aSuperPacketArrivesAsSegmentsWithTheirChecksums() throws Exception {
    int mss = PATH_MTU - outer - 40;
    int length = 60_000;
    assertThat(send(link, tcp().payload(length).gso(mss))).isEqualTo(Sent.OK);
    byte[] expected = bytes(tcp().payload(length));
    int seen = 0;
    while (seen < length) {
      ByteBuf segment = Unpooled.wrappedBuffer(next(atRight));
      PacketView view = new PacketView();
      assertThat(view.check(segment, 0, segment.readableBytes())).isEqualTo(PacketFault.NONE);
      assertThat(Checksums.verifyTransport(view)).isTrue();
      assertThat(view.tcpSequence()).isEqualTo(1_000 + seen);
      byte[] data = ByteBufUtil.getBytes(segment, view.tcpPayloadStart(), view.tcpPayloadLength());
      assertThat(data).isEqualTo(Arrays.copyOfRange(expected, 40 + seen, 40 + seen + data.length));
      seen += data.length;
    }
    assertThat(atRight.batches.take()).isGreaterThan(1);
  }

  @Test
  void aChecksumLeftToTheDeviceIsCompleted() throws Exception {
    assertThat(send(link, tcp().payload(100).checksumLeft())).isEqualTo(Sent.OK);
    assertThat(next(atRight)).isEqualTo(bytes(tcp().payload(100)));
  }

  @Test
  void superPacketsOfIpv6ArriveAsSegmentsToo() throws Exception {
    PacketBuilder six =
        PacketBuilder.of("fd00:9::2", "fd00:1::10")
            .tcp(40_000, 80, 1_000, 2_000, PacketView.ACK, 500)
            .payload(5_000)
            .gso(PATH_MTU - outer - 60);
    assertThat(send(link, six)).isEqualTo(Sent.OK);
    int seen = 0;
    while (seen < 5_000) {
      ByteBuf segment = Unpooled.wrappedBuffer(next(atRight));
      PacketView view = new PacketView();
      assertThat(view.check(segment, 0, segment.readableBytes())).isEqualTo(PacketFault.NONE);
      assertThat(Checksums.verifyTransport(view)).isTrue();
      assertThat(view.tcpSequence()).isEqualTo(1_000 + seen);
      seen += view.tcpPayloadLength();
    }
    assertThat(seen).isEqualTo(5_000);
  }

  @Test
  void whatThePathDoesNotTakeWholeArrivesAllTheSame() throws Exception {
    int longest = PATH_MTU - outer;
    assertThat(link.innerMtu()).isEqualTo(longest);
    for (int more = 0; more < 2; more++) {
      assertThat(send(link, tcp().payload(longest - 40 + more))).isEqualTo(Sent.OK);
      assertThat(next(atRight)).hasSize(longest + more);
    }
    onLoop(() -> {
      link.pathMtu(1_280);
      return 0;
    });
    PacketBuilder six = PacketBuilder.of("fd00:9::2", "fd00:1::10").udp(53, 53);
    for (int length : new int[] {1_279, 1_280, 1_281, longest}) {
      assertThat(send(link, six.payload(length - 48))).isEqualTo(Sent.OK);
      assertThat(next(atRight)).isEqualTo(bytes(six));
    }
    assertThat(droppedAtLeft).isEmpty();
  }

  @Test
  void whatMayBeFragmentedArrivesWhole() throws Exception {
    PacketBuilder large =
        PacketBuilder.of("10.9.0.2", "10.1.0.10")
            .dontFragment(false)
            .identification(9)
            .udp(1, 2)
            .payload(8_000);
    assertThat(send(link, large)).isEqualTo(Sent.OK);
    assertThat(next(atRight)).isEqualTo(bytes(large));
  }

  @Test
  void whatTheInterfaceDoesNotTakeIsCounted() throws Exception {
    IpAddress nowhere = IpAddress.parse(leftAddress.isV4() ? "192.0.2.1" : "2001:db8::1");
    IpInIpLink optimist = leftEnd.link(rightAddress, 9_000);
    assertThat(send(optimist, tcp().payload(2_000))).isEqualTo(Sent.OK);
    assertThat(droppedAtLeft.take()).isEqualTo(DropReason.TOO_BIG);
    assertThat(send(leftEnd.link(nowhere, 1_500), tcp())).isEqualTo(Sent.OK);
    assertThat(droppedAtLeft.take()).isEqualTo(DropReason.LINK_DOWN);
  }

  /** What a host may choose of its outer headers, as it is on the wire. */
  @Test
  void theOuterHeaderIsByPolicy() throws Exception {
    var policy = new OuterPolicy(9, 46);
    try (IpInIpReceiver another =
            left.call(() -> IpInIpReceiver.open(loop, stranger, policy, reason -> {}));
        PacketSocket wire = right.call(() -> PacketSocket.open("wire", FrameFilter.ALL))) {
      PacketBuilder packet = tcp().trafficClass(10 << 2 | 1).dontFragment(true).payload(100);
      assertThat(send(another.link(rightAddress, PATH_MTU), packet)).isEqualTo(Sent.OK);
      ByteBuf frame = Unpooled.directBuffer(2_048);
      PacketView view = new PacketView();
      do {
        while (wire.receive(frame.clear()) <= 0) {
          Thread.sleep(1);
        }
      } while (view.check(frame, 14, frame.writerIndex() - 14) != PacketFault.NONE
          || !view.isFrom(stranger)
          || view.protocol() != 4);
      assertThat(view.hopLimit()).isEqualTo(9);
      assertThat(view.trafficClass()).as("DSCP ours, ECN the packet's").isEqualTo(46 << 2 | 1);
      assertThat(view.dontFragment()).isTrue();
      byte[] inner = ByteBufUtil.getBytes(frame, view.transportStart(), bytes(packet).length);
      assertThat(inner).isEqualTo(bytes(packet));
      frame.release();
    }
  }

  /** RFC 2473 section 4.1.1: with the option, which takes its room, the kernel takes it in. */
  @Test
  void anEncapsulationLimitIsPassedOn() throws Exception {
    int option = leftAddress.isV4() ? 0 : 8;
    int longest = PATH_MTU - outer - option;
    assertThat(send(link, limited(3, 100))).isEqualTo(Sent.OK);
    assertThat(next(atRight)).isEqualTo(bytes(limited(3, 100)));
    assertThat(send(link, limited(1, longest - 56))).isEqualTo(Sent.OK);
    assertThat(next(atRight)).hasSize(longest);
    assertThat(send(link, limited(1, longest - 55))).isEqualTo(Sent.OK);
    assertThat(next(atRight)).as("in fragments").hasSize(longest + 1);
    assertThat(send(link, limited(0, 100))).isEqualTo(Sent.LOOP);
    assertThat(atRight.packets).isEmpty();
  }

  private static PacketBuilder limited(int limit, int payload) {
    return PacketBuilder.of("fd00:9::2", "fd00:1::10")
        .extension(60, new byte[] {4, 1, (byte) limit, 1, 1, 0})
        .udp(53, 53)
        .payload(payload);
  }

  @Test
  void whatHasBeenInTheTunnelIsNotPutIntoItAgain() throws Exception {
    PacketBuilder outerPacket = new PacketBuilder(leftAddress, rightAddress).raw(4).payload(60);
    assertThat(send(link, outerPacket)).isEqualTo(Sent.LOOP);
    // Programs of both hosts are peers like others.
    PacketBuilder program = new PacketBuilder(leftAddress, stranger).udp(1, 2).payload(60);
    assertThat(send(link, program)).isEqualTo(Sent.OK);
    assertThat(next(atRight)).isEqualTo(bytes(program));
  }

  @Test
  void aStrangersPacketIsCountedAndNotDelivered() throws Exception {
    try (IpInIpReceiver another =
        left.call(() -> IpInIpReceiver.open(loop, stranger, reason -> {}))) {
      assertThat(send(another.link(rightAddress, PATH_MTU), tcp())).isEqualTo(Sent.OK);
      assertThat(droppedAtRight.take()).isEqualTo(DropReason.UNKNOWN_REMOTE);
    }
    onLoop(() -> {
      rightEnd.unregister(leftAddress);
      return 0;
    });
    assertThat(send(link, tcp())).isEqualTo(Sent.OK);
    assertThat(droppedAtRight.take()).isEqualTo(DropReason.UNKNOWN_REMOTE);
    assertThat(atRight.packets).isEmpty();
  }

  @Test
  void whatIsNoPacketInsideIsCounted() throws Exception {
    try (RawIpSocket raw =
        left.call(
            () -> RawIpSocket.open(leftAddress, RawIpSocket.PROTOCOL_IPV4, (packet, why) -> {}))) {
      ByteBuf garbage = Unpooled.directBuffer();
      if (leftAddress.isV4()) {
        garbage.writeByte(0x45).writeByte(0).writeShort(60).writeInt(0x4000);
        garbage.writeByte(64).writeByte(4).writeShort(0);
      } else {
        garbage.writeInt(6 << 28).writeShort(40).writeByte(4).writeByte(64);
      }
      garbage.writeBytes(leftAddress.toBytes()).writeBytes(rightAddress.toBytes()).writeZero(40);
      raw.send(garbage);
      assertThat(raw.flush()).isOne();
      assertThat(droppedAtRight.take()).isEqualTo(DropReason.MALFORMED);
    }
  }

  @Test
  void otherFramesHaveNoPlaceHere() {
    ByteBuf marker = Unpooled.buffer().writeLong(1);
    assertThatThrownBy(() -> onLoop(() -> link.send(FrameType.MARKER, marker)))
        .hasRootCauseInstanceOf(IllegalArgumentException.class);
    assertThat(marker.refCnt()).isZero();
  }

  @Test
  void aClosedLinkIsDown() throws Exception {
    onLoop(() -> {
      link.close();
      return 0;
    });
    assertThat(link.isUp()).isFalse();
    assertThat(send(link, tcp())).isEqualTo(Sent.DOWN);
    leftEnd.close();
    leftEnd.close();
  }

  @Test
  void anAddressOfAnotherFamilyIsRefused() {
    IpAddress other = IpAddress.parse(leftAddress.isV4() ? "fd78:1::2" : "10.78.1.2");
    assertThatThrownBy(() -> leftEnd.link(other, PATH_MTU))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("another family");
  }

  private static long icmpErrorsSentBy(Namespace host) throws Exception {
    String[] lines =
        host.run("cat", "/proc/net/snmp")
            .lines()
            .filter(line -> line.startsWith("Icmp:"))
            .toArray(String[]::new);
    int column = Arrays.asList(lines[0].split(" ", -1)).indexOf("OutDestUnreachs");
    long four = Long.parseLong(lines[1].split(" ", -1)[column]);
    long six =
        host.run("cat", "/proc/net/snmp6")
            .lines()
            .filter(line -> line.matches("Icmp6Out(DestUnreachs|ParmProblems)\\s.*"))
            .mapToLong(line -> Long.parseLong(line.replaceAll(".*\\s", "")))
            .sum();
    return four + six;
  }
}
