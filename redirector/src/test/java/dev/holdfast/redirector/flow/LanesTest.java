package dev.holdfast.redirector.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which data connection a packet takes: the same for a whole flow, and different ones for many. */
class LanesTest {
  private static final int LANES = 4;
  private static final IpAddress GUEST = IpAddress.parse("10.1.0.10");
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final IpAddress GUEST6 = IpAddress.parse("fd00:1::10");
  private static final IpAddress PEER6 = IpAddress.parse("fd00:9::2");

  private static int lane(PacketBuilder packet, int lanes) {
    ByteBuf bytes = Unpooled.buffer();
    packet.write(bytes);
    PacketView view = new PacketView();
    assertThat(view.check(bytes, 0, bytes.readableBytes())).isEqualTo(PacketFault.NONE);
    return Lanes.of(view, lanes);
  }

  private static int lane(PacketBuilder packet) {
    return lane(packet, LANES);
  }

  private static PacketBuilder tcp(IpAddress from, int fromPort, IpAddress to, int toPort) {
    return new PacketBuilder(from, to).tcp(fromPort, toPort, 1, 1, PacketView.ACK, 100);
  }

  @Test
  void bothDirectionsTakeTheSame() {
    var random = new Random(5);
    for (int i = 0; i < 1_000; i++) {
      int port = 1 + random.nextInt(65_535);
      int service = 1 + random.nextInt(65_535);
      assertThat(lane(tcp(PEER, port, GUEST, service)))
          .isEqualTo(lane(tcp(GUEST, service, PEER, port)));
      assertThat(lane(tcp(PEER6, port, GUEST6, service)))
          .isEqualTo(lane(tcp(GUEST6, service, PEER6, port)));
    }
    assertThat(lane(new PacketBuilder(PEER, GUEST).udp(1, 2)))
        .isEqualTo(lane(new PacketBuilder(GUEST, PEER).udp(2, 1)));
  }

  /** What is in flight while a daemon is exchanged for a later version must keep its lane. */
  @ParameterizedTest
  @CsvSource({"40000, 3", "40001, 3", "40002, 2"})
  void itIsTheSameInEveryProcessAndVersion(int port, int expected) {
    assertThat(lane(tcp(PEER, port, GUEST, 80))).isEqualTo(expected);
  }

  @Test
  void whateverIsInASegmentItKeepsItsLane() {
    int lane = lane(tcp(PEER, 40_000, GUEST, 80));
    assertThat(lane(tcp(PEER, 40_000, GUEST, 80).payload(1_400))).isEqualTo(lane);
    assertThat(
            lane(new PacketBuilder(PEER, GUEST).tcp(40_000, 80, 99, 7, PacketView.FIN, 0).ttl(3)))
        .isEqualTo(lane);
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "3", "4", "16"})
  void manyConnectionsAreSpreadEvenly(int lanes) {
    for (IpAddress peer : List.of(PEER, PEER6)) {
      int[] count = new int[lanes];
      int flows = 4_000;
      for (int i = 0; i < flows; i++) {
        count[lane(tcp(peer, 1_024 + i, peer.isV4() ? GUEST : GUEST6, 443), lanes)]++;
      }
      for (int each : count) {
        assertThat(each).isBetween(flows / lanes * 3 / 4, flows / lanes * 5 / 4);
      }
    }
  }

  @Test
  void aDatagramAndItsFragmentsAndTheNextWholeOneTakeTheSame() {
    List<Integer> lanes = new ArrayList<>();
    for (int port = 0; port < 50; port++) {
      lanes.add(lane(new PacketBuilder(PEER, GUEST).udp(5_000 + port, 53).payload(100)));
    }
    lanes.add(lane(new PacketBuilder(PEER, GUEST).udp(5_000, 53).payload(1_400).fragment(0, true)));
    lanes.add(lane(new PacketBuilder(PEER, GUEST).udp(1, 1).payload(600).fragment(1_408, false)));
    assertThat(lanes).containsOnly(lanes.getFirst());
  }

  @Test
  void aConnectionThatMayBeFragmentedGoesByItsAddressesFromTheBeginning() {
    List<Integer> lanes = new ArrayList<>();
    for (int port = 0; port < 50; port++) {
      lanes.add(lane(tcp(PEER, 5_000 + port, GUEST, 80).dontFragment(false)));
    }
    lanes.add(lane(tcp(PEER, 5_000, GUEST, 80).payload(1_200).fragment(0, true)));
    lanes.add(lane(tcp(PEER, 5_000, GUEST, 80).payload(200).fragment(1_224, false)));
    assertThat(lanes).containsOnly(lanes.getFirst());
  }

  @Test
  void anIcmpErrorGoesByTheAddressesOfWhoReportsIt() {
    IpAddress router = IpAddress.parse("10.3.0.1");
    int first = lane(icmp(router, 3, 4, 1_400));
    assertThat(first)
        .isEqualTo(lane(icmp(router, 3, 4, 576)))
        .isEqualTo(lane(icmp(router, 11, 0, 9)));
  }

  private static PacketBuilder icmp(IpAddress from, int type, int code, int rest) {
    return new PacketBuilder(from, GUEST).icmp(type, code, rest).payload(28);
  }
}
