package dev.holdfast.redirector.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.steer.HostFacts.LanRoute;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.packet.OffloadCheck;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.Segmenter;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Frames in, packets out, and the other way, without a kernel. */
class LanDeviceTest {
  private static final MacAddress OWN = MacAddress.parse("02:00:00:00:00:01");
  private static final MacAddress ROUTER = MacAddress.parse("02:00:00:00:00:02");
  private static final MacAddress GUEST = MacAddress.parse("02:00:00:00:00:10");
  private static final MacAddress PEER = MacAddress.parse("02:00:00:00:00:20");
  private static final IpAddress OLD4 = IpAddress.parse("10.1.0.10");
  private static final IpAddress OLD6 = IpAddress.parse("fd00:1::10");
  private static final IpAddress FAR4 = IpAddress.parse("192.0.2.2");
  private static final IpAddress FAR6 = IpAddress.parse("2001:db8::2");
  private static final IpAddress NEAR4 = IpAddress.parse("10.1.0.20");
  private static final IpAddress GATEWAY4 = IpAddress.parse("10.1.0.1");
  private static final IpAddress GATEWAY6 = IpAddress.parse("fe80::1");
  private static final int MTU = 1500;
  private static final int PACKET = VirtioNetHeader.LENGTH + Ethernet.HEADER;

  private long now = Long.MAX_VALUE - 5; // a clock's origin is arbitrary
  private final Clock clock =
      new Clock() {
        @Override
        public long nanoTime() {
          return now;
        }

        @Override
        public long epochNanos() {
          return now;
        }
      };
  private final DropCounters drops = new DropCounters();
  private final MemoryLan lan =
      new MemoryLan(
          new LanInterface(
              "br0",
              OWN,
              MTU,
              List.of(IpAddress.parse("10.1.0.2"), IpAddress.parse("fd00:1::2")),
              List.of(
                  new LanRoute(IpPrefix.parse("0.0.0.0/0"), GATEWAY4),
                  new LanRoute(IpPrefix.parse("10.1.0.0/24"), null),
                  new LanRoute(IpPrefix.parse("fd00:1::/64"), null),
                  new LanRoute(IpPrefix.parse("::/0"), GATEWAY6))),
          clock,
          drops);
  private final ByteBuf in = Unpooled.directBuffer(PacketDevice.READ_SIZE + 100);
  private final PacketView view = new PacketView();

  @AfterEach
  void nothingIsKept() {
    lan.close();
    in.release();
  }

  private static IpAddress old(boolean ipv6) {
    return ipv6 ? OLD6 : OLD4;
  }

  private static IpAddress far(boolean ipv6) {
    return ipv6 ? FAR6 : FAR4;
  }

  private int read() throws IOException {
    int length = lan.device().read(in.clear());
    if (length > 0) {
      PacketFault fault = view.check(in, VirtioNetHeader.LENGTH, length - VirtioNetHeader.LENGTH);
      assertThat(fault).isEqualTo(PacketFault.NONE);
      assertThat(OffloadCheck.check(in, 0, view)).isEqualTo(PacketFault.NONE);
    }
    return length;
  }

  private void write(PacketBuilder packet) throws IOException {
    ByteBuf out = Unpooled.directBuffer(70_000);
    packet.writeWithVnet(out);
    byte[] before = new byte[out.readableBytes()];
    out.getBytes(0, before);
    assertThat(lan.device().write(out)).isTrue();
    byte[] after = new byte[out.readableBytes()];
    out.getBytes(0, after);
    assertThat(after).as("what is written is not changed").isEqualTo(before);
    out.release();
  }

  private ByteBuf sent() {
    return Objects.requireNonNull(lan.take(), "nothing was sent");
  }

  private static MacAddress to(ByteBuf frame) {
    return Ethernet.mac(frame, VirtioNetHeader.LENGTH + Ethernet.DESTINATION);
  }

