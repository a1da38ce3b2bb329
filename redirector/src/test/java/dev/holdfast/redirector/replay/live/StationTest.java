package dev.holdfast.redirector.replay.live;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.replay.live.LiveOptions.Place;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class StationTest {
  private static final MacAddress OWN = MacAddress.parse("52:54:00:10:00:10");
  private static final MacAddress ROUTER = MacAddress.parse("02:00:00:00:00:01");
  private static final IpAddress GUEST = IpAddress.parse("10.1.0.10");
  private static final IpAddress GUEST6 = IpAddress.parse("fd00:1::10");
  private static final IpAddress GATEWAY = IpAddress.parse("10.1.0.1");
  private static final IpAddress GATEWAY6 = IpAddress.parse("fd00:1::1");
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final IpAddress STRANGER = IpAddress.parse("10.9.0.3");

  private final ArrayDeque<byte[]> arriving = new ArrayDeque<>();
  private final List<byte[]> sent = new ArrayList<>();
  private final List<String> arrived = new ArrayList<>();
  private final Map<DropReason, Long> drops = new EnumMap<>(DropReason.class);
  private long now;
  private final Station station = station(List.of(GATEWAY, GATEWAY6), null);

  private Station station(List<IpAddress> gateways, @Nullable MacAddress gatewayMac) {
    var port =
        new FramePort() {
          @Override
          public byte @Nullable [] poll() {
            return arriving.poll();
          }

          @Override
          public boolean send(byte[] frame, int length) {
            sent.add(Arrays.copyOf(frame, length));
            return true;
          }

          @Override
          public void close() {}
        };
    var clock =
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
    return new Station(
        new PlayedInterface("before", ROUTER, 1_500),
        new Place("before", gateways, gatewayMac),
        OWN,
        List.of(GUEST, GUEST6),
        List.of(PEER),
        port,
        clock,
        drops);
  }

  @AfterEach
  void close() {
    station.close();
  }

  private static void send(Station by, PacketBuilder packet) {
    ByteBuf bytes = Unpooled.directBuffer();
    int unused = packet.writeWithVnet(bytes);
    by.send(bytes);
    bytes.release();
  }

  private void receive() {
    station.receive(
        (packet, atGuest) -> {
          var view = new PacketView();
          assertThat(atGuest).isTrue();
          assertThat(view.check(packet, 10, packet.readableBytes() - 10))
              .isEqualTo(PacketFault.NONE);
          arrived.add(
              view.length()
                  + (VirtioNetHeader.needsChecksum(packet, 0) ? " left" : " ")
                  + (Checksums.verifyTransport(view) ? "right" : ""));
        },
        true);
  }

  private void arrives(MacAddress to, PacketBuilder packet, int padding) {
    ByteBuf frame = Unpooled.buffer();
    Ethernet.writeHeader(frame, to, ROUTER, Ethernet.TYPE_IPV4);
    int unused = packet.write(frame);
    arrives(frame.writeZero(padding));
  }

  private void arrives(ByteBuf frame) {
    byte[] bytes = new byte[frame.readableBytes()];
    frame.readBytes(bytes);
    arriving.add(bytes);
    receive();
  }

  private void answers() {
    ByteBuf frame = Unpooled.buffer();
    ArpMessage.writeReply(frame, ROUTER, GATEWAY, OWN, GUEST);
    arrives(frame);
  }

  private static PacketBuilder datagram() {
    return new PacketBuilder(GUEST, PEER).udp(1, 2).payload(100);
  }

  private List<Integer> types() {
    return sent.stream().map(each -> Ethernet.type(Unpooled.wrappedBuffer(each), 0)).toList();
  }

  @Test
  void packetsWaitForTheGatewaysAnswer() {
    station.present(true);
    assertThat(types()).containsExactly(Ethernet.TYPE_ARP, Ethernet.TYPE_IPV6);
    assertThat(station.missing()).containsExactlyInAnyOrder(GATEWAY, GATEWAY6);
    send(station, datagram());
    assertThat(sent).hasSize(2);
    now += 300_000_000L;
    station.tick();
    station.tick();
    assertThat(sent).as("both are asked again, once").hasSize(4);
    sent.clear();
    answers();
    assertThat(types()).containsExactly(Ethernet.TYPE_IPV4);
    assertThat(Ethernet.mac(Unpooled.wrappedBuffer(sent.getFirst()), 0)).isEqualTo(ROUTER);
    assertThat(station.missing()).containsExactly(GATEWAY6);
    send(station, datagram());
    assertThat(sent).hasSize(2);
    station.present(true);
    assertThat(station.missing()).as("elsewhere it may have another MAC").contains(GATEWAY);
  }

  @Test
  void aSuperPacketIsCutAndItsChecksumsAreComplete() {
    try (Station fixed = station(List.of(), ROUTER)) {
      fixed.present(true);
      send(
          fixed,
          new PacketBuilder(GUEST, PEER)
              .tcp(80, 40_000, 1, 2, PacketView.ACK, 500)
              .payload(4_000)
              .gso(1_400));
    }
    assertThat(sent).hasSize(3);
    for (byte[] frame : sent) {
      ByteBuf bytes = Unpooled.wrappedBuffer(frame);
      var view = new PacketView();
      assertThat(view.check(bytes, Ethernet.HEADER, frame.length - Ethernet.HEADER))
          .isEqualTo(PacketFault.NONE);
      assertThat(Checksums.verifyTransport(view)).isTrue();
      assertThat(Ethernet.mac(bytes, Ethernet.SOURCE)).isEqualTo(OWN);
    }
  }

  @Test
  void nothingElseIsSent() {
    station.present(true);
    answers();
    sent.clear();
    send(station, new PacketBuilder(GUEST, STRANGER).udp(1, 2).payload(1));
    send(station, new PacketBuilder(STRANGER, PEER).udp(1, 2).payload(1));
    send(station, new PacketBuilder(GUEST, PEER).udp(1, 2).payload(1_473));
    station.present(false);
    send(station, datagram());
    assertThat(sent).isEmpty();
    assertThat(drops).isEqualTo(Map.of(DropReason.WRONG_STATE, 3L, DropReason.TOO_BIG, 1L));
  }

  @Test
  void whoAsksForThePlayedIsAnsweredWhileTheyAreThere() {
    ByteBuf who = Unpooled.buffer();
    ArpMessage.writeRequest(who, ROUTER, GATEWAY, GUEST);
    arrives(who.copy());
    assertThat(sent).as("it is not there yet").isEmpty();
    station.present(true);
    sent.clear();
    arrives(who);
    var answer = new ArpMessage();
    ByteBuf bytes = Unpooled.wrappedBuffer(sent.getFirst());
    assertThat(answer.check(bytes, 0, bytes.readableBytes())).isTrue();
    assertThat(answer.isRequest()).isFalse();
    assertThat(answer.senderAddress()).isEqualTo(GUEST);
    assertThat(answer.senderMac()).isEqualTo(OWN);
    sent.clear();
    ByteBuf other = Unpooled.buffer();
    ArpMessage.writeRequest(other, ROUTER, GATEWAY, STRANGER);
    arrives(other);
    assertThat(sent).isEmpty();
    ByteBuf who6 = Unpooled.buffer();
    NeighbourMessage.writeSolicitation(who6, ROUTER, GATEWAY6, GUEST6);
    arrives(who6);
    var advertised = new NeighbourMessage();
    bytes = Unpooled.wrappedBuffer(sent.getFirst());
    assertThat(advertised.check(bytes, 0, bytes.readableBytes())).isTrue();
    assertThat(advertised.target()).isEqualTo(GUEST6);
    assertThat(advertised.linkLayerAddress()).isEqualTo(OWN);
    assertThat(station.missing()).as("who asks says where it is").isEmpty();
  }

  @Test
  void whatIsForThePlayedArrives() {
    station.present(true);
    var packet = new PacketBuilder(PEER, GUEST).udp(1, 2).payload(5);
    arrives(OWN, packet, 13);
    arrives(ROUTER, packet, 0); // a bridge floods what is for others
    arrives(OWN, new PacketBuilder(PEER, STRANGER).udp(1, 2).payload(5), 0);
    arrives(
        OWN,
        new PacketBuilder(PEER, GUEST)
            .tcp(40_000, 80, 1, 2, PacketView.ACK, 500)
            .payload(3_000)
            .checksumLeft(),
        0);
    assertThat(arrived).containsExactly("33 right", "3040 left");
    station.present(false);
    arrives(OWN, packet, 0);
    assertThat(arrived).hasSize(2);
  }
}
