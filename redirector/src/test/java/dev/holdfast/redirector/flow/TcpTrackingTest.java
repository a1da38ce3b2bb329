package dev.holdfast.redirector.flow;

import static dev.holdfast.redirector.flow.Direction.FROM_GUEST;
import static dev.holdfast.redirector.flow.Direction.TO_GUEST;
import static dev.holdfast.tunnel.packet.PacketView.ACK;
import static dev.holdfast.tunnel.packet.PacketView.FIN;
import static dev.holdfast.tunnel.packet.PacketView.RST;
import static dev.holdfast.tunnel.packet.PacketView.SYN;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.PacketView;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Connections step by step: what one who watches both directions knows after each segment. */
class TcpTrackingTest {
  private static final long SECOND = 1_000_000_000L;

  private final Conversation talk = Conversation.v4();
  private final FlowTable table = new FlowTable(100, FlowTimers.DEFAULTS, 1);
  private long now = 5 * SECOND;

  private Flow seen(Direction direction, int flags, long sequence, long acknowledgment, int bytes) {
    return seen(direction, talk.tcp(direction, flags, sequence, acknowledgment, bytes));
  }

  private Flow seen(Direction direction, PacketView segment) {
    now += 1_000_000;
    return Objects.requireNonNull(table.seen(segment, direction, now, Origin.SEEN));
  }

  /** The peer has sent up to 1000 and the guest up to 5000, and both have acknowledged all. */
  private Flow established() {
    seen(TO_GUEST, ACK, 900, 5000, 100);
    return seen(FROM_GUEST, ACK, 5000, 1000, 0);
  }

  @Test
  void connectionThatThePeerOpensAndTheGuestCloses() {
    Flow flow = seen(TO_GUEST, SYN, 100, 0, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.SYN_RECEIVED);
    assertThat(flow.isSynOnly()).isTrue();
    assertThat(flow.isConfirmed()).isFalse();

    assertThat(seen(FROM_GUEST, SYN | ACK, 500, 101, 0)).isSameAs(flow);
    assertThat(flow.tcpState()).isEqualTo(TcpState.SYN_RECEIVED);
    assertThat(flow.isSynOnly()).isFalse();
    assertThat(flow.isConfirmed()).isTrue();

    seen(TO_GUEST, ACK, 101, 501, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.ESTABLISHED);
    seen(TO_GUEST, ACK, 101, 501, 20);
    assertThat(flow.sequenceEnd(TO_GUEST)).isEqualTo(121);
    assertThat(flow.acknowledgment(FROM_GUEST)).isEqualTo(101);

    seen(FROM_GUEST, FIN | ACK, 501, 121, 10);
    assertThat(flow.tcpState()).isEqualTo(TcpState.FIN_WAIT_1);
    seen(TO_GUEST, ACK, 121, 511, 0);
    assertThat(flow.tcpState()).as("the FIN itself is at 511").isEqualTo(TcpState.FIN_WAIT_1);
    seen(TO_GUEST, ACK, 121, 512, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.FIN_WAIT_2);
    seen(TO_GUEST, FIN | ACK, 121, 512, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.FIN_WAIT_2);
    seen(FROM_GUEST, ACK, 512, 122, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.TIME_WAIT);
    assertThat(flow.isEnded()).isFalse();

    assertThat(table.countRemaining(now + 60 * SECOND - 1)).isEqualTo(1);
    assertThat(table.countRemaining(now + 60 * SECOND)).isZero();
    assertThat(flow.end()).isEqualTo(FlowEnd.FIN);
    assertThat(flow.tcpState()).isEqualTo(TcpState.CLOSED);
  }

  @Test
  void connectionThatTheGuestOpensAndThePeerCloses() {
    Flow flow = seen(FROM_GUEST, SYN, 100, 0, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.SYN_SENT);
    seen(TO_GUEST, SYN | ACK, 500, 101, 0);
    seen(FROM_GUEST, ACK, 101, 501, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.ESTABLISHED);
    seen(TO_GUEST, FIN | ACK, 501, 101, 0);
    assertThat(flow.tcpState()).as("not acknowledged").isEqualTo(TcpState.ESTABLISHED);
    seen(FROM_GUEST, ACK, 101, 502, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.CLOSE_WAIT);
    seen(FROM_GUEST, FIN | ACK, 101, 502, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.LAST_ACK);
    seen(TO_GUEST, ACK, 502, 102, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.TIME_WAIT);
  }

