package dev.holdfast.redirector.replay;

import static dev.holdfast.redirector.replay.CaptureMaker.GUEST;
import static dev.holdfast.redirector.replay.CaptureMaker.PEER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What fresh eyes have broken a replay with. */
class AwkwardCapturesTest {
  private static final long MILLI = 1_000_000L;
  private static final int PORT = 40_000;

  private static ReplayOptions moving(long atMillis, long pauseMillis) {
    return ReplayOptions.of(
        new GuestPlan(
            List.of(GUEST), new GuestPlan.Move.AtTime(atMillis * MILLI), pauseMillis * MILLI));
  }

  private static FlowResult only(ReplayReport report) {
    assertThat(report.flows()).hasSize(1);
    return report.flows().getFirst();
  }

  /** A health check from a fixed port: the next one waits until the one before is delivered. */
  @ParameterizedTest
  @ValueSource(longs = {1, 400})
  void portsThatAreUsedAgainAtOnce(long apartMillis) throws IOException {
    var maker = new CaptureMaker();
    for (int i = 0; i < 8; i++) {
      maker.handshake().exchange(100, 1_000).close().after(apartMillis);
    }

    ReplayReport report = CaptureMaker.play(maker.bytes(), moving(4 * (apartMillis + 8), 3_000));

    assertThat(report.verdicts()).containsOnlyKeys("survived").containsEntry("survived", 8L);
    assertThat(report.flows())
        .allSatisfy(flow -> assertThat(flow.fromGuestBytes()).isEqualTo(1_000));
  }

  @Test
  void theSameFirstNumberAfterARefusal() throws IOException {
    var maker =
        new CaptureMaker()
            .opens()
            .packet(
                new PacketBuilder(GUEST, PEER)
                    .tcp(
                        80,
                        PORT,
                        0,
                        CaptureMaker.PEER_ISS + 1 & 0xffff_ffffL,
                        PacketView.RST | PacketView.ACK,
                        0))
            .after(500)
            .sameAgain()
            .handshake()
            .exchange(100, 1_000)
            .close();

    ReplayReport report = CaptureMaker.play(maker.bytes(), moving(200, 10));

    assertThat(report.verdicts()).containsOnlyKeys("survived").containsEntry("survived", 2L);
    assertThat(report.flows().getLast().fromGuestBytes()).isEqualTo(1_000);
    assertThat(report.flows())
        .allSatisfy(
            flow -> assertThat(flow.notes()).noneMatch(note -> note.startsWith("It began before")));
  }

  /** A reset says nothing of what was heard, but its sender had acknowledged all of it. */
  @Test
  void aResetWithoutAcknowledgment() throws IOException {
    var maker = new CaptureMaker().handshake();
    for (int i = 0; i < 20; i++) {
      maker.guest(1_400);
    }
    maker.peer(1).peerResetsWithoutAck();

    FlowResult flow = only(CaptureMaker.play(maker.bytes(), moving(10, 1_000)));

    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
    assertThat(flow.fromGuestBytes()).isEqualTo(28_000);
  }

  @ParameterizedTest
  @ValueSource(longs = {50_000_000, 70})
  void aResetThatNobodyTook(long sequence) throws IOException {
    var maker = new CaptureMaker().handshake();
    for (int i = 0; i < 5; i++) {
      maker.exchange(100, 1_000);
    }
    maker.packet(new PacketBuilder(PEER, GUEST).tcp(PORT, 80, sequence, 0, PacketView.RST, 0));
    for (int i = 0; i < 5; i++) {
      maker.exchange(100, 1_000);
    }

    FlowResult flow = only(CaptureMaker.play(maker.close().bytes(), moving(20, 50)));

    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
    assertThat(flow.fromGuestBytes()).isEqualTo(10_000);
    assertThat(flow.notes())
        .containsExactly("1 captured resets have numbers that nobody takes; they were left out.");
  }

  @Test
  void aPauseThatIsLongerThanWhatComesAfterTheCapture() throws IOException {
    byte[] capture = new CaptureMaker().handshake().exchange(10, 10).after(100).close().bytes();

    ReplayReport report = CaptureMaker.play(capture, moving(50, 180_000));

    assertThat(report.guests().getFirst().hasMoved()).isTrue();
    assertThat(only(report).verdict()).isEqualTo(new Verdict.Survived());
  }

  @Test
  void moreDatagramsOnTheirWayThanAreKnown() throws IOException {
    var maker = new CaptureMaker();
    for (int i = 0; i < 6_000; i++) {
      maker
          .after(-1)
          .packet(new PacketBuilder(GUEST, PEER).udp(4_433, 5_000).payload(100 + i % 900));
    }

    FlowResult flow = only(CaptureMaker.play(maker.bytes(), moving(5_000, 1)));

    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
    assertThat(flow.lost()).isZero();
  }

  @Test
  void whatNeverCameBackHasNotRecovered() throws IOException {
    var maker = new CaptureMaker().handshake();
    for (int i = 0; i < 20; i++) {
      maker.exchange(100, 1_000);
    }
    ReplayOptions usual = moving(15, 100);
    var nothingPasses = new WanOptions(10 * MILLI, 1, 0, 0, 1_500, List.of());
    var options = usual.with(draft -> draft.wan = nothingPasses);

    ReplayReport report = CaptureMaker.play(maker.bytes(), options);

    assertThat(only(report).verdict()).isInstanceOf(Verdict.Stalled.class);
    assertThat(report.recovery().count()).isZero();
  }

  /** 22 KB of acknowledgments of what is not there, which made up gigabytes. */
  @Test
  void acknowledgmentsOfWhatIsNotThere() throws IOException {
    var maker = new CaptureMaker();
    for (int i = 0; i < 200; i++) {
      maker.packet(new PacketBuilder(PEER, GUEST).tcp(1_024 + i, 80, 1, 1, PacketView.ACK, 60_000));
      maker.packet(
          new PacketBuilder(PEER, GUEST).tcp(1_024 + i, 80, 1, 15_000_001, PacketView.ACK, 60_000));
    }

    ReplayReport report = CaptureMaker.play(maker.bytes(), moving(100, 10));

    assertThat(report.flows().stream().mapToLong(FlowResult::fromGuestBytes).sum())
        .isLessThanOrEqualTo(64L << 20);
  }
}
