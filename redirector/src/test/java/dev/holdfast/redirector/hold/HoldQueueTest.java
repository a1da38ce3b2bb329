package dev.holdfast.redirector.hold;

import static dev.holdfast.redirector.flow.Direction.TO_GUEST;
import static dev.holdfast.redirector.hold.HeldTraffic.FOREVER;
import static dev.holdfast.tunnel.packet.PacketView.ACK;
import static dev.holdfast.tunnel.packet.PacketView.FIN;
import static dev.holdfast.tunnel.packet.PacketView.RST;
import static dev.holdfast.tunnel.packet.PacketView.SYN;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.flow.Conversation;
import dev.holdfast.redirector.flow.Lanes;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Which packets survive, rule by rule. */
class HoldQueueTest {
  private final Conversation talk = Conversation.v4();
  private HeldTraffic traffic = HeldTraffic.unlimited();

  @AfterEach
  void nothingIsLeft() {
    traffic.close();
  }

  private static Conversation other(int i) {
    return Conversation.v4().withPeer(IpAddress.v4(0x0b00_0000 + i));
  }

  private long pureAck(long sequence, long acknowledgment) {
    return traffic.arrives(talk.tcp(TO_GUEST, ACK, sequence, acknowledgment, 0));
  }

  // ---- retransmissions ----

  @Test
  void exactRetransmissionTakesThePlaceOfTheFirstAndComesLast() {
    long a = traffic.data(talk, 100, 50);
    long b = traffic.data(talk, 150, 50);
    long again = traffic.data(talk, 100, 50);
    assertThat(List.of(a, b, again)).containsExactly(1L, 2L, 3L);
    assertThat(traffic.held()).containsExactly(b, again);
    assertThat(traffic.queue.replaced()).isEqualTo(1);
    assertThat(traffic.dropped(DropReason.REPLACED)).isEqualTo(1);
    assertThat(traffic.queue.dropped()).isZero();
    assertThat(traffic.queue.total()).isEqualTo(3);
  }

  @Test
  void retransmissionThatCoversMoreReplacesAllThatItCovers() {
    traffic.data(talk, 100, 50);
    traffic.data(talk, 150, 50);
    long beside = traffic.data(talk, 200, 50);
    long all = traffic.data(talk, 100, 100);
    assertThat(traffic.held()).containsExactly(beside, all);
    assertThat(traffic.queue.replaced()).isEqualTo(2);
  }

  @Test
  void overlapsAreKept() {
    long a = traffic.data(talk, 100, 50);
    long b = traffic.data(talk, 125, 50);
    long c = traffic.data(talk, 80, 40);
    assertThat(traffic.held()).containsExactly(a, b, c);
  }

  @Test
  void ofRetransmissionsInsideASuperPacketOnlyTheNewestStaysBesideIt() {
    long whole = traffic.data(talk, 100, 60_000);
    traffic.data(talk, 100, 1000);
    long tail = traffic.data(talk, 59_100, 1000);
    assertThat(traffic.held()).containsExactly(whole, tail);
    long head = traffic.data(talk, 100, 1000);
    assertThat(traffic.held()).containsExactly(whole, head);
    assertThat(traffic.queue.replaced()).isEqualTo(2);
    long newWhole = traffic.data(talk, 100, 60_000);
    assertThat(traffic.held()).containsExactly(newWhole);
  }

  @Test
  void finAndItsBytesAreReplacedOnlyByASegmentThatHasTheFin() {
    long withFin = traffic.arrives(talk.tcp(TO_GUEST, FIN | ACK, 100, 1, 50));
    long without = traffic.data(talk, 100, 50);
    assertThat(traffic.held()).containsExactly(withFin, without);
    long again = traffic.arrives(talk.tcp(TO_GUEST, FIN | ACK, 100, 1, 50));
    assertThat(traffic.held()).containsExactly(again);
  }

  @Test
  void sequenceNumbersWrap() {
    long at = 0xffff_ffffL - 24;
    traffic.guestExpects(talk, at);
    traffic.data(talk, at, 50);
    long next = traffic.data(talk, at + 50, 50);
    long again = traffic.data(talk, at, 50);
    assertThat(traffic.held()).containsExactly(next, again);
  }