  @Test
  void bothCloseAtOnce() {
    Flow flow = established();
    seen(FROM_GUEST, FIN | ACK, 5000, 1000, 0);
    seen(TO_GUEST, FIN | ACK, 1000, 5000, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.FIN_WAIT_1);
    seen(FROM_GUEST, ACK, 5001, 1001, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.CLOSING);
    seen(TO_GUEST, ACK, 1001, 5001, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.TIME_WAIT);
  }

  @Test
  void repeatedFinRestartsTimeWait() {
    established();
    seen(FROM_GUEST, FIN | ACK, 5000, 1000, 0);
    seen(TO_GUEST, FIN | ACK, 1000, 5001, 0);
    Flow flow = seen(FROM_GUEST, ACK, 5001, 1001, 0);
    long first = now;
    now += 50 * SECOND;
    seen(TO_GUEST, FIN | ACK, 1000, 5001, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.TIME_WAIT);
    assertThat(table.countRemaining(first + 61 * SECOND)).isEqualTo(1);
    assertThat(table.countRemaining(now + 60 * SECOND)).isZero();
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 0x7fff_ff00L, 0xffff_ff00L})
  void segmentInMidStreamIsAdoptedAndFollowedAcrossTheWrap(long at) {
    Flow flow = seen(TO_GUEST, ACK, at, at + 7, 200);
    assertThat(flow.tcpState()).isEqualTo(TcpState.ESTABLISHED);
    seen(TO_GUEST, ACK, at + 200, at + 7, 200);
    assertThat(flow.sequenceEnd(TO_GUEST)).isEqualTo((int) (at + 400));
    seen(TO_GUEST, ACK, at, at + 7, 200);
    assertThat(flow.sequenceEnd(TO_GUEST)).as("a retransmission").isEqualTo((int) (at + 400));
    seen(FROM_GUEST, ACK, at + 7, at + 400, 0);
    seen(FROM_GUEST, ACK, at + 7, at + 200, 0);
    assertThat(flow.acknowledgment(FROM_GUEST)).as("an old one").isEqualTo((int) (at + 400));
    seen(TO_GUEST, FIN | ACK, at + 400, at + 7, 0);
    seen(FROM_GUEST, FIN | ACK, at + 7, at + 401, 0);
    seen(TO_GUEST, ACK, at + 401, at + 8, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.TIME_WAIT);
  }

  @ParameterizedTest(name = "{0}: reset at {1} ends it: {2}")
  @CsvSource({
    "the byte that the guest expects, 1000, true",
    "the last byte of its window, 2000, true",
    "behind its window, 2001, false",
    "before its window, 999, false",
    "far away, 2147484700, false",
  })
  void resetOfThePeerMustFallIntoTheWindow(String name, long sequence, boolean ends) {
    Flow flow = established();
    seen(TO_GUEST, RST, sequence, 0, 0);
    assertThat(flow.isEnded()).as(name).isEqualTo(ends);
    assertThat(flow.end()).isEqualTo(ends ? FlowEnd.RESET_BY_PEER : FlowEnd.OPEN);
    assertThat(table.countRemaining(now)).isEqualTo(ends ? 0 : 1);
  }

  @Test
  void resetBehindBytesInFlightIsPlausibleThoughTheWindowIsSmaller() {
    Flow flow = established();
    seen(TO_GUEST, ACK, 1000, 5000, 1400);
    seen(TO_GUEST, RST, 2400, 0, 0);
    assertThat(flow.end()).isEqualTo(FlowEnd.RESET_BY_PEER);
  }

  @Test
  void whatTheGuestAcknowledgesWasSentThoughWeHaveNotSeenIt() {
    Flow flow = established();
    seen(FROM_GUEST, ACK, 5000, 3000, 0);
    assertThat(flow.sequenceEnd(TO_GUEST)).isEqualTo(3000);
    seen(TO_GUEST, ACK, 3000, 7000, 0);
    assertThat(flow.sequenceEnd(FROM_GUEST)).as("only a peer says so").isEqualTo(5000);
  }

  @Test
  void windowIsScaledAsTheSynSaid() {
    byte[] scale7 = {1, 3, 3, 7};
    seen(TO_GUEST, talk.tcp(TO_GUEST, SYN, 100, 0, 0, 1000, scale7));
    seen(FROM_GUEST, talk.tcp(FROM_GUEST, SYN | ACK, 500, 101, 0, 1000, scale7));
    Flow flow = seen(FROM_GUEST, talk.tcp(FROM_GUEST, ACK, 501, 101, 0, 1000));
    assertThat(flow.window(FROM_GUEST)).isEqualTo(128_000);
    seen(TO_GUEST, RST, 101 + 128_001, 0, 0);
    assertThat(flow.isEnded()).isFalse();
    seen(TO_GUEST, RST, 101 + 128_000, 0, 0);
    assertThat(flow.isEnded()).isTrue();
  }

  /** With a direct return path its last bytes have not passed here, nor has the peer's SYN. */
  @Test
  void resetOfTheGuestIsTakenFarAheadOfWhatWasSeen() {
    Flow flow = established();
    long expected = Integer.toUnsignedLong(flow.acknowledgment(TO_GUEST));
    seen(FROM_GUEST, RST, expected - 1, 0, 0);
    assertThat(flow.isEnded()).as("what the peer has already").isFalse();
    seen(FROM_GUEST, RST, expected + (1L << 30) + 1, 0, 0);
    assertThat(flow.isEnded()).as("more than any window").isFalse();
    seen(FROM_GUEST, RST, expected + 3_000_000, 0, 0);
    assertThat(flow.end()).isEqualTo(FlowEnd.RESET_BY_GUEST);
  }

  @Test
  void windowIsNotScaledUnlessBothSidesSayIt() {
    seen(TO_GUEST, talk.tcp(TO_GUEST, SYN, 100, 0, 0, 1000, new byte[] {3, 3, 7}));
    seen(FROM_GUEST, SYN | ACK, 500, 101, 0);
    Flow flow = seen(TO_GUEST, ACK, 101, 501, 0);
    assertThat(flow.window(TO_GUEST)).isEqualTo(Conversation.WINDOW);
  }

  @Test
  void refusedConnectionEnds() {
    Flow flow = seen(TO_GUEST, SYN, 100, 0, 0);
    seen(FROM_GUEST, RST | ACK, 0, 101, 0);
    assertThat(flow.end()).isEqualTo(FlowEnd.RESET_BY_GUEST);
  }

  @Test
  void resetOfAnUnknownFlowIsTakenInAndEndsIt() {
    Flow flow = seen(FROM_GUEST, RST, 77, 0, 0);
    assertThat(flow.end()).isEqualTo(FlowEnd.RESET_BY_GUEST);
    assertThat(table.countRemaining(now)).isZero();
  }

  @Test
  void guestThatSpeaksOnLongAfterAForgedResetIsAlive() {
    Flow flow = established();
    seen(TO_GUEST, RST, 1000, 0, 0);
    assertThat(seen(FROM_GUEST, ACK, 5000, 1000, 50)).as("was on its way").isSameAs(flow);
    assertThat(table.countRemaining(now)).isZero();
    now += 5 * SECOND;
    Flow again = seen(FROM_GUEST, ACK, 5000, 1000, 50);
    assertThat(again).isNotSameAs(flow);
    assertThat(again.tcpState()).isEqualTo(TcpState.ESTABLISHED);
    assertThat(table.countRemaining(now)).isEqualTo(1);
  }

  @Test
  void forgedFinBeforeAcknowledgedBytesIsNoFin() {
    Flow flow = established();
    seen(TO_GUEST, FIN | ACK, 500, 5000, 0);
    assertThat(flow.hasFin(TO_GUEST)).isFalse();
  }

  @Test
  void forgedFinInTheWindowIsForgottenWhenTheGuestReadsOn() {
    Flow flow = established();
    seen(TO_GUEST, FIN | ACK, 1005, 5000, 0);
    seen(TO_GUEST, ACK, 1000, 5000, 100);
    seen(FROM_GUEST, FIN | ACK, 5000, 1100, 0);
    seen(TO_GUEST, ACK, 1100, 5001, 0);
    assertThat(flow.tcpState()).as("the peer has not closed").isEqualTo(TcpState.FIN_WAIT_2);
    assertThat(table.countRemaining(now + 10_000 * SECOND)).isEqualTo(1);
  }

  @Test
  void forgedAcknowledgmentOfWhatTheGuestNeverSentClosesNothing() {
    Flow flow = established();
    seen(TO_GUEST, ACK, 1000, 9000, 0);
    seen(FROM_GUEST, FIN | ACK, 5000, 1000, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.FIN_WAIT_1);
    seen(TO_GUEST, ACK, 1000, 9000, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.FIN_WAIT_1);
    seen(TO_GUEST, ACK, 1000, 5001, 0);
    assertThat(flow.tcpState()).isEqualTo(TcpState.FIN_WAIT_2);
  }

  @Test
  void synOnAnEndedTupleBeginsANewFlow() {
    Flow flow = established();
    seen(FROM_GUEST, RST, 5000, 0, 0);
    assertThat(flow.isEnded()).isTrue();
    assertThat(seen(TO_GUEST, ACK, 1000, 5000, 10)).as("a late segment").isSameAs(flow);
    Flow next = seen(TO_GUEST, SYN, 70_000, 0, 0);
    assertThat(next).isNotSameAs(flow);
    assertThat(next.isSynOnly()).isTrue();
    assertThat(table.size()).isEqualTo(1);
    assertThat(table.countRemaining(now)).isEqualTo(1);
  }

  @Test
  void synInTimeWaitBeginsANewFlow() {
    established();
    seen(FROM_GUEST, FIN | ACK, 5000, 1000, 0);
    seen(TO_GUEST, FIN | ACK, 1000, 5001, 0);
    Flow flow = seen(FROM_GUEST, ACK, 5001, 1001, 0);
    assertThat(flow.isClosed()).isTrue();
    assertThat(seen(TO_GUEST, SYN, 70_000, 0, 0)).isNotSameAs(flow);
    assertThat(table.countRemaining(now)).isEqualTo(1);
  }

  @Test
  void synAckOfThePeerInTimeWaitIsALateOne() {
    established();
    seen(FROM_GUEST, FIN | ACK, 5000, 1000, 0);
    seen(TO_GUEST, FIN | ACK, 1000, 5001, 0);
    Flow flow = seen(FROM_GUEST, ACK, 5001, 1001, 0);
    assertThat(seen(TO_GUEST, SYN | ACK, 899, 4001, 0)).isSameAs(flow);
    assertThat(flow.tcpState()).isEqualTo(TcpState.TIME_WAIT);
  }

  @Test
  void synOfThePeerOnAnOpenConnectionMovesNothingUntilTheGuestAnswersIt() {
    Flow flow = established();
    assertThat(seen(TO_GUEST, SYN, 70_000, 0, 0)).isSameAs(flow);
    assertThat(flow.sequenceEnd(TO_GUEST)).isEqualTo(1000);
    assertThat(flow.tcpState()).isEqualTo(TcpState.ESTABLISHED);
    Flow next = seen(FROM_GUEST, SYN | ACK, 90_000, 70_001, 0);
    assertThat(next).isNotSameAs(flow);
    assertThat(next.tcpState()).isEqualTo(TcpState.SYN_RECEIVED);
  }

  @Test
  void repeatedSynAckIsNoNewConnection() {
    seen(TO_GUEST, SYN, 100, 0, 0);
    seen(FROM_GUEST, SYN | ACK, 500, 101, 0);
    Flow flow = seen(TO_GUEST, ACK, 101, 501, 0);
    assertThat(seen(FROM_GUEST, SYN | ACK, 500, 101, 0)).isSameAs(flow);
    assertThat(flow.tcpState()).isEqualTo(TcpState.ESTABLISHED);
  }

  @Test
  void optionsThatLieAboutTheirLengthAreReadToTheirEndAndNoFurther() {
    byte[][] lies = {{2}, {3, 3}, {5, 0, 0, 0}, {8, (byte) 255, 3, 3}, {1, 1, 1, 3}};
    int port = 1;
    for (byte[] options : lies) {
      Conversation other = talk.withPeerPort(port++);
      Flow flow = seen(TO_GUEST, other.tcp(TO_GUEST, SYN, 100, 0, 0, 1000, options));
      assertThat(flow.isSynOnly()).isTrue();
    }
  }
}
