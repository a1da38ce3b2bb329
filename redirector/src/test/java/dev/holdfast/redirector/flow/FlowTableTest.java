package dev.holdfast.redirector.flow;

import static dev.holdfast.redirector.flow.Direction.FROM_GUEST;
import static dev.holdfast.redirector.flow.Direction.TO_GUEST;
import static dev.holdfast.tunnel.packet.PacketView.ACK;
import static dev.holdfast.tunnel.packet.PacketView.FIN;
import static dev.holdfast.tunnel.packet.PacketView.RST;
import static dev.holdfast.tunnel.packet.PacketView.SYN;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Finding, counting and giving up flows, and what each one records for the report. */
class FlowTableTest {
  private static final long SECOND = 1_000_000_000L;
  private static final FlowTimers TIMERS = FlowTimers.DEFAULTS;

  private final Conversation talk = Conversation.v4();
  private final FlowTable table = new FlowTable(1000, TIMERS, 7);
  private final long start = -3 * SECOND; // a monotonic clock may stand anywhere, also below 0

  private static Flow seen(FlowTable table, PacketView v, Direction direction, long now) {
    return Objects.requireNonNull(table.seen(v, direction, now, Origin.SEEN));
  }

  private Flow seen(PacketView v, Direction direction, long now) {
    return seen(table, v, direction, now);
  }

  private static IpAddress peer(int i) {
    return IpAddress.v4(0x0b00_0000 + i);
  }

  @Test
  void bothDirectionsAreOneFlow() {
    for (Conversation one : List.of(Conversation.v4(), Conversation.v6())) {
      PacketView there = one.tcp(TO_GUEST, ACK, 1, 1, 10);
      PacketView back = one.tcp(FROM_GUEST, ACK, 1, 11, 0);
      assertThat(table.find(there, TO_GUEST)).isNull();
      Flow flow = seen(there, TO_GUEST, start);
      assertThat(seen(back, FROM_GUEST, start)).isSameAs(flow);
      assertThat(table.find(there, TO_GUEST)).isSameAs(flow);
      assertThat(table.find(back, FROM_GUEST)).isSameAs(flow);
      assertThat(table.find(one.key())).isSameAs(flow);
      assertThat(flow.key()).isEqualTo(one.key());
      assertThat(table.find(back, TO_GUEST)).as("the other way round is another").isNull();
      assertThat(flow.bytes(TO_GUEST)).isEqualTo(there.length());
      assertThat(flow.bytes(FROM_GUEST)).isEqualTo(back.length());
    }
    assertThat(table.size()).isEqualTo(2);
  }

  @ParameterizedTest(name = "{0} answered {1}: {2} s")
  @CsvSource({"udp, false, 120", "udp, true, 300", "icmp, true, 60", "other, true, 600"})
  void flowsWithoutConnectionEndByTimers(String kind, boolean answered, long seconds) {
    Flow flow = seen(packet(kind, TO_GUEST), TO_GUEST, start);
    if (answered) {
      assertThat(seen(packet(kind, FROM_GUEST), FROM_GUEST, start)).isSameAs(flow);
    }
    assertThat(table.countRemaining(start)).isEqualTo(1);
    assertThat(table.whyCounts(flow, start)).contains("after " + seconds + " s of silence");
    assertThat(table.countRemaining(start + seconds * SECOND - 1)).isEqualTo(1);
    assertThat(table.countRemaining(start + seconds * SECOND)).isZero();
    assertThat(flow.end()).isEqualTo(FlowEnd.TIMED_OUT);
    assertThat(flow.stateLabel()).isEqualTo("closed");
    Flow next = seen(packet(kind, TO_GUEST), TO_GUEST, start + seconds * SECOND);
    assertThat(next).isNotSameAs(flow);
    assertThat(table.size()).isEqualTo(1);
  }

  private PacketView packet(String kind, Direction direction) {
    return switch (kind) {
      case "udp" -> talk.udp(direction, 10);
      case "icmp" -> talk.icmp(direction, direction == TO_GUEST ? 8 : 0, 0x1234);
      default -> Conversation.view(talk.builder(direction).raw(47).payload(20));
    };
  }

