package dev.holdfast.redirector.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.redirector.replay.FakeLine.Sent;
import dev.holdfast.redirector.replay.GuestPlan.Move;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A request and its answer every 100 ms, {@link #ROUNDS} times. */
class LiveReplayTest {
  private static final long MILLI = 1_000_000L;
  private static final long ROUND = 100 * MILLI;
  private static final int ROUNDS = 20;
  private static final int REQUEST = 100;
  private static final int HEADERS = 10 + 20 + 20; // virtio_net_hdr, IPv4, TCP without options
  private static final IpAddress GUEST = IpAddress.parse("10.1.0.10");
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final IpAddress PLAYED = IpAddress.parse("10.50.0.9");

  @TempDir private Path folder;
  private final FakeLine line = new FakeLine();
  private Path file = Path.of("");

  @BeforeEach
  void write() throws IOException {
    file = folder.resolve("talk.pcapng");
    try (var writer = new PcapNgWriter(Files.newOutputStream(file), "test")) {
      int unused = writer.describe("any", "", LinkLayer.RAW, 0);
      long peer = 1_000;
      long guest = 5_000;
      put(writer, -30 * MILLI, segment(false, peer, 0, PacketView.SYN, 0));
      put(writer, -29 * MILLI, segment(true, guest, peer + 1, 0x12, 0));
      put(writer, -28 * MILLI, segment(false, ++peer, ++guest, PacketView.ACK, 0));
      for (int i = 1; i <= ROUNDS; i++) {
        put(writer, i * ROUND, segment(false, peer, guest, 0x18, REQUEST));
        peer += REQUEST;
        put(writer, i * ROUND + 5 * MILLI, segment(true, guest, peer, 0x18, 2 * REQUEST));
        guest += 2 * REQUEST;
      }
      long end = (ROUNDS + 1) * ROUND;
      put(writer, end, segment(false, peer, guest, 0x11, 0));
      put(writer, end + MILLI, segment(true, guest, peer + 1, 0x11, 0));
      put(writer, end + 2 * MILLI, segment(false, peer + 1, guest + 1, PacketView.ACK, 0));
    }
  }

  private static PacketBuilder segment(
      boolean byGuest, long sequence, long acknowledgment, int flags, int length) {
    return new PacketBuilder(byGuest ? GUEST : PEER, byGuest ? PEER : GUEST)
        .tcp(byGuest ? 80 : 40_000, byGuest ? 40_000 : 80, sequence, acknowledgment, flags, 60_000)
        .payload(length);
  }

  /**
   * @param nanos after a second; the SYN comes 30 ms before that, and is the capture's first
   */
  private static void put(PcapNgWriter writer, long nanos, PacketBuilder packet)
      throws IOException {
    ByteBuf bytes = Unpooled.buffer();
    int unused = packet.write(bytes);
    writer.packet(0, 1_000 * MILLI + nanos, bytes.nioBuffer(), bytes.readableBytes(), "");
  }

  private ReplayReport play(Pace pace, Move move) throws IOException {
    return play(pace, move, AddressTranslation.NONE);
  }

  private ReplayReport play(Pace pace, Move move, AddressTranslation map) throws IOException {
    var plan = new GuestPlan(List.of(map.of(GUEST)), move, 200 * MILLI);
    try (CaptureReader reader = CaptureReader.open(file)) {
      return Replay.live(
          reader,
          "talk",
          ReplayOptions.of(plan),
          Points.NONE,
          new LivePlay(line, pace, map),
          (packets, bytes, nanos) -> {});
    }
  }

  /** When each request was sent, after the first packet of all. */
  private List<Long> requests() {
    long first = line.sent.getFirst().at();
    return line.sent.stream()
        .filter(each -> !each.byGuest() && each.length() == HEADERS + REQUEST)
        .map(each -> each.at() - first)
        .toList();
  }

  private static Lateness lateness(ReplayReport report) {
    return Objects.requireNonNull(report.lateness());
  }

  @Test
  void eachPacketHasItsCapturedMoment() throws IOException {
    ReplayReport report = play(Pace.AS_CAPTURED, new Move.Never());
    assertThat(report.verdicts()).isEqualTo(Map.of("survived", 1L));
    assertThat(report.encapsulation()).isEqualTo("live");
    assertThat(requests()).hasSize(ROUNDS);
    for (int i = 1; i <= ROUNDS; i++) {
      assertThat(requests().get(i - 1)).isEqualTo(30 * MILLI + i * ROUND);
    }
    assertThat(lateness(report).maxNanos()).isZero();
    assertThat(lateness(report).count()).isGreaterThanOrEqualTo(2 * ROUNDS);
    assertThat(lateness(report).sent()).isEqualTo(line.sent.size());
  }

  @Test
  void whatIsLateOnceMakesNothingElseLate() throws IOException {
    line.late = 70_000;
    ReplayReport report = play(Pace.AS_CAPTURED, new Move.Never());
    assertThat(report.survived()).isEqualTo(1);
    List<Long> requests = requests();
    for (int i = 1; i <= ROUNDS; i++) {
      assertThat(requests.get(i - 1) - (30 * MILLI + i * ROUND)).isBetween(0L, line.late);
    }
    assertThat(lateness(report).p50Nanos()).isBetween(line.late, line.late * 33 / 32);
    assertThat(lateness(report).maxNanos()).isEqualTo(line.late);
  }

  @Test
  void speedAndRateHaveTheirOwnMoments() throws IOException {
    play(new Pace.Speed(BigDecimal.TWO), new Move.Never());
    assertThat(requests().getLast()).isEqualTo((30 * MILLI + ROUNDS * ROUND) / 2);
    line.sent.clear();
    play(new Pace.Rate(BigDecimal.valueOf(50)), new Move.Never());
    // the fourth packet is the first request, and every second one after it
    assertThat(requests().getFirst()).isEqualTo(3 * 20 * MILLI);
    assertThat(requests().getLast()).isEqualTo((3 + 2L * (ROUNDS - 1)) * 20 * MILLI);
  }

  @Test
  void asFastAsPossibleStillAnswersWhatWasHeard() throws IOException {
    ReplayReport report = play(new Pace.AtOnce(), new Move.AtTime(500 * MILLI));
    assertThat(report.survived()).isEqualTo(1);
    // four rounds have been played before
    assertThat(report.guests().getFirst().pausedAtNanos()).isBetween(8 * MILLI, 100 * MILLI);
    assertThat(report.guests().getFirst().hasMoved()).isTrue();
    long took = line.sent.getLast().at() - line.sent.getFirst().at();
    // a round trip each, the pause, and what was sent again after it
    assertThat(took).isLessThan(1_000 * MILLI).isGreaterThan(ROUNDS * 2 * MILLI);
  }

  @Test
  void theGuestIsPausedOnceTheCommandHasEnded() throws IOException {
    line.commandNanos = 30 * MILLI;
    ReplayReport report = play(Pace.AS_CAPTURED, new Move.AtPacket(20));
    assertThat(line.told).containsExactly("MOVE", "leaves", "returns", "RESUME");
    assertThat(report.survived()).isEqualTo(1);
    assertThat(report.flows().getFirst().moved()).isTrue();
    ReplayReport.Guest guest = report.guests().getFirst();
    long moment = 30 * MILLI + 9 * ROUND; // of the 20th packet
    assertThat(guest.pausedAtNanos()).isEqualTo(moment + 30 * MILLI);
    assertThat(guest.resumedAtNanos()).isEqualTo(guest.pausedAtNanos() + 200 * MILLI);
    long first = line.sent.getFirst().at();
    assertThat(
            line.sent.stream()
                .filter(Sent::byGuest)
                .map(each -> each.at() - first)
                .filter(at -> at >= guest.pausedAtNanos() && at < guest.resumedAtNanos()))
        .isEmpty();
  }

  @Test
  void aCommandThatFailsEndsTheReplay() {
    line.commandFails = true;
    assertThatThrownBy(() -> play(Pace.AS_CAPTURED, new Move.AtTime(500 * MILLI)))
        .isInstanceOf(LiveFailed.class);
  }

  @Test
  void otherAddressesArePlayed() throws IOException {
    var map = new AddressTranslation(Map.of(PEER, PLAYED));
    ReplayReport report = play(Pace.AS_CAPTURED, new Move.Never(), map);
    assertThat(report.survived()).isEqualTo(1);
    assertThat(report.flows().getFirst().flow()).isEqualTo("tcp 10.1.0.10:80 - 10.50.0.9:40000");
    try (CaptureReader reader = CaptureReader.open(file)) {
      assertThat(PlayedAddresses.of(reader, List.of(GUEST), map, (p, b, n) -> {}))
          .isEqualTo(new PlayedAddresses(List.of(GUEST), List.of(PLAYED)));
    }
    try (CaptureReader reader = CaptureReader.open(file)) {
      var onto = new AddressTranslation(Map.of(PEER, GUEST));
      assertThatThrownBy(() -> PlayedAddresses.of(reader, List.of(GUEST), onto, (p, b, n) -> {}))
          .hasMessage("10.9.0.2 is mapped to 10.1.0.10, which is in the capture as well");
    }
  }
}