  @Test
  void newerPureAckReplacesAnOlderOneAndAnOlderOneIsNotKept() {
    pureAck(100, 10);
    long newer = pureAck(100, 20);
    assertThat(pureAck(100, 15)).isZero();
    assertThat(traffic.held()).containsExactly(newer);
    long window = pureAck(100, 20);
    assertThat(traffic.held()).as("the same number: perhaps a new window").containsExactly(window);
    assertThat(traffic.queue.replaced()).isEqualTo(3);
  }

  @Test
  void probeIsKeptBesideThePureAckAndReplacesEarlierProbes() {
    long data = traffic.data(talk, 100, 50);
    long ack = pureAck(150, 20);
    pureAck(149, 20);
    long probe = pureAck(149, 20);
    assertThat(traffic.held()).containsExactly(data, ack, probe);
    long newest = pureAck(149, 20);
    assertThat(traffic.held()).containsExactly(data, ack, newest);
  }

  @Test
  void resetAndSynAreReplacedByTheirOwnKindAlone() {
    long data = traffic.data(talk, 100, 50);
    traffic.arrives(talk.tcp(TO_GUEST, RST, 150, 0, 0));
    long reset = traffic.arrives(talk.tcp(TO_GUEST, RST, 150, 0, 0));
    long covering = traffic.data(talk, 100, 100);
    assertThat(traffic.held()).containsExactly(reset, covering).doesNotContain(data);
    Conversation opening = other(1);
    traffic.arrives(opening.tcp(TO_GUEST, SYN, 7, 0, 0));
    long syn = traffic.arrives(opening.tcp(TO_GUEST, SYN, 7, 0, 0));
    assertThat(traffic.held()).containsExactly(reset, covering, syn);
  }

  @Test
  void datagramsAreNeverTakenForRetransmissions() {
    long a = traffic.arrives(talk.udp(TO_GUEST, 20));
    long b = traffic.arrives(talk.udp(TO_GUEST, 20));
    long c = traffic.arrivesUntracked(talk.tcp(TO_GUEST, ACK, 1, 1, 10));
    long d = traffic.arrivesUntracked(talk.tcp(TO_GUEST, ACK, 1, 1, 10));
    assertThat(traffic.held()).containsExactly(a, b, c, d);
  }

  @Test
  void laterFragmentsOfTcpAreHeldThoughTheyHaveNoSequenceNumber() {
    PacketView fragment =
        Conversation.view(
            talk.builder(TO_GUEST).raw(PacketView.TCP).payload(64).fragment(72, false));
    Conversation portless = new Conversation(talk.guest(), 0, talk.peer(), 0);
    long segment = traffic.data(portless, 100, 10);
    long first = traffic.arrives(fragment);
    long second = traffic.arrives(fragment);
    assertThat(traffic.held()).containsExactly(segment, first, second);
  }

  // ---- order at delivery ----

  /** RFC 7323 section 5.3: the model receiver discards what is older than what it has taken. */
  @Test
  void receiverThatChecksTimestampsTakesEverythingInOnePass() {
    traffic.guestExpects(talk, 100);
    List<long[]> segments = new ArrayList<>(); // sequence, length, timestamp
    long timestamp = 1;
    for (long[] s :
        new long[][] {
          {100, 50}, {150, 50}, {200, 50}, {250, 50}, {100, 50}, {150, 100}, {100, 50}
        }) {
      long id = traffic.data(talk, s[0], (int) s[1]);
      segments.add(new long[] {id, s[0], s[1], timestamp++});
    }
    long expected = 100;
    long recent = 0;
    List<long[]> waiting = new ArrayList<>();
    for (long id : traffic.held()) {
      long[] s = segments.stream().filter(each -> each[0] == id).findFirst().orElseThrow();
      assertThat(s[3]).as("discarded by PAWS").isGreaterThanOrEqualTo(recent);
      if (s[1] <= expected) {
        recent = s[3];
      }
      waiting.add(s);
      boolean moved = true;
      while (moved) {
        moved = false;
        for (long[] w : waiting) {
          if (w[1] <= expected && w[1] + w[2] > expected) {
            expected = w[1] + w[2];
            moved = true;
          }
        }
      }
    }
    assertThat(expected).isEqualTo(300);
  }

  // ---- pressure within a flow ----