  @Test
  void activityMovesATimer() {
    Flow flow = seen(talk.udp(TO_GUEST, 10), TO_GUEST, start);
    assertThat(table.countRemaining(start + 100 * SECOND)).isEqualTo(1);
    assertThat(seen(talk.udp(TO_GUEST, 10), TO_GUEST, start + 100 * SECOND)).isSameAs(flow);
    assertThat(table.countRemaining(start + 200 * SECOND)).isEqualTo(1);
    assertThat(table.countRemaining(start + 220 * SECOND)).isZero();
  }

  @Test
  void idleEstablishedTcpNeverEndsByItself() {
    Flow flow = seen(talk.tcp(TO_GUEST, ACK, 1, 1, 10), TO_GUEST, start);
    assertThat(table.countRemaining(start + 400L * 24 * 3600 * SECOND)).isEqualTo(1);
    assertThat(table.whyCounts(flow, start + 5 * SECOND))
        .isEqualTo(
            "the connection is open; it ends by FIN or RST, or when the guest no longer lists it");
  }

  @Test
  void handshakeThatLeadsNowhereEnds() {
    seen(talk.tcp(TO_GUEST, SYN, 1, 0, 0), TO_GUEST, start);
    assertThat(table.countRemaining(start + 240 * SECOND - 1)).isEqualTo(1);
    assertThat(table.countRemaining(start + 240 * SECOND)).isZero();
  }

  @Test
  void echoesAreToldApartByIdentifierAndIcmpErrorsAreNotCounted() {
    Flow one = seen(talk.icmp(TO_GUEST, 8, 1), TO_GUEST, start);
    assertThat(seen(talk.icmp(TO_GUEST, 8, 2), TO_GUEST, start)).isNotSameAs(one);
    assertThat(seen(talk.icmp(FROM_GUEST, 0, 1), FROM_GUEST, start)).isSameAs(one);
    Flow error = seen(talk.icmp(TO_GUEST, 3, 0), TO_GUEST, start);
    assertThat(error.isCounted()).isFalse();
    assertThat(table.whyCounts(error, start)).isEmpty();
    Conversation six = Conversation.v6();
    Flow echo = seen(six.icmp(TO_GUEST, 128, 9), TO_GUEST, start);
    assertThat(seen(six.icmp(FROM_GUEST, 129, 9), FROM_GUEST, start)).isSameAs(echo);
    assertThat(table.countRemaining(start)).isEqualTo(3);
  }

  @Test
  void laterFragmentsHaveNoPortsAndAreNotCounted() {
    Flow first =
        seen(
            Conversation.view(
                talk.builder(TO_GUEST).udp(50_000, 443).payload(64).fragment(0, true)),
            TO_GUEST,
            start);
    Flow later =
        seen(
            Conversation.view(talk.builder(TO_GUEST).raw(17).payload(64).fragment(72, false)),
            TO_GUEST,
            start);
    assertThat(first.guestPort()).isEqualTo(443);
    assertThat(first.isCounted()).isTrue();
    assertThat(later).isNotSameAs(first);
    assertThat(later.guestPort()).isZero();
    assertThat(later.peerPort()).isZero();
    assertThat(later.isCounted()).isFalse();
    assertThat(table.countRemaining(start)).isEqualTo(1);
  }