  /** A peer's frame, whatever its MAC, so that it is known where the peer is. */
  private void hear(IpAddress from, MacAddress mac) throws IOException {
    lan.arrive(GUEST, mac, new PacketBuilder(from, old(from.isV6())).udp(9, 9).payload(1));
    assertThat(read()).isPositive();
  }

  @ParameterizedTest
  @CsvSource({"false, 0", "true, 0", "false, 1", "true, 1", "false, 2", "true, 2"})
  void aChecksumThatWasLeftIsMarked(boolean ipv6, int kind) throws IOException {
    var packet = new PacketBuilder(far(ipv6), old(ipv6)).ttl(9);
    switch (kind) {
      case 0 -> packet.tcp(1, 2, 3, 4, PacketView.ACK, 500).payload(100);
      case 1 -> packet.udp(1, 2).payload(100);
      default -> packet.tcp(1, 2, 3, 4, PacketView.ACK, 500).payload(40_000).gso(1_400);
    }
    lan.arrive(GUEST, ROUTER, packet.checksumLeft());
    read();
    assertThat(view.hopLimit()).as("one hop less").isEqualTo(8);
    assertThat(VirtioNetHeader.needsChecksum(in, 0)).isTrue();
    assertThat(VirtioNetHeader.isGso(in, 0)).isEqualTo(kind == 2);
    var segmenter = new Segmenter();
    segmenter.begin(in, 0, view);
    ByteBuf out = Unpooled.buffer(100_000);
    var piece = new PacketView();
    int data = 0;
    for (int at = 0; segmenter.next(out); at = out.writerIndex()) {
      assertThat(piece.check(out, at, out.writerIndex() - at)).isEqualTo(PacketFault.NONE);
      assertThat(piece.length()).isLessThanOrEqualTo(MTU);
      assertThat(Checksums.verifyTransport(piece)).isTrue();
      data += piece.isTcp() ? piece.tcpPayloadLength() : 100;
    }
    assertThat(data).isEqualTo(kind == 2 ? 40_000 : 100);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void udpSuperPacketsComeWithTheirHeader(boolean ipv6) throws IOException {
    lan.pin(old(ipv6), GUEST);
    var datagrams = new PacketBuilder(far(ipv6), old(ipv6)).ttl(9).udp(1, 2).payload(30_000);
    datagrams.gso(1_200);
    lan.arrive(GUEST, ROUTER, datagrams); // libpcap's copy, which says nothing of 1,200
    lan.arriveLong(OWN, OWN, datagrams); // our own
    lan.arriveLong(MacAddress.BROADCAST, ROUTER, new PacketBuilder(FAR4, NEAR4).udp(1, 2));
    lan.arriveLong(GUEST, ROUTER, datagrams);
    assertThat(read()).isPositive();
    assertThat(view.hopLimit()).isEqualTo(8);
    assertThat(VirtioNetHeader.gsoType(in, 0)).isEqualTo(VirtioNetHeader.GSO_UDP_L4);
    assertThat(VirtioNetHeader.gsoSize(in, 0)).isEqualTo(1_200);
    assertThat(read() + drops.total()).isZero();
  }

  @Test
  void aSuperPacketOfTcpIsCutToWhatTheTunnelTakes() throws IOException {
    lan.lanDevice().cutTo(packet -> 1480);
    lan.arrive(
        OWN,
        ROUTER,
        new PacketBuilder(FAR4, OLD4).tcp(1, 2, 3, 4, PacketView.ACK, 5).payload(2000));
    read();
    assertThat(VirtioNetHeader.gsoSize(in, 0)).isEqualTo(1440);
    lan.arrive(
        OWN,
        ROUTER,
        new PacketBuilder(FAR4, OLD4).tcp(1, 2, 3, 4, PacketView.ACK, 5).payload(1460));
    read();
    assertThat(VirtioNetHeader.isGso(in, 0)).as("one that a wire has carried stays one").isFalse();
    assertThat(lan.take()).isNull();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void fragmentsOfEachKindPassAsTheyAre(boolean ipv6) throws IOException {
    IpAddress from = far(ipv6);
    IpAddress to = old(ipv6);
    for (PacketBuilder fragment :
        List.of(
            new PacketBuilder(from, to).udp(7, 9).payload(1_400).fragment(0, true),
            new PacketBuilder(from, to).tcp(7, 9, 1, 1, 16, 5).payload(1_400).fragment(0, true),
            new PacketBuilder(from, to).icmp(ipv6 ? 135 : 8, 0, 7).payload(16).fragment(0, true),
            new PacketBuilder(from, to).raw(PacketView.TCP).payload(8).fragment(8, true),
            new PacketBuilder(from, to)
                .raw(PacketView.TCP)
                .payload(8)
                .fragment(ipv6 ? 16 : 0, true),
            new PacketBuilder(from, to).raw(PacketView.UDP).payload(1_448).fragment(1_448, true),
            new PacketBuilder(from, to).raw(PacketView.UDP).payload(3).fragment(65_000, false))) {
      ByteBuf expected = Unpooled.buffer();
      fragment.ttl(63).write(expected);
      lan.arrive(GUEST, ROUTER, fragment.ttl(64));
      assertThat(read()).isPositive();
      assertThat(in.getLong(0)).as("a plain packet").isZero();
      assertThat(in.slice(VirtioNetHeader.LENGTH, view.length())).isEqualTo(expected);
      expected.release();
    }
  }

  @Test
  void paddingIsCutOffAndATagLearnt() throws IOException {
    ByteBuf bytes = Unpooled.buffer(200);
    Ethernet.writeHeader(bytes, GUEST, PEER, 0x8100);
    bytes.writeShort(0x6000 | 77).writeShort(Ethernet.TYPE_IPV4);
    new PacketBuilder(NEAR4, OLD4).udp(1, 2).payload(1).write(bytes);
    int length = bytes.writerIndex();
    byte[] frame = new byte[length + 13];
    bytes.getBytes(0, frame, 0, length);
    lan.arrive(frame);
    assertThat(read()).isEqualTo(VirtioNetHeader.LENGTH + 29);
    write(
        new PacketBuilder(OLD4, NEAR4)
            .tcp(1, 2, 3, 4, PacketView.ACK, 5)
            .payload(10)
            .checksumLeft());
    ByteBuf answer = sent();
    assertThat(to(answer)).isEqualTo(PEER);
    assertThat(answer.getInt(VirtioNetHeader.LENGTH + 12)).isEqualTo(0x8100_0000 | 77);
    assertThat(answer.getUnsignedShort(VirtioNetHeader.LENGTH + 16)).isEqualTo(Ethernet.TYPE_IPV4);
    assertThat(VirtioNetHeader.checksumStart(answer, 0)).isEqualTo(18 + 20);
    answer.release();
  }

  @Test
  void whatIsNoPacketForTheTunnelIsNotRead() throws IOException {
    lan.arrive(GUEST, OWN, new PacketBuilder(FAR4, OLD4).udp(1, 2).payload(1)); // our own
    lan.arrive(new byte[5]);
    lan.arrive(GUEST, ROUTER, new PacketBuilder(FAR4, OLD4).ttl(1).udp(1, 2).payload(1));
    lan.arrive(
        GUEST, ROUTER, new PacketBuilder(GATEWAY6, OLD6).ttl(255).icmp(135, 0, 0).payload(16));
    byte[] cut = new byte[60];
    cut[12] = 8;
    cut[14] = 0x45;
    cut[17] = 100;
    lan.arrive(cut);
    assertThat(read()).isZero();
    assertThat(drops.get(DropReason.MALFORMED)).isEqualTo(2);
    assertThat(drops.get(DropReason.TTL_EXCEEDED)).isOne();
    lan.lose(7);
    assertThat(read()).isZero();
    assertThat(drops.get(DropReason.CAPTURE_OVERRUN)).isEqualTo(7);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whereTheHopIsKeptNoneIsTaken(boolean ipv6) throws IOException {
    List<Integer> spent = new ArrayList<>();
    lan.lanDevice().hops(true, packet -> spent.add(packet.hopLimit()));
    for (int ttl : new int[] {255, 1, 2}) {
      lan.arrive(GUEST, ROUTER, new PacketBuilder(far(ipv6), old(ipv6)).ttl(ttl).udp(1, 2));
      assertThat(read()).isPositive();
      assertThat(view.hopLimit()).isEqualTo(ttl);
      write(new PacketBuilder(old(ipv6), far(ipv6)).ttl(ttl).udp(1, 2));
      ByteBuf frame = sent();
      assertThat(view.check(frame, PACKET, frame.writerIndex() - PACKET))
          .isEqualTo(PacketFault.NONE);
      assertThat(view.hopLimit()).isEqualTo(ttl);
      frame.release();
    }
    lan.arrive(GUEST, ROUTER, new PacketBuilder(far(ipv6), old(ipv6)).ttl(0).udp(1, 2));
    assertThat(read()).isZero();
    assertThat(spent).containsExactly(0);
    assertThat(drops.total()).as("counted by whom it was told").isZero();
  }

  @Test
  void whatIsLongerThanAnyPacketHereIsCounted() throws IOException {
    byte[] frame = new byte[Ethernet.HEADER + 40 + 65_503];
    ByteBuf bytes = Unpooled.wrappedBuffer(frame).clear();
    Ethernet.writeHeader(bytes, OWN, ROUTER, Ethernet.TYPE_IPV6);
    bytes.setInt(Ethernet.HEADER, 6 << 28).setShort(Ethernet.HEADER + 4, 65_503);
    lan.arrive(frame);
    ByteBuf into = Unpooled.directBuffer(PacketDevice.READ_SIZE, PacketDevice.READ_SIZE);
    assertThat(lan.device().read(into)).isZero();
    assertThat(into.readableBytes()).isZero();
    into.release();
    assertThat(drops.get(DropReason.TOO_BIG)).isOne();
  }

  @Test
  void anAnswerGoesWhereThePeersFrameCameFrom() throws IOException {
    hear(FAR4, ROUTER);
    hear(FAR6, PEER);
    write(new PacketBuilder(OLD4, FAR4).ttl(2).tcp(1, 2, 3, 4, PacketView.ACK, 5).payload(9));
    ByteBuf frame = sent();
    assertThat(to(frame)).isEqualTo(ROUTER);
    assertThat(Ethernet.mac(frame, VirtioNetHeader.LENGTH + Ethernet.SOURCE)).isEqualTo(OWN);
    assertThat(view.check(frame, PACKET, 49)).isEqualTo(PacketFault.NONE);
    assertThat(view.hopLimit()).isOne();
    frame.release();
    write(new PacketBuilder(OLD4, FAR4).ttl(1).udp(1, 2).payload(9));
    assertThat(lan.take()).isNull();
    assertThat(drops.get(DropReason.TTL_EXCEEDED)).isOne();
    write(new PacketBuilder(OLD6, FAR6).udp(1, 2).payload(9));
    frame = sent();
    assertThat(to(frame)).isEqualTo(PEER);
    frame.release();
  }

  @Test
  void aSuperPacketIsNoLongerInPiecesThanTheLanTakes() throws IOException {
    hear(FAR4, ROUTER);
    write(
        new PacketBuilder(OLD4, FAR4)
            .tcp(1, 2, 3, 4, PacketView.ACK, 5)
            .payload(20_000)
            .gso(8_000));
    ByteBuf frame = sent();
    assertThat(VirtioNetHeader.gsoSize(frame, 0)).isEqualTo(MTU - 40);
    assertThat(VirtioNetHeader.checksumStart(frame, 0)).isEqualTo(14 + 20);
    assertThat(VirtioNetHeader.headerLength(frame, 0)).isEqualTo(14 + 40);
    frame.release();
    write(new PacketBuilder(OLD4, FAR4).udp(1, 2).payload(MTU));
    assertThat(lan.take()).isNull();
    assertThat(drops.get(DropReason.TOO_BIG)).isOne();
  }

  @Test
  void theGuestIsWhereItWasSaidToBe() throws IOException {
    lan.pin(OLD4, GUEST);
    write(new PacketBuilder(FAR4, OLD4).udp(1, 2).payload(9));
    ByteBuf frame = sent();
    assertThat(to(frame)).isEqualTo(GUEST);
    frame.release();
  }

  @Test
  void nobodyElseCanSayWhereTheGuestIs() throws IOException {
    lan.pin(OLD4, GUEST);
    hear(OLD4, PEER); // a spoofed source
    write(new PacketBuilder(FAR4, OLD4).udp(1, 2).payload(9));
    ByteBuf frame = sent();
    assertThat(to(frame)).isEqualTo(GUEST);
    frame.release();
  }

  @Test
  void theGuestsVlanIsKept() throws IOException {
    lan.pin(OLD4, GUEST);
    ByteBuf bytes = Unpooled.buffer(200);
    Ethernet.writeHeader(bytes, OWN, GUEST, 0x8100);
    bytes.writeShort(77).writeShort(Ethernet.TYPE_IPV4);
    new PacketBuilder(OLD4, FAR4).udp(1, 2).payload(1).write(bytes);
    byte[] frame = new byte[bytes.writerIndex()];
    bytes.getBytes(0, frame);
    lan.arrive(frame);
    assertThat(read()).isPositive();
    now += 10 * Neighbours.FRESH_NANOS;
    write(new PacketBuilder(FAR4, OLD4).udp(1, 2).payload(9));
    ByteBuf sent = sent();
    assertThat(sent.getInt(VirtioNetHeader.LENGTH + 12)).isEqualTo(0x8100_0000 | 77);
    sent.release();
  }

  @Test
  void whatWaitsCostsABoundedNumberOfBytesAndNotForLong() throws IOException {
    int each = 60_000;
    for (int i = 0; i < 2 * Neighbours.WAITING_BYTES / each; i++) {
      write(
          new PacketBuilder(OLD6, IpAddress.parse("fd00:1::" + Integer.toHexString(0x1000 + i)))
              .udp(1, 2)
              .payload(each));
      sent().release(); // the question
    }
    assertThat(drops.get(DropReason.NO_NEIGHBOUR))
        .isGreaterThanOrEqualTo(Neighbours.WAITING_BYTES / each);
    write(new PacketBuilder(OLD4, NEAR4).udp(1, 2).payload(9));
    sent().release();
    now += Neighbours.WAITING_NANOS + 1;
    ByteBuf reply = Unpooled.buffer(64);
    ArpMessage.writeReply(reply, PEER, NEAR4, OWN, OLD4);
    byte[] frame = new byte[ArpMessage.FRAME];
    reply.getBytes(0, frame);
    lan.arrive(frame);
    assertThat(read()).isZero();
    assertThat(lan.take()).as("too late").isNull();
  }

  @Test
  void whoIsNotKnownIsAskedForAndWaitedFor() throws IOException {
    for (int i = 0; i < 3; i++) {
      write(new PacketBuilder(OLD4, FAR4).udp(1, i).payload(9));
    }
    ByteBuf question = sent();
    var arp = new ArpMessage();
    assertThat(arp.check(question, VirtioNetHeader.LENGTH, ArpMessage.FRAME)).isTrue();
    assertThat(arp.targetAddress()).isEqualTo(GATEWAY4);
    assertThat(arp.senderAddress()).isEqualTo(OLD4);
    assertThat(arp.senderMac()).isEqualTo(OWN);
    question.release();
    assertThat(lan.take()).as("not asked again at once").isNull();
    now += Neighbours.ASK_NANOS;
    write(new PacketBuilder(OLD4, FAR4).udp(1, 3).payload(9));
    sent().release();

    ByteBuf reply = Unpooled.buffer(64);
    ArpMessage.writeReply(reply, ROUTER, GATEWAY4, OWN, OLD4);
    byte[] frame = new byte[ArpMessage.FRAME];
    reply.getBytes(0, frame);
    lan.arrive(frame);
    assertThat(read()).isZero();
    for (int i = 0; i < 4; i++) {
      ByteBuf waited = sent();
      assertThat(to(waited)).isEqualTo(ROUTER);
      assertThat(waited.getUnsignedShort(PACKET + 22)).as("in order").isEqualTo(i);
      waited.release();
    }
    write(new PacketBuilder(OLD4, FAR4).udp(1, 2).payload(9));
    sent().release();
    assertThat(drops.total()).isZero();
  }

  @Test
  void ipv6NeighboursAreSolicited() throws IOException {
    write(new PacketBuilder(OLD6, FAR6).udp(1, 2).payload(9));
    ByteBuf question = sent();
    var solicitation = new NeighbourMessage();
    int length = question.readableBytes() - VirtioNetHeader.LENGTH;
    assertThat(solicitation.check(question, VirtioNetHeader.LENGTH, length)).isTrue();
    assertThat(solicitation.target()).isEqualTo(GATEWAY6);
    question.release();
    ByteBuf answer = Unpooled.buffer(200);
    NeighbourMessage.writeAdvertisement(
        answer, OWN, ROUTER, GATEWAY6, OLD6, GATEWAY6, NeighbourMessage.SOLICITED);
    byte[] frame = new byte[answer.readableBytes()];
    answer.getBytes(0, frame);
    lan.arrive(frame);
    assertThat(read()).isZero();
    ByteBuf waited = sent();
    assertThat(to(waited)).isEqualTo(ROUTER);
    waited.release();
  }

  @Test
  void whoNeverAnswersCostsABoundedNumberOfPackets() throws IOException {
    for (int i = 0; i < Neighbours.WAITING + 5; i++) {
      write(new PacketBuilder(OLD4, NEAR4).udp(1, 2).payload(9));
    }
    assertThat(drops.get(DropReason.NO_NEIGHBOUR)).isEqualTo(5);
    for (int i = 0; i < Neighbours.ASKED; i++) {
      write(
          new PacketBuilder(OLD6, IpAddress.parse("fd00:1::" + Integer.toHexString(0x1000 + i)))
              .udp(1, 2)
              .payload(9));
    }
    assertThat(drops.get(DropReason.NO_NEIGHBOUR))
        .as("who was asked for longest gave way")
        .isEqualTo(5 + Neighbours.WAITING);
  }

  @Test
  void whatWasHeardLongAgoIsVerifiedAndUsedMeanwhile() throws IOException {
    hear(FAR4, ROUTER);
    now += Neighbours.FRESH_NANOS + 1;
    write(new PacketBuilder(OLD4, FAR4).udp(1, 2).payload(9));
    ByteBuf question = sent();
    assertThat(to(question)).isEqualTo(MacAddress.BROADCAST);
    question.release();
    ByteBuf frame = sent();
    assertThat(to(frame)).isEqualTo(ROUTER);
    frame.release();
  }

  @Test
  void aStrangersArpIsNotBelieved() throws IOException {
    ByteBuf reply = Unpooled.buffer(64);
    ArpMessage.writeReply(reply, PEER, GATEWAY4, OWN, OLD4);
    byte[] frame = new byte[ArpMessage.FRAME];
    reply.getBytes(0, frame);
    lan.arrive(frame);
    assertThat(read()).isZero();
    write(new PacketBuilder(OLD4, FAR4).udp(1, 2).payload(9));
    ByteBuf question = sent();
    assertThat(to(question)).isEqualTo(MacAddress.BROADCAST);
    question.release();
    assertThat(lan.take()).isNull();
  }
}