  @Test
  void highestSequenceGoesFirst() {
    traffic = HeldTraffic.ofPackets(3, 100);
    traffic.guestExpects(talk, 100);
    long a = traffic.data(talk, 100, 50);
    long b = traffic.data(talk, 150, 50);
    traffic.data(talk, 250, 50);
    long ackCarrier = traffic.data(talk, 200, 50);
    assertThat(traffic.data(talk, 300, 50)).as("it carries the newest ACK").isNotZero();
    assertThat(traffic.held()).contains(a, b).hasSize(3).doesNotContain(ackCarrier);
    assertThat(traffic.dropped(DropReason.HOLD_FULL)).isEqualTo(2);
    assertThat(traffic.queue.dropped()).isEqualTo(2);
  }

  @Test
  void segmentThatTheGuestExpectsIsKeptThoughTheQueueIsFullOfLowerOnes() {
    traffic = HeldTraffic.ofPackets(2, 100);
    traffic.guestExpects(talk, 1000);
    traffic.data(talk, 100, 50);
    traffic.data(talk, 150, 50);
    traffic.data(talk, 200, 50);
    long expected = traffic.data(talk, 1000, 50);
    traffic.data(talk, 300, 50);
    long highestAck = traffic.arrives(talk.tcp(TO_GUEST, ACK, 1050, 9, 50));
    assertThat(traffic.held()).containsExactly(expected, highestAck);
  }

  @Test
  void lowestSequenceIsExpectedWhereTheGuestWasNotHeard() {
    traffic = HeldTraffic.ofPackets(2, 100);
    traffic.data(talk, 500, 50);
    long low = traffic.data(talk, 300, 50);
    traffic.data(talk, 400, 50);
    long ack = traffic.arrives(talk.tcp(TO_GUEST, ACK, 600, 77, 50));
    assertThat(traffic.held()).containsExactly(low, ack);
  }

  @Test
  void segmentThatBeginsSoonestIsFirstWhereTheExpectedOneNeverCame() {
    traffic = HeldTraffic.ofPackets(1, 100);
    traffic.guestExpects(talk, 100);
    long soonest = traffic.data(talk, 200, 50);
    traffic.arrives(talk.tcp(TO_GUEST, ACK, 300, 77, 50));
    assertThat(traffic.held()).containsExactly(soonest);
  }

  @Test
  void retransmissionOfTheExpectedByteOutlivesTheSuperPacketThatItIsPartOf() {
    traffic = HeldTraffic.ofPackets(2, 100);
    traffic.guestExpects(talk, 100);
    traffic.data(talk, 100, 5000);
    long part = traffic.data(talk, 100, 500);
    long highestAck = traffic.arrives(talk.tcp(TO_GUEST, ACK, 5100, 77, 50));
    assertThat(traffic.held()).containsExactly(part, highestAck);
  }

  @Test
  void nextHighestAckTakesThePlaceOfOneThatIsGone() {
    traffic = new HeldTraffic(new HoldLimits(2, FOREVER, 100, FOREVER / 32, 10));
    traffic.guestExpects(talk, 100);
    traffic.arrives(talk.tcp(TO_GUEST, ACK, 300, 99, 50));
    traffic.now += 20;
    traffic.queue.expire(traffic.now, traffic);
    long ack = traffic.arrives(talk.tcp(TO_GUEST, ACK, 400, 50, 50));
    traffic.arrives(talk.tcp(TO_GUEST, ACK, 200, 20, 50));
    long expected = traffic.data(talk, 100, 50);
    assertThat(traffic.held()).containsExactly(ack, expected);
  }

  @Test
  void highestAckStaysBeforeFinAndFinBeforeBytes() {
    traffic = HeldTraffic.ofPackets(3, 100);
    traffic.guestExpects(talk, 100);
    long fin = traffic.arrives(talk.tcp(TO_GUEST, FIN | ACK, 400, 5, 0));
    long ack = pureAck(401, 50);
    long expected = traffic.data(talk, 100, 50);
    assertThat(traffic.data(talk, 150, 50)).isZero();
    assertThat(traffic.held()).containsExactly(fin, ack, expected);

    traffic.close();
    traffic = HeldTraffic.ofPackets(2, 100);
    traffic.guestExpects(talk, 100);
    traffic.arrives(talk.tcp(TO_GUEST, FIN | ACK, 400, 5, 0));
    ack = pureAck(401, 50);
    expected = traffic.data(talk, 100, 50);
    assertThat(traffic.held()).containsExactly(ack, expected);
  }