  @Test
  void synFloodDisplacesOnlyItself() {
    var small = new FlowTable(100, TIMERS, 3);
    List<Flow> open = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      open.add(seen(small, talk.withPeer(peer(i)).tcp(TO_GUEST, ACK, 1, 1, 1), TO_GUEST, start));
    }
    for (int i = 0; i < 10_000; i++) {
      small.seen(
          talk.withPeer(peer(1000 + i)).tcp(TO_GUEST, SYN, i, 0, 0), TO_GUEST, start, Origin.SEEN);
      assertThat(small.size()).isLessThanOrEqualTo(60 + 25);
    }
    assertThat(open).allMatch(flow -> small.find(flow.key()) == flow);
    assertThat(small.evicted()).isEqualTo(10_000 - 25);
    assertThat(small.countRemaining(start)).isEqualTo(small.size());
  }

  @Test
  void fullTableOfOpenConnectionsTakesNoSynAndSaysSo() {
    var small = new FlowTable(50, TIMERS, 3);
    for (int i = 0; i < 50; i++) {
      Conversation one = talk.withPeer(peer(i));
      seen(small, one.tcp(TO_GUEST, ACK, 1, 1, 1), TO_GUEST, start);
      seen(small, one.tcp(FROM_GUEST, ACK, 1, 2, 1), FROM_GUEST, start);
    }
    PacketView syn = talk.withPeer(peer(77)).tcp(TO_GUEST, SYN, 1, 0, 0);
    assertThat(small.seen(syn, TO_GUEST, start, Origin.SEEN)).isNull();
    PacketView middle = talk.withPeer(peer(78)).tcp(TO_GUEST, ACK, 1, 0, 0);
    assertThat(small.seen(middle, TO_GUEST, start, Origin.SEEN)).isNull();
    assertThat(small.refused()).isEqualTo(2);

    PacketView reset = talk.withPeer(peer(5)).tcp(FROM_GUEST, RST, 2, 0, 0);
    seen(small, reset, FROM_GUEST, start);
    assertThat(small.seen(middle, TO_GUEST, start, Origin.SEEN))
        .as("an ended one gives way")
        .isNotNull();
    assertThat(small.size()).isEqualTo(50);
    assertThat(small.countRemaining(start)).isEqualTo(50);
  }

  @Test
  void connectionThatTheGuestNeverSpokeOnGivesWayToAnotherButNotToASyn() {
    var small = new FlowTable(8, TIMERS, 3);
    for (int i = 0; i < 8; i++) {
      seen(small, talk.withPeer(peer(i)).tcp(TO_GUEST, ACK, 1, 1, 1), TO_GUEST, start + i);
    }
    PacketView syn = talk.withPeer(peer(77)).tcp(TO_GUEST, SYN, 1, 0, 0);
    assertThat(small.seen(syn, TO_GUEST, start + 10, Origin.SEEN)).isNull();
    PacketView middle = talk.withPeer(peer(78)).tcp(TO_GUEST, ACK, 1, 1, 1);
    assertThat(small.seen(middle, TO_GUEST, start + 10, Origin.SEEN)).isNotNull();
    assertThat(small.find(talk.withPeer(peer(0)).key())).as("idle for longest").isNull();
  }

  @Test
  void listedFlowIsOpenThoughNothingWasHeard() {
    Flow flow = Objects.requireNonNull(table.list(talk.key(), start, Origin.LISTED));
    assertThat(flow.origin()).isEqualTo(Origin.LISTED);
    assertThat(flow.isConfirmed()).isTrue();
    assertThat(flow.tcpState()).isEqualTo(TcpState.ESTABLISHED);
    assertThat(table.whyCounts(flow, start)).startsWith("the connection was listed");
    assertThat(table.list(talk.key(), start, Origin.SNAPSHOT)).isSameAs(flow);
    assertThat(seen(talk.tcp(TO_GUEST, ACK, 1, 1, 1), TO_GUEST, start)).isSameAs(flow);
    assertThat(table.countRemaining(start)).isEqualTo(1);
  }

  @Test
  void aListIsNotCompleteThatLacksWhatTheGuestUses() {
    Flow idle = seen(talk.tcp(TO_GUEST, ACK, 1, 1, 1), TO_GUEST, start);
    seen(talk.withPeerPort(2).tcp(FROM_GUEST, ACK, 1, 1, 1), FROM_GUEST, start);
    long taken = start + SECOND;
    seen(talk.withPeerPort(3).tcp(FROM_GUEST, ACK, 1, 1, 1), FROM_GUEST, taken + SECOND / 2);
    FlowKey begunSince = talk.withPeerPort(2).key();
    assertThat(table.listComplete(List.of(talk.key(), begunSince), taken, taken + SECOND))
        .as("a connection that began since cannot be in it")
        .isTrue();

    seen(talk.withPeerPort(2).tcp(FROM_GUEST, ACK, 2, 1, 1), FROM_GUEST, taken + 1);
    assertThat(table.listComplete(List.of(), taken, taken + SECOND)).isFalse();
    assertThat(idle.isEnded()).isFalse();
    assertThat(table.countRemaining(taken + SECOND)).isEqualTo(3);
  }

  @Test
  void whatConnectionTrackingKnewCountsUntilTheGuestSaysOtherwise() {
    Flow tracked =
        java.util.Objects.requireNonNull(table.list(talk.key(), start, Origin.CONNTRACK));
    assertThat(tracked.origin()).isEqualTo(Origin.CONNTRACK);
    assertThat(tracked.end()).isEqualTo(FlowEnd.OPEN);
    assertThat(tracked.isConfirmed()).isTrue();
    assertThat(table.whyCounts(tracked, start)).startsWith("connection tracking knew it at arm");
    assertThat(table.countRemaining(start + 100_000 * SECOND)).isEqualTo(1);
    assertThat(table.listComplete(List.of(), start + SECOND, start + 2 * SECOND)).isTrue();
    assertThat(tracked.end()).isEqualTo(FlowEnd.UNLISTED);
    assertThat(tracked.origin()).isEqualTo(Origin.CONNTRACK);
    assertThat(table.countRemaining(start + 2 * SECOND)).isZero();
  }

  @Test
  void completeListEndsWhatItDoesNotHave() {
    Flow idle = seen(talk.tcp(TO_GUEST, ACK, 1, 1, 1), TO_GUEST, start);
    Flow busy = seen(talk.withPeerPort(2).tcp(TO_GUEST, ACK, 1, 1, 1), TO_GUEST, start);
    Flow closed = seen(talk.withPeerPort(3).tcp(TO_GUEST, FIN | ACK, 1, 1, 0), TO_GUEST, start);
    seen(talk.withPeerPort(3).tcp(FROM_GUEST, FIN | ACK, 1, 2, 0), FROM_GUEST, start);
    seen(talk.withPeerPort(3).tcp(TO_GUEST, ACK, 2, 2, 0), TO_GUEST, start);
    Flow opening = seen(talk.withPeerPort(4).tcp(TO_GUEST, SYN, 1, 0, 0), TO_GUEST, start);
    Flow datagrams = seen(talk.udp(TO_GUEST, 1), TO_GUEST, start);
    long taken = start + SECOND;
    seen(talk.withPeerPort(2).tcp(TO_GUEST, ACK, 2, 1, 1), TO_GUEST, taken + 1);
    FlowKey unheard = talk.withPeerPort(9).key();

    assertThat(table.listComplete(List.of(unheard), taken, taken + SECOND)).isTrue();
    assertThat(idle.end()).isEqualTo(FlowEnd.UNLISTED);
    assertThat(List.of(busy, closed, opening, datagrams)).noneMatch(Flow::isEnded);
    assertThat(table.find(unheard)).isNotNull();
    assertThat(table.countRemaining(taken + SECOND)).isEqualTo(5);

    Flow again = seen(talk.tcp(TO_GUEST, ACK, 2, 1, 1), TO_GUEST, taken + SECOND);
    assertThat(again).as("it speaks: the list was wrong").isNotSameAs(idle);
    assertThat(table.countRemaining(taken + SECOND)).isEqualTo(6);
  }

  @Test
  void flowsAliveAtHoldKeepTheirRecord() {
    Flow talker = seen(talk.tcp(TO_GUEST, ACK, 1, 1, 10), TO_GUEST, start);
    Flow dead = seen(talk.withPeerPort(2).tcp(FROM_GUEST, RST, 1, 0, 0), FROM_GUEST, start);
    long hold = start + 2 * SECOND;
    table.held(hold);
    Flow late = seen(talk.withPeerPort(3).tcp(TO_GUEST, ACK, 1, 1, 10), TO_GUEST, hold);
    assertThat(table.aliveAtHold()).containsExactly(talker);
    assertThat(talker.wasAliveAtHold()).isTrue();
    assertThat(dead.wasAliveAtHold()).isFalse();
    assertThat(late.wasAliveAtHold()).isFalse();
    assertThat(talker.bytesAtHold(TO_GUEST)).isEqualTo(50);

    seen(talk.tcp(TO_GUEST, ACK, 11, 1, 10), TO_GUEST, hold + SECOND);
    seen(talk.tcp(FROM_GUEST, ACK, 1, 11, 0), FROM_GUEST, hold + SECOND);
    assertThat(talker.recoveryNanos()).as("before release nothing has recovered").isEqualTo(-1);
    long release = hold + 10 * SECOND;
    table.released(release);
    table.released(release + 1); // said twice
    seen(talk.tcp(TO_GUEST, ACK, 11, 1, 10), TO_GUEST, release + 1000);
    assertThat(talker.recoveryNanos()).isEqualTo(-1);
    seen(talk.tcp(FROM_GUEST, ACK, 1, 21, 0), FROM_GUEST, release + 5000);
    seen(talk.tcp(FROM_GUEST, ACK, 1, 21, 0), FROM_GUEST, release + 9000);
    assertThat(talker.recoveryNanos()).isEqualTo(5000);
    assertThat(talker.longestSilenceNanos(release + 9000)).isEqualTo(9 * SECOND);
    assertThat(talker.longestSilenceNanos(release + 9000 + 20 * SECOND)).isEqualTo(20 * SECOND);

    seen(talk.tcp(TO_GUEST, RST, 21, 0, 0), TO_GUEST, release + 10_000);
    table.remove(talker);
    assertThat(table.aliveAtHold().getFirst().end()).isEqualTo(FlowEnd.RESET_BY_PEER);
    assertThat(talker.longestSilenceNanos(release + 900 * SECOND)).isEqualTo(9 * SECOND);
  }

  @Test
  void whatBeginsWhileDrainingIsMarkedAndCounts() {
    Flow before = seen(talk.tcp(TO_GUEST, SYN, 1, 0, 0), TO_GUEST, start);
    table.drainingBegan();
    Flow syn = seen(talk.withPeerPort(2).tcp(TO_GUEST, SYN, 1, 0, 0), TO_GUEST, start);
    Flow middle = seen(talk.withPeerPort(3).tcp(TO_GUEST, ACK, 1, 1, 1), TO_GUEST, start);
    assertThat(before.beganWhileDraining()).isFalse();
    assertThat(syn.beganWhileDraining()).isTrue();
    assertThat(middle.beganWhileDraining()).as("it is older than our knowledge").isFalse();
    assertThat(table.countRemaining(start)).isEqualTo(3);
    assertThat(table.whyCounts(syn, start)).endsWith("it began by the old address while draining");
  }

  @Test
  void endedFlowsAreForgottenAfterAWhile() {
    seen(talk.tcp(FROM_GUEST, RST, 1, 0, 0), FROM_GUEST, start);
    assertThat(table.countRemaining(start + 1)).isZero();
    assertThat(table.size()).isEqualTo(1);
    table.countRemaining(start + 1000 * SECOND);
    assertThat(table.size()).isZero();
  }

  /** The count that is kept as flows come and go is the one that looking at each gives. */
  @Test
  void countAgreesWithLookingAtEachFlow() {
    var random = new Random(20_251);
    var small = new FlowTable(64, TIMERS, 9);
    long now = start;
    int[] flags = {SYN, SYN | ACK, ACK, ACK, ACK, FIN | ACK, RST, RST | ACK};
    for (int i = 0; i < 20_000; i++) {
      now += random.nextInt(1000) == 0 ? 100 * SECOND : random.nextInt(1_000_000);
      Conversation one = talk.withPeerPort(1 + random.nextInt(120));
      Direction direction = random.nextBoolean() ? TO_GUEST : FROM_GUEST;
      PacketView v =
          random.nextInt(5) == 0
              ? one.udp(direction, 5)
              : one.tcp(
                  direction,
                  flags[random.nextInt(flags.length)],
                  random.nextInt(40),
                  random.nextInt(40),
                  random.nextInt(3));
      Flow flow = small.seen(v, direction, now, Origin.SEEN);
      assertThat(flow == null || small.find(v, direction) == flow).isTrue();
      assertThat(small.size()).isLessThanOrEqualTo(64);
      if (random.nextInt(20) == 0) {
        List<Flow> counted = new ArrayList<>();
        long at = now;
        small.forEach(each -> {
          if (!small.whyCounts(each, at).isEmpty()) {
            counted.add(each);
          }
        });
        assertThat(small.countRemaining(now)).isEqualTo(counted.size());
        assertThat(small.remaining(now)).containsExactlyInAnyOrderElementsOf(counted);
      }
    }
  }
}
