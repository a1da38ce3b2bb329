package dev.holdfast.redirector.decide;

import static dev.holdfast.redirector.flow.Direction.FROM_GUEST;
import static dev.holdfast.redirector.flow.Direction.TO_GUEST;
import static dev.holdfast.redirector.migration.MigrationState.DRAINING;
import static dev.holdfast.redirector.migration.MigrationState.HOLDING;
import static dev.holdfast.redirector.migration.MigrationState.REDIRECTING;
import static dev.holdfast.tunnel.packet.PacketView.ACK;
import static dev.holdfast.tunnel.packet.PacketView.FIN;
import static dev.holdfast.tunnel.packet.PacketView.PSH;
import static dev.holdfast.tunnel.packet.PacketView.RST;
import static dev.holdfast.tunnel.packet.PacketView.SYN;
import static dev.holdfast.tunnel.packet.PacketView.URG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.flow.Conversation;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What leaves at the new site and what takes the tunnel, where the return path is direct. */
class DirectReturnTest {
  private static final int UNIT = 1 << 28;

  private final FlowTable table = new FlowTable(10, FlowTimers.DEFAULTS, 1);
  private Conversation talk = Conversation.v4();
  private Decision decision = decision("10.1.0.10", "10.1.0.0/24");

  private static Decision decision(String old, String oldLan) {
    List<IpAddress> olds = List.of(IpAddress.parse(old));
    return new Decision(Role.ENDPOINT, olds, HoldPolicy.QUEUE, StaleSyn.TUNNEL)
        .answering(new DirectReturn(olds, List.of(IpPrefix.parse(oldLan))));
  }

  private void seen(Direction direction, PacketView packet) {
    table.seen(packet, direction, 0, Origin.SEEN);
  }

  private Rule rule(MigrationState state, PacketView packet) {
    return decision.rule(state, FROM_GUEST, packet, table.find(packet, FROM_GUEST));
  }

  /** What would become of it in either state in which the guest runs here. */
  private Rule rule(PacketView packet) {
    Rule rule = rule(REDIRECTING, packet);
    assertThat(rule(DRAINING, packet)).isEqualTo(rule);
    return rule;
  }

  private void open() {
    seen(TO_GUEST, talk.tcp(TO_GUEST, ACK, 1_000, 5_000, 100));
    seen(FROM_GUEST, talk.tcp(FROM_GUEST, ACK, 5_000, 1_100, 100));
  }