  @Test
  void pureAckThatASegmentOutdatesGoesBeforeBytes() {
    traffic = HeldTraffic.ofPackets(3, 100);
    traffic.guestExpects(talk, 100);
    pureAck(100, 10);
    long a = traffic.data(talk, 100, 50);
    long b = traffic.data(talk, 150, 50);
    long newest = traffic.arrives(talk.tcp(TO_GUEST, ACK, 200, 30, 50));
    assertThat(traffic.held()).containsExactly(a, b, newest);
  }

  @Test
  void flowIsBoundedInBytesToo() {
    traffic = new HeldTraffic(new HoldLimits(100, 1000, 100, 1_000_000, FOREVER));
    traffic.guestExpects(talk, 0);
    long first = traffic.data(talk, 0, 400);
    traffic.data(talk, 400, 400);
    long last = traffic.data(talk, 800, 400);
    assertThat(traffic.held()).contains(first, last).hasSize(2);
    assertThat(traffic.data(other(1), 0, 2000)).as("larger than a flow may be").isZero();
    assertThat(traffic.queue.bytes()).isLessThanOrEqualTo(1000);
  }

  // ---- pressure among flows ----

  @Test
  void synFloodCannotDisplaceWhatIsHeldOfConnections() {
    traffic = HeldTraffic.ofPackets(100, 160);
    List<Long> connections = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      traffic.guestExpects(other(i), 100);
      connections.add(traffic.data(other(i), 100, 50));
    }
    for (int i = 0; i < 2_000; i++) {
      traffic.arrives(other(1000 + i).tcp(TO_GUEST, SYN, i, 0, 0));
    }
    assertThat(connections).doesNotContain(0L);
    assertThat(traffic.held()).containsAll(connections).hasSize(160);
  }

  @Test
  void connectionDisplacesASynFloodAndADatagramFlood() {
    traffic = HeldTraffic.ofPackets(100, 160);
    for (int i = 0; i < 500; i++) {
      traffic.arrives(other(1000 + i).tcp(TO_GUEST, SYN, i, 0, 0));
      traffic.arrives(other(1000 + i).udp(TO_GUEST, 20));
    }
    assertThat(traffic.held()).as("a sixteenth and a quarter").hasSize(160 / 16 + 160 / 4);
    List<Long> connections = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      traffic.guestExpects(other(i), 100);
      connections.add(traffic.data(other(i), 100, 50));
    }
    assertThat(connections).doesNotContain(0L);
    assertThat(traffic.held()).containsAll(connections);
  }

  @Test
  void forgedMidStreamSegmentsGiveWayToConnectionsThatTheGuestSpokeOn() {
    traffic = HeldTraffic.ofPackets(100, 160);
    for (int i = 0; i < 500; i++) {
      traffic.data(other(1000 + i), i, 20);
    }
    assertThat(traffic.held()).as("half").hasSize(80);
    List<Long> connections = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      traffic.guestExpects(other(i), 100);
      connections.add(traffic.data(other(i), 100, 50));
    }
    assertThat(traffic.held()).containsAll(connections).hasSize(160);
  }

  /** It has the smaller packets, and had fewer of them when the others came. */
  @Test
  void heaviestConnectionGivesFirst() {
    traffic = HeldTraffic.ofPackets(1000, 160);
    traffic.guestExpects(talk, 0);
    long first = traffic.data(talk, 0, 100);
    List<Long> small = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      traffic.guestExpects(other(i), 100);
      for (int k = 0; k < 3; k++) {
        small.add(traffic.data(other(i), 100 + k * 500, 500));
      }
    }
    for (int i = 1; i < 300; i++) {
      traffic.data(talk, i * 100, 100);
    }
    for (int i = 20; i < 30; i++) {
      traffic.guestExpects(other(i), 100);
      small.add(traffic.data(other(i), 100, 500));
    }
    assertThat(small).doesNotContain(0L);
    assertThat(traffic.held()).contains(first).containsAll(small).hasSize(150);
  }

  @Test
  void newestDatagramsStay() {
    traffic = HeldTraffic.ofPackets(1000, 16);
    for (int i = 1; i <= 10; i++) {
      assertThat(traffic.arrives(talk.udp(TO_GUEST, 20))).isEqualTo(i);
    }
    assertThat(traffic.held()).containsExactly(7L, 8L, 9L, 10L);
    assertThat(traffic.dropped(DropReason.HOLD_FULL)).isEqualTo(6);
  }

  @Test
  void handshakeThatGoesOnLeavesTheSynsShare() {
    traffic = HeldTraffic.ofPackets(100, 32);
    long syn = traffic.arrives(talk.tcp(TO_GUEST, SYN, 99, 0, 0));
    long data = traffic.data(talk, 100, 10); // the guest's SYN-ACK went another way
    for (int i = 0; i < 50; i++) {
      traffic.arrives(other(i).tcp(TO_GUEST, SYN, i, 0, 0));
    }
    assertThat(traffic.held()).contains(syn, data).hasSize(2 + 32 / 16);
  }

  @Test
  void queuesOfAHostShareItsBudget() {
    var host = new HoldBudget(10, 1_000_000);
    traffic = new HeldTraffic(new HoldLimits(100, FOREVER, 100, FOREVER / 32, FOREVER), host);
    for (int i = 0; i < 8; i++) {
      traffic.arrives(talk.udp(TO_GUEST, 20));
    }
    try (var second =
        new HoldQueue(
            new HoldLimits(100, FOREVER, 100, FOREVER / 32, FOREVER),
            host,
            UnpooledByteBufAllocator.DEFAULT,
            traffic.drops,
            1,
            0)) {
      PacketView v = talk.udp(TO_GUEST, 20);
      HoldQueue.Mirror nobody =
          new HoldQueue.Mirror() {
            @Override
            public void kept(long id, int lane, ByteBuf vnetPacket) {}

            @Override
            public void removed(long id, int lane, DropReason why) {}
          };
      for (int i = 0; i < 5; i++) {
        second.offer(v.buffer(), 0, v, null, 1, nobody);
      }
      assertThat(second.packets()).isEqualTo(2);
      assertThat(host.packets()).isEqualTo(10);
      assertThat(traffic.queue.packets()).as("another's packets stay").isEqualTo(8);
    }
    assertThat(host.packets()).isEqualTo(8);
  }

  // ---- age and delivery ----

  @Test
  void whatIsHeldForTooLongIsDropped() {
    traffic = new HeldTraffic(new HoldLimits(100, 100_000, 100, 100_000, 1000));
    traffic.now = 0;
    traffic.data(talk, 100, 50); // at 1
    traffic.now = 500;
    long b = traffic.data(talk, 150, 50); // at 501
    traffic.queue.expire(1001, traffic);
    assertThat(traffic.held()).hasSize(2);
    traffic.queue.expire(1002, traffic);
    assertThat(traffic.held()).containsExactly(b);
    assertThat(traffic.dropped(DropReason.HOLD_AGED)).isEqualTo(1);
    traffic.now = 1400;
    long again = traffic.data(talk, 150, 50);
    traffic.queue.expire(2000, traffic);
    assertThat(traffic.held()).as("the repeated one is young").containsExactly(again);
  }

  @Test
  void deliveredPacketsGoWithoutAWordAndAreNoDrops() {
    for (int i = 0; i < 10; i++) {
      traffic.data(talk, 100 + i * 10, 10);
    }
    int lane = Lanes.of(talk.tcp(TO_GUEST, PacketView.ACK, 100, 1, 10), HeldTraffic.LANES);
    traffic.queue.deliveredUpTo((lane + 1) % HeldTraffic.LANES, 9);
    assertThat(traffic.held()).as("it was another lane").hasSize(10);
    traffic.queue.deliveredUpTo(lane, 4);
    assertThat(traffic.mirrored).as("the mirror was not told").hasSize(10);
    traffic.mirrored.keySet().removeIf(id -> id <= 4);
    assertThat(traffic.held()).containsExactly(5L, 6L, 7L, 8L, 9L, 10L);
    assertThat(traffic.drops.total()).isZero();
    List<Long> rest = new ArrayList<>();
    traffic.queue.forEachInOrder(lane, 8, (id, l, copy) -> rest.add(id));
    assertThat(rest).containsExactly(9L, 10L);
    assertThat(traffic.queue.lastId()).isEqualTo(10);
  }
}
