package dev.holdfast.redirector.replay;

import static dev.holdfast.redirector.replay.CaptureMaker.GUEST;
import static dev.holdfast.redirector.replay.CaptureMaker.PEER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Captures made by hand, and what is said of their connections. */
class ReplayTest {
  private static final long MILLI = 1_000_000L;

  private static ReplayOptions moving(long atMillis, long pauseMillis) {
    return ReplayOptions.of(
        new GuestPlan(
            List.of(GUEST), new GuestPlan.Move.AtTime(atMillis * MILLI), pauseMillis * MILLI));
  }

  private static ReplayOptions with(ReplayOptions options, WanOptions wan, boolean byIpInIp) {
    return options.with(draft -> {
      draft.byIpInIp = byIpInIp;
      draft.wan = wan;
    });
  }

  private static FlowResult only(ReplayReport report) {
    assertThat(report.flows()).hasSize(1);
    return report.flows().getFirst();
  }

  private static byte[] conversation() throws IOException {
    var maker = new CaptureMaker().handshake();
    for (int i = 0; i < 40; i++) {
      maker.exchange(300, 1_400).after(20);
    }
    return maker.close().bytes();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aConversationSurvivesItsMove(boolean byIpInIp) throws IOException {
    ReplayReport report =
        CaptureMaker.play(conversation(), with(moving(400, 2_000), WanOptions.DEFAULT, byIpInIp));

    FlowResult flow = only(report);
    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
    assertThat(flow.flow()).isEqualTo("tcp 10.1.0.10:80 - 10.9.0.2:40000");
    assertThat(flow.toGuestBytes()).isEqualTo(40 * 300);
    assertThat(flow.fromGuestBytes()).isEqualTo(40 * 1_400);
    assertThat(flow.moved()).isTrue();
    assertThat(report.guests().getFirst().hasMoved()).isTrue();
    assertThat(report.tunnelledToGuest()).isGreaterThan(20);
    assertThat(report.tunnelledFromGuest()).isGreaterThan(20);
    assertThat(report.replayedPackets()).isEqualTo(report.packets());
  }

  @Test
  void whatIsAskedInThePauseIsAnsweredAfterIt() throws IOException {
    byte[] capture =
        new CaptureMaker().handshake().exchange(10, 10).after(500).exchange(20, 20).close().bytes();

    ReplayReport report = CaptureMaker.play(capture, moving(300, 1_000));

    FlowResult flow = only(report);
    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
    assertThat(flow.recoveryNanos()).isBetween(0L, MILLI);
    assertThat(report.heldPackets()).isPositive();
    assertThat(report.stagedPackets()).isPositive();
  }

  /** The endpoint has its guest before it hears of the hold. */
  @ParameterizedTest
  @ValueSource(longs = {0, 1, 9})
  void aGuestThatIsQuickerThanTheWordOfItsPause(long pauseMillis) throws IOException {
    FlowResult flow = only(CaptureMaker.play(conversation(), moving(400, pauseMillis)));

    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
  }

  /** Nothing is answered for a century; the ends have given up long before. */
  @Test
  void whoIsNeverAnsweredGivesUp() throws IOException {
    var maker = new CaptureMaker();
    for (int i = 0; i < 200; i++) {
      maker.another().opens();
    }
    maker.after(95L * 365 * 86_400_000).opens();

    ReplayReport report = CaptureMaker.play(maker.bytes(), moving(1, 1));

    assertThat(report.verdicts().keySet()).containsExactly("not-replayed");
  }

  @Test
  void aSecondRunIsTheSame() throws IOException {
    var faults =
        new WanOptions(
            8 * MILLI,
            0.05,
            0.05,
            0.05,
            1_300,
            List.of(new WanOptions.Outage(600 * MILLI, 50 * MILLI)));
    ReplayOptions options = with(moving(400, 700), faults, true);
    var first = new PointsFile(OutputStream.nullOutputStream(), true);
    var second = new PointsFile(OutputStream.nullOutputStream(), true);

    ReplayReport one = CaptureMaker.play(conversation(), options, first);
    ReplayReport other = CaptureMaker.play(conversation(), options, second);
    first.close();
    second.close();

    assertThat(one).isEqualTo(other);
    assertThat(first.digest()).hasSize(64).isEqualTo(second.digest());
    assertThat(one.wanLost()).isPositive();
  }

  @Test
  void anOutageWithoutEndIsAStall() throws IOException {
    var dead =
        new WanOptions(
            10 * MILLI, 0, 0, 0, 1_500, List.of(new WanOptions.Outage(0, 3_600_000 * MILLI)));

    FlowResult flow =
        only(CaptureMaker.play(conversation(), with(moving(400, 1_000), dead, false)));

    assertThat(flow.verdict()).isInstanceOf(Verdict.Stalled.class);
    assertThat(((Verdict.Stalled) flow.verdict()).forEver()).isTrue();
    assertThat(flow.verdict().isGood()).isFalse();
  }

  @Test
  void aLongOutageIsAStallThatEnds() throws IOException {
    var outage =
        new WanOptions(
            10 * MILLI, 0, 0, 0, 1_500, List.of(new WanOptions.Outage(700 * MILLI, 5_000 * MILLI)));

    FlowResult flow =
        only(CaptureMaker.play(conversation(), with(moving(100, 100), outage, false)));

    assertThat(flow.verdict()).isInstanceOf(Verdict.Stalled.class);
    assertThat(((Verdict.Stalled) flow.verdict()).forEver()).isFalse();
    assertThat(flow.longestWaitNanos()).isGreaterThan(4_000 * MILLI);
    assertThat(flow.toGuestBytes()).isEqualTo(40 * 300);
  }

  @Test
  void aResetOfNeitherEndIsTold() throws IOException {
    byte[] capture =
        new CaptureMaker()
            .handshake()
            .exchange(10, 10)
            .after(2_000)
            .another()
            .handshake()
            .exchange(10, 10)
            .bytes();
    ReplayOptions usual = moving(300, 100);
    var rejecting =
        usual.with(draft -> {
          draft.drainAfterNanos = 0;
          draft.staleSyn = StaleSyn.REJECT;
        });

    ReplayReport report = CaptureMaker.play(capture, rejecting);

    assertThat(report.verdicts()).isEqualTo(Map.of("reset", 1L, "survived", 1L));
    assertThat(report.flows().getFirst().verdict())
        .isEqualTo(new Verdict.Reset("neither end, at the peer"));
  }

  @Test
  void aCapturedResetIsNone() throws IOException {
    byte[] capture =
        new CaptureMaker().handshake().exchange(10, 10).after(500).peerResets().bytes();

    FlowResult flow = only(CaptureMaker.play(capture, moving(100, 100)));

    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
    assertThat(flow.notes()).containsExactly("The peer ended it by a reset, as in the capture.");
  }

  @Test
  void aConnectionThatBeganBeforeTheCaptureIsTakenUp() throws IOException {
    byte[] capture = new CaptureMaker().exchange(100, 200).after(300).exchange(100, 200).bytes();

    FlowResult flow = only(CaptureMaker.play(capture, moving(100, 500)));

    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
    assertThat(flow.toGuestBytes()).isEqualTo(200);
    assertThat(flow.notes()).containsExactly("It began before the capture did.");
  }

  @Test
  void whatTheCaptureLacksIsMadeUp() throws IOException {
    byte[] capture =
        new CaptureMaker()
            .handshake()
            .peer(100)
            .skips(50)
            .peer(100)
            .guest(10)
            .after(300)
            .exchange(10, 10)
            .close()
            .bytes();

    FlowResult flow = only(CaptureMaker.play(capture, moving(100, 100)));

    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
    assertThat(flow.toGuestBytes()).isEqualTo(260);
    assertThat(flow.notes())
        .containsExactly("50 bytes are not in the capture; a pattern stood for them.");
  }

  @Test
  void numbersThatJumpTakeNoMemory() throws IOException {
    byte[] capture =
        new CaptureMaker().handshake().exchange(10, 10).skips(1 << 30).peer(10).guest(10).bytes();

    FlowResult flow = only(CaptureMaker.play(capture, moving(1, 1)));

    assertThat(flow.toGuestBytes()).isLessThan(100);
    assertThat(flow.notes()).anyMatch(note -> note.contains("far from all others"));
  }

  @Test
  void whatCannotBeReplayedIsCountedByReason() throws IOException {
    byte[] capture =
        new CaptureMaker()
            .opens()
            .packet(new PacketBuilder(PEER, PEER).udp(1, 2).payload(3))
            .packet(new PacketBuilder(PEER, GUEST).icmp(3, 1, 0).payload(28))
            .packet(new PacketBuilder(GUEST, GUEST).udp(1, 2).payload(3))
            .bytes();

    ReplayReport report = CaptureMaker.play(capture, moving(1, 1));

    assertThat(report.notReplayed())
        .isEqualTo(
            Map.of(
                "neither from nor to an old address",
                1L,
                "ICMP about something else: whom it concerns makes its own here",
                1L,
                "from a guest to itself",
                1L));
    assertThat(only(report).verdict())
        .isEqualTo(new Verdict.NotReplayed("nobody answers its SYN in the capture"));
  }

  @Test
  void datagramsComeAsTheyWere() throws IOException {
    var maker = new CaptureMaker();
    for (int i = 0; i < 20; i++) {
      maker
          .packet(new PacketBuilder(PEER, GUEST).udp(5_000, 53).payload(100 + i))
          .packet(new PacketBuilder(GUEST, PEER).udp(53, 5_000).payload(200 + i))
          .after(20);
    }

    FlowResult flow = only(CaptureMaker.play(maker.bytes(), moving(100, 300)));

    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
    assertThat(flow.lost()).isZero();
    assertThat(flow.packets()).isEqualTo(40);
  }

  @Test
  void damageEndsTheCaptureAndIsTold() throws IOException {
    byte[] whole = conversation();
    byte[] half = Arrays.copyOf(whole, whole.length / 2);

    ReplayReport report = CaptureMaker.play(half, moving(100, 100));

    assertThat(report.problem()).contains("damaged at byte");
    assertThat(report.packets()).isBetween(30L, 50L);
    assertThat(only(report).verdict()).isEqualTo(new Verdict.Survived());
  }

  @Test
  void timeThatRunsBackwardsStandsStill() throws IOException {
    byte[] capture =
        new CaptureMaker()
            .handshake()
            .exchange(10, 10)
            .backwards(50_000)
            .exchange(10, 10)
            .after(60_000)
            .exchange(10, 10)
            .bytes();

    ReplayReport report = CaptureMaker.play(capture, moving(2, 100));

    assertThat(report.backwards()).isPositive();
    assertThat(only(report).verdict()).isEqualTo(new Verdict.Survived());
  }

  @Test
  void aCaptureThatEndsBeforeTheMoveSaysSo() throws IOException {
    ReplayReport report = CaptureMaker.play(conversation(), moving(3_600_000, 1));

    assertThat(report.guests().getFirst().hasMoved()).isFalse();
    assertThat(report.tunnelledToGuest()).isZero();
    assertThat(only(report).verdict()).isEqualTo(new Verdict.Survived());
  }

  /** Whoever is answered keeps its place, however many are not. */
  @Test
  void aFloodOfOpeningsPushesNobodyOut() throws IOException {
    var maker = new CaptureMaker().handshake().exchange(100, 200);
    for (int i = 0; i < 70_000; i++) {
      maker.packet(
          PacketBuilder.of(
                  "11." + (i >> 16) + "." + (i >> 8 & 0xff) + "." + (i & 0xff), "10.1.0.10")
              .tcp(1_024, 80, i, 0, PacketView.SYN, 1_000));
      maker.after(-1);
    }
    maker.exchange(100, 200).close();

    ReplayReport report = CaptureMaker.play(maker.bytes(), moving(1, 10));

    assertThat(report.verdicts())
        .containsEntry("survived", 1L)
        .containsEntry("not-replayed", 70_000L);
    assertThat(report.flows().getFirst().toGuestBytes()).isEqualTo(200);
    assertThat(report.flows().getFirst().fromGuestBytes()).isEqualTo(400);
  }

  /** Both are guests, and the second one's pause is no fault of the network. */
  @Test
  void thePauseOfEitherGuestIsNoWait() throws IOException {
    var maker = new CaptureMaker();
    for (int i = 0; i < 10; i++) {
      maker
          .packet(PacketBuilder.of("10.1.0.10", "10.1.0.20").udp(53, 5_000).payload(100 + i))
          .packet(PacketBuilder.of("10.1.0.20", "10.1.0.10").udp(5_000, 53).payload(200 + i))
          .after(98);
    }
    ReplayOptions one = moving(10_000, 1);
    GuestPlan second =
        new GuestPlan(
            List.of(IpAddress.parse("10.1.0.20")),
            new GuestPlan.Move.AtTime(300 * MILLI),
            3_000 * MILLI);
    var both = one.with(draft -> draft.guests = List.of(one.guests().getFirst(), second));

    FlowResult flow = only(CaptureMaker.play(maker.bytes(), both));

    assertThat(flow.verdict()).isEqualTo(new Verdict.Survived());
    assertThat(flow.longestWaitNanos()).isLessThan(100 * MILLI);
  }
}
