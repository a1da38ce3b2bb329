package dev.holdfast.redirector.hold;

import static dev.holdfast.redirector.flow.Direction.TO_GUEST;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.flow.Conversation;
import dev.holdfast.redirector.flow.Lanes;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Datagrams in fragments, while the guest is paused: of one, only the first fragment has ports, and
 * a part of one is worth nothing to the guest.
 */
class HeldFragmentsTest {
  private static final int FIRST = 1_232; // bytes of data, a multiple of 8

  private static Conversation talk(boolean ipv6) {
    return ipv6 ? Conversation.v6() : Conversation.v4();
  }

  private static PacketBuilder builder(Conversation talk, int identification) {
    return talk.builder(TO_GUEST).identification(identification);
  }

  /** Three fragments of one datagram. */
  private static List<PacketView> datagram(Conversation talk, int protocol, int identification) {
    PacketBuilder first = builder(talk, identification);
    if (protocol == PacketView.TCP) {
      first.tcp(talk.peerPort(), talk.guestPort(), 1_000, 1, PacketView.ACK, 500);
    } else {
      first.udp(talk.peerPort(), talk.guestPort());
    }
    int header = protocol == PacketView.TCP ? 20 : 8;
    return List.of(
        Conversation.view(first.payload(FIRST - header).fragment(0, true)),
        Conversation.view(
            builder(talk, identification).raw(protocol).payload(FIRST).fragment(FIRST, true)),
        Conversation.view(
            builder(talk, identification).raw(protocol).payload(9).fragment(2 * FIRST, false)));
  }

  private static List<Long> arrives(HeldTraffic traffic, List<PacketView> fragments) {
    List<Long> ids = new ArrayList<>();
    fragments.forEach(each -> ids.add(traffic.arrives(each)));
    return ids;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aFlowsRoomIsForWholeDatagrams(boolean ipv6) {
    HeldTraffic traffic = HeldTraffic.ofPackets(6, 1_000);
    Conversation talk = talk(ipv6);
    List<Long> last = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      List<Long> ids = arrives(traffic, datagram(talk, PacketView.UDP, i));
      if (i >= 3) {
        last.addAll(ids);
      }
    }
    assertThat(traffic.held()).as("the two newest, each whole").isEqualTo(last);
    assertThat(traffic.dropped(DropReason.HOLD_FULL)).isEqualTo(9);
    traffic.close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void fragmentsOfOnePeerLeaveAnothersRoomAlone(boolean ipv6) {
    HeldTraffic traffic = HeldTraffic.ofPackets(6, 1_000);
    Conversation whole = talk(ipv6).withPeerPort(9);
    long datagram = traffic.arrives(whole.udp(TO_GUEST, 20));
    for (int i = 0; i < 50; i++) {
      arrives(traffic, datagram(talk(ipv6), PacketView.UDP, i));
    }
    assertThat(traffic.held()).hasSize(1 + 6).startsWith(datagram);
    traffic.close();
  }

  /** The segment would be gone, and a part of it come instead, if the rest were lost. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aFirstFragmentDoesNotReplaceAWholeSegment(boolean ipv6) {
    HeldTraffic traffic = HeldTraffic.unlimited();
    Conversation talk = talk(ipv6);
    long whole = traffic.data(talk, 1_000, 100);
    List<Long> parts = arrives(traffic, datagram(talk, PacketView.TCP, 5));
    List<Long> again = arrives(traffic, datagram(talk, PacketView.TCP, 6));
    List<Long> expected = new ArrayList<>(List.of(whole));
    expected.addAll(parts);
    expected.addAll(again);
    assertThat(traffic.held()).isEqualTo(expected);
    traffic.close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void allOfADatagramTakeOneLaneAndOneTurn(boolean ipv6) {
    HeldTraffic traffic = HeldTraffic.unlimited();
    for (int port = 1; port < 30; port++) {
      Conversation talk = talk(ipv6).withPeerPort(port);
      for (int protocol : new int[] {PacketView.UDP, PacketView.TCP}) {
        Set<Integer> lanes = new HashSet<>();
        Set<Integer> turns = new HashSet<>();
        for (PacketView fragment : datagram(talk, protocol, port)) {
          lanes.add(Lanes.of(fragment, 16));
          turns.add(traffic.table.hash(fragment, TO_GUEST));
        }
        assertThat(lanes).hasSize(1);
        assertThat(turns).hasSize(1);
      }
    }
    traffic.close();
  }

  /** Out of order, overlapping, twice, tiny: the guest's stack is to say what becomes of them. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void oddFragmentsAreHeldInTheOrderOfTheirArrival(boolean ipv6) {
    HeldTraffic traffic = HeldTraffic.unlimited();
    Conversation talk = talk(ipv6);
    List<PacketView> odd = new ArrayList<>(datagram(talk, PacketView.TCP, 1).reversed());
    odd.addAll(datagram(talk, PacketView.TCP, 1));
    odd.add(
        Conversation.view(builder(talk, 1).raw(PacketView.TCP).payload(64).fragment(600, true)));
    odd.add(
        Conversation.view(
            builder(talk, 1).raw(PacketView.TCP).payload(8).fragment(ipv6 ? 8 : 0, true)));
    List<Long> ids = arrives(traffic, odd);
    assertThat(ids).doesNotContain(0L);
    assertThat(traffic.held()).isEqualTo(ids);
    traffic.close();
  }
}