  private PacketView answer(int flags, int bytes) {
    return talk.tcp(FROM_GUEST, flags, 5_100, 1_100, bytes);
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "1400, 0", "1400, 8", "60000, 8", "10, 32", "1, 40"})
  void bulkOfAnOpenConnectionLeaves(int bytes, int besidesAck) {
    open();
    assertThat(besidesAck & ~(PSH | URG)).isZero();
    assertThat(rule(answer(ACK | besidesAck, bytes))).isEqualTo(Rule.ANSWER_GOES_DIRECT);
    assertThat(Rule.ANSWER_GOES_DIRECT.verdict()).isEqualTo(Verdict.LEAVE);
  }

  @Test
  void ofIpv6Too() {
    talk = Conversation.v6();
    decision = decision("fd00:1::10", "fd00:1::/64");
    open();
    assertThat(rule(answer(ACK, 1_400))).isEqualTo(Rule.ANSWER_GOES_DIRECT);
  }

  @ParameterizedTest
  @ValueSource(ints = {FIN | ACK, FIN | ACK | PSH, RST, RST | ACK, SYN, SYN | ACK})
  void whatBeginsOrEndsAConnectionTakesTheTunnel(int flags) {
    open();
    assertThat(rule(answer(flags, 0))).isEqualTo(Rule.ANSWER_GOES_BACK);
  }

  @Test
  void noneLeavesBeforeRelease() {
    open();
    assertThat(rule(HOLDING, answer(ACK, 10))).isEqualTo(Rule.ANSWER_GOES_BACK);
    for (MigrationState state : EnumSet.complementOf(EnumSet.of(HOLDING, REDIRECTING, DRAINING))) {
      assertThat(rule(state, answer(ACK, 10))).isEqualTo(Rule.NOT_HELD);
    }
  }

  @Test
  void noneLeavesWhereThePathIsSymmetric() {
    decision =
        new Decision(
            Role.ENDPOINT,
            List.of(IpAddress.parse("10.1.0.10")),
            HoldPolicy.QUEUE,
            StaleSyn.TUNNEL);
    open();
    assertThat(rule(answer(ACK, 10))).isEqualTo(Rule.ANSWER_GOES_BACK);
  }

  @Test
  void firstPacketOfEachConnectionTellsTheOldHostThatItLives() {
    table.list(
        new FlowKey(
            PacketView.TCP,
            IpAddress.parse("10.1.0.10"),
            talk.key().guestPort(),
            talk.key().peer(),
            talk.key().peerPort()),
        0,
        Origin.SNAPSHOT);
    assertThat(rule(answer(ACK, 10))).as("known by name").isEqualTo(Rule.ANSWER_GOES_BACK);
    seen(TO_GUEST, talk.tcp(TO_GUEST, ACK, 1_000, 5_000, 100));
    assertThat(rule(answer(ACK, 10))).as("peer heard").isEqualTo(Rule.ANSWER_GOES_BACK);
    seen(FROM_GUEST, answer(ACK, 10));
    assertThat(rule(answer(ACK, 10))).as("guest heard").isEqualTo(Rule.ANSWER_GOES_DIRECT);
  }

  @Test
  void nothingLeavesOfAConnectionThatNobodyKnows() {
    assertThat(rule(answer(ACK, 10))).isEqualTo(Rule.ANSWER_GOES_BACK);
  }

  @Test
  void handshakeTakesTheTunnelToItsEnd() {
    seen(FROM_GUEST, talk.tcp(FROM_GUEST, SYN, 4_999, 0, 0));
    seen(TO_GUEST, talk.tcp(TO_GUEST, SYN | ACK, 999, 5_000, 0));
    PacketView third = talk.tcp(FROM_GUEST, ACK, 5_000, 1_000, 0);
    assertThat(rule(third)).isEqualTo(Rule.ANSWER_GOES_BACK);
    seen(FROM_GUEST, third);
    assertThat(rule(talk.tcp(FROM_GUEST, ACK, 5_000, 1_000, 10)))
        .isEqualTo(Rule.ANSWER_GOES_DIRECT);
  }

  @Test
  void afterThePeersFinAllTakesTheTunnel() {
    open();
    seen(TO_GUEST, talk.tcp(TO_GUEST, FIN | ACK, 1_100, 5_100, 0));
    assertThat(rule(answer(ACK, 10))).as("not acknowledged").isEqualTo(Rule.ANSWER_GOES_BACK);
    seen(FROM_GUEST, talk.tcp(FROM_GUEST, ACK, 5_100, 1_101, 10));
    PacketView more = talk.tcp(FROM_GUEST, ACK, 5_110, 1_101, 10);
    assertThat(rule(more)).as("half closed").isEqualTo(Rule.ANSWER_GOES_BACK);
  }

  @Test
  void afterTheGuestsFinItsRepetitionsAndTheLastAcknowledgmentTakeTheTunnel() {
    open();
    seen(FROM_GUEST, answer(FIN | ACK, 10));
    assertThat(rule(answer(ACK, 10))).as("data again").isEqualTo(Rule.ANSWER_GOES_BACK);
    seen(TO_GUEST, talk.tcp(TO_GUEST, FIN | ACK, 1_100, 5_111, 0));
    assertThat(rule(talk.tcp(FROM_GUEST, ACK, 5_111, 1_101, 0))).isEqualTo(Rule.ANSWER_GOES_BACK);
  }

  @ParameterizedTest
  @CsvSource({"TO_GUEST", "FROM_GUEST"})
  void afterAResetNothingLeaves(Direction by) {
    open();
    boolean peer = by == TO_GUEST;
    seen(by, talk.tcp(by, RST, peer ? 1_100 : 5_100, 0, 0));
    assertThat(rule(answer(ACK, 10))).isEqualTo(Rule.ANSWER_GOES_BACK);
  }

  /** The old host compares sequence numbers, which works within half of their range. */
  @ParameterizedTest
  @CsvSource({
    // bytes sent and received so far, whether the next segment takes the tunnel
    "0,          0,          false",
    "-200,       0,          true",
    "-50,        0,          true",
    "0,          -200,       true",
    "0,          -50,        false",
    "100,        100,        false",
  })
  void onePacketInAWhileTellsWhereItStands(int sent, int received, boolean tunnel) {
    int sequence = 3 * UNIT + sent;
    int acknowledgment = 7 * UNIT + received;
    seen(TO_GUEST, talk.tcp(TO_GUEST, ACK, acknowledgment - 10, sequence, 10));
    seen(FROM_GUEST, talk.tcp(FROM_GUEST, ACK, sequence, acknowledgment, 0));
    int next = received == -200 ? acknowledgment + 200 : acknowledgment;
    Rule rule = rule(talk.tcp(FROM_GUEST, ACK, sequence, next, 200));
    assertThat(rule == Rule.ANSWER_GOES_BACK).isEqualTo(tunnel);
    PacketView old = talk.tcp(FROM_GUEST, ACK, sequence - 2L * UNIT, next - 2L * UNIT, 10);
    assertThat(rule(old)).as("late or repeated").isEqualTo(Rule.ANSWER_GOES_DIRECT);
  }

  @Test
  void whatHasNoEndButSilenceTakesTheTunnel() {
    PacketView datagram = talk.udp(FROM_GUEST, 10);
    PacketView echo = talk.icmp(FROM_GUEST, 8, 5);
    PacketView other = Conversation.view(talk.builder(FROM_GUEST).raw(50).payload(20));
    for (PacketView each : List.of(datagram, echo, other)) {
      seen(TO_GUEST, talk.udp(TO_GUEST, 10));
      seen(FROM_GUEST, each);
      assertThat(rule(each)).isEqualTo(Rule.ANSWER_GOES_BACK);
    }
    assertThat(rule(talk.icmp(FROM_GUEST, 3, 0))).isEqualTo(Rule.ANSWER_GOES_BACK);
  }

  @Test
  void fragmentsTakeTheTunnel() {
    open();
    PacketBuilder first =
        talk.builder(FROM_GUEST)
            .tcp(talk.key().guestPort(), talk.key().peerPort(), 5_100, 1_100, ACK, 1_000)
            .payload(76)
            .fragment(0, true);
    PacketBuilder later =
        talk.builder(FROM_GUEST).raw(PacketView.TCP).payload(64).fragment(96, false);
    for (PacketBuilder each : List.of(first, later)) {
      assertThat(rule(Conversation.view(each))).isEqualTo(Rule.ANSWER_GOES_BACK);
    }
  }

  @ParameterizedTest
  @CsvSource({
    // old address, peer, leaves
    "10.1.0.10,   10.1.0.20,      false", // of the old LAN
    "10.1.0.10,   10.9.0.2,       true",
    "10.1.0.10,   192.0.2.7,      true",
    "10.1.0.10,   169.254.3.4,    false",
    "203.0.113.9, 192.0.2.7,      true",
    "203.0.113.9, 10.9.0.2,       false", // the old site's own network
    "203.0.113.9, 172.31.255.255, false",
    "203.0.113.9, 172.32.0.1,     true",
    "203.0.113.9, 192.168.1.1,    false",
    "203.0.113.9, 100.127.0.1,    false",
    "203.0.113.9, 203.0.113.1,    false", // of the old LAN
    "fd00:1::10,  fd00:1::20,     false",
    "fd00:1::10,  fd00:9::2,      true",
    "fd00:1::10,  fe80::1,        false",
    "2001:db8::9, fd00:9::2,      false",
    "2001:db8::9, 2001:db8:9::2,  true",
  })
  void peersToWhomOnlyTheOldSiteKnowsTheWayAreReachedByIt(String old, String peer, boolean leaves) {
    decision = decision(old, old + (old.contains(":") ? "/64" : "/24"));
    talk = new Conversation(IpAddress.parse(old), 443, IpAddress.parse(peer), 50_000);
    open();
    assertThat(rule(answer(ACK, 10)))
        .isEqualTo(leaves ? Rule.ANSWER_GOES_DIRECT : Rule.ANSWER_GOES_BACK);
  }
}
