package dev.holdfast.redirector.decide;

import static dev.holdfast.redirector.decide.Role.ENDPOINT;
import static dev.holdfast.redirector.decide.Role.REDIRECTOR;
import static dev.holdfast.redirector.flow.Direction.FROM_GUEST;
import static dev.holdfast.redirector.flow.Direction.TO_GUEST;
import static dev.holdfast.redirector.migration.MigrationState.ARMED;
import static dev.holdfast.redirector.migration.MigrationState.DONE;
import static dev.holdfast.redirector.migration.MigrationState.DRAINING;
import static dev.holdfast.redirector.migration.MigrationState.HOLDING;
import static dev.holdfast.redirector.migration.MigrationState.PLANNED;
import static dev.holdfast.redirector.migration.MigrationState.REDIRECTING;
import static dev.holdfast.redirector.migration.MigrationState.ROLLED_BACK;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.flow.Conversation;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every rule as a row: who is asked, in which states, about what, and which rule answers. */
class DecisionTest {
  private static final String OLD4 = "10.1.0.10";
  private static final String OLD6 = "fd00:1::10";
  private static final String PEER4 = "10.9.0.2";
  private static final int SYN = PacketView.SYN;
  private static final int ACK = PacketView.ACK;
  private static final int FIN = PacketView.FIN;
  private static final int RST = PacketView.RST;

  private static final Set<MigrationState> ALL = EnumSet.allOf(MigrationState.class);
  private static final Set<MigrationState> RELEASED = EnumSet.of(REDIRECTING, DRAINING);
  private static final Set<MigrationState> HELD = EnumSet.of(HOLDING, REDIRECTING, DRAINING);
  private static final Set<MigrationState> DRAIN = EnumSet.of(DRAINING);

  /** What had been seen of the packet's flow before it came. */
  private enum Before {
    NOTHING,
    HANDSHAKE,
    OPEN,
    TIME_WAIT,
    CLOSED,
    RESET_BY_GUEST,
    RESET_BY_PEER,
    UNLISTED
  }

  record Row(
      String what,
      Role role,
      Direction direction,
      Set<MigrationState> states,
      PacketView packet,
      Before before,
      Rule rule) {
    @Override
    public String toString() {
      return role.label() + " " + direction + " " + what + ": " + rule;
    }
  }

  private static final Conversation TALK = Conversation.v4();
  private static final PacketView SYN_IN = TALK.tcp(TO_GUEST, SYN, 1, 0, 0);
  private static final PacketView DATA_IN = TALK.tcp(TO_GUEST, ACK, 1001, 5001, 10);
  private static final PacketView DATA_OUT = TALK.tcp(FROM_GUEST, ACK, 5001, 1001, 10);
  private static final PacketView DATAGRAM_IN = TALK.udp(TO_GUEST, 10);
  private static final PacketView SIX_IN = Conversation.v6().tcp(TO_GUEST, ACK, 1, 1, 10);
  private static final PacketView SIX_OUT = Conversation.v6().tcp(FROM_GUEST, ACK, 1, 1, 10);
  private static final PacketView STRANGER = udp(PEER4, "10.1.0.11");
  private static final PacketView ITSELF = udp(OLD4, OLD4);
  private static final PacketView MULTICAST4 = udp(OLD4, "224.0.0.251");
  private static final PacketView MULTICAST6 = udp(OLD6, "ff02::fb");
  private static final PacketView BROADCAST = udp(OLD4, "255.255.255.255");
  private static final PacketView ECHO = TALK.icmp(TO_GUEST, 8, 5);
  private static final PacketView ECHO6 = Conversation.v6().icmp(TO_GUEST, 128, 5);
  private static final PacketView ECHO_REPLY = TALK.icmp(TO_GUEST, 0, 5);
  private static final PacketView UNREACHABLE = TALK.icmp(TO_GUEST, 3, 0);
  private static final PacketView TOO_BIG6 = Conversation.v6().icmp(TO_GUEST, 2, 0);
  private static final PacketView FRAGMENT =
      Conversation.view(TALK.builder(TO_GUEST).raw(PacketView.UDP).payload(64).fragment(72, false));
  private static final PacketView FRAGMENT6 =
      Conversation.view(
          Conversation.v6().builder(TO_GUEST).raw(PacketView.UDP).payload(64).fragment(72, true));
  private static final PacketView TINY =
      Conversation.view(TALK.builder(TO_GUEST).raw(PacketView.TCP).payload(8).fragment(0, true));
  private static final PacketView FIRST =
      Conversation.view(TALK.builder(TO_GUEST).udp(50_000, 443).payload(64).fragment(0, true));

  private static PacketView udp(String source, String destination) {
    return Conversation.view(PacketBuilder.of(source, destination).udp(9, 9).payload(4));
  }

  private static Row row(
      String what,
      Role role,
      Direction direction,
      Set<MigrationState> states,
      PacketView packet,
      Rule rule) {
    return row(what, role, direction, states, packet, Before.NOTHING, rule);
  }

  private static Row row(
      String what,
      Role role,
      Direction direction,
      Set<MigrationState> states,
      PacketView packet,
      Before before,
      Rule rule) {
    return new Row(what, role, direction, states, packet, before, rule);
  }

  private static Row drain(String what, PacketView packet, Before before, Rule rule) {
    return row(what, REDIRECTOR, TO_GUEST, DRAIN, packet, before, rule);
  }

  static Stream<Row> rows() {
    Set<MigrationState> here = EnumSet.of(ARMED, ROLLED_BACK);
    Set<MigrationState> nothing = EnumSet.of(PLANNED, DONE);
    Set<MigrationState> notHeld = EnumSet.complementOf(EnumSet.copyOf(HELD));
    Set<MigrationState> notReleased = EnumSet.complementOf(EnumSet.copyOf(RELEASED));
    return Stream.of(
        row("of nobody", REDIRECTOR, TO_GUEST, ALL, STRANGER, Rule.NOT_OURS),
        row("multicast", REDIRECTOR, TO_GUEST, ALL, MULTICAST4, Rule.GROUP_ADDRESS),
        row("to itself", REDIRECTOR, TO_GUEST, ALL, ITSELF, Rule.TO_ITSELF),
        row("data", REDIRECTOR, TO_GUEST, nothing, DATA_IN, Rule.NOT_ARMED),
        row("data", REDIRECTOR, TO_GUEST, here, DATA_IN, Rule.GUEST_IS_HERE),
        row("data", REDIRECTOR, TO_GUEST, EnumSet.of(HOLDING), DATA_IN, Rule.GUEST_IS_PAUSED),
        row("SYN", REDIRECTOR, TO_GUEST, EnumSet.of(HOLDING), SYN_IN, Rule.GUEST_IS_PAUSED),
        row("v6", REDIRECTOR, TO_GUEST, EnumSet.of(HOLDING), SIX_IN, Rule.GUEST_IS_PAUSED),
        row("data", REDIRECTOR, TO_GUEST, EnumSet.of(REDIRECTING), DATA_IN, Rule.GUEST_IS_THERE),
        row("SYN", REDIRECTOR, TO_GUEST, EnumSet.of(REDIRECTING), SYN_IN, Rule.GUEST_IS_THERE),
        row("v6", REDIRECTOR, TO_GUEST, EnumSet.of(REDIRECTING), SIX_IN, Rule.GUEST_IS_THERE),
        drain("data", DATA_IN, Before.OPEN, Rule.KNOWN_FLOW),
        drain("SYN again", SYN_IN, Before.HANDSHAKE, Rule.KNOWN_FLOW),
        drain("SYN, forged", SYN_IN, Before.OPEN, Rule.KNOWN_FLOW),
        drain("late FIN", DATA_IN, Before.TIME_WAIT, Rule.KNOWN_FLOW),
        drain("datagram", DATAGRAM_IN, Before.OPEN, Rule.KNOWN_FLOW),
        drain("echo", ECHO, Before.OPEN, Rule.KNOWN_FLOW),
        drain("mid-stream", DATA_IN, Before.NOTHING, Rule.MID_STREAM),
        drain("mid-stream v6", SIX_IN, Before.NOTHING, Rule.MID_STREAM),
        drain("SYN-ACK", TALK.tcp(TO_GUEST, SYN | ACK, 1, 1, 0), Before.NOTHING, Rule.MID_STREAM),
        drain("RST", TALK.tcp(TO_GUEST, RST, 1, 1, 0), Before.NOTHING, Rule.MID_STREAM),
        drain("data, though unlisted", DATA_IN, Before.UNLISTED, Rule.MID_STREAM),
        drain("data after reset", DATA_IN, Before.RESET_BY_GUEST, Rule.GUEST_HAS_THE_WORD),
        drain("data after its reset", DATA_IN, Before.RESET_BY_PEER, Rule.GUEST_HAS_THE_WORD),
        drain("data after the end", DATA_IN, Before.CLOSED, Rule.FLOW_ENDED),
        drain("later fragment", FRAGMENT, Before.NOTHING, Rule.PART_OF_DATAGRAM),
        drain("tiny first fragment", TINY, Before.NOTHING, Rule.PART_OF_DATAGRAM),
        drain("later fragment v6", FRAGMENT6, Before.NOTHING, Rule.PART_OF_DATAGRAM),
        drain("first fragment", FIRST, Before.OPEN, Rule.KNOWN_FLOW),
        drain("first fragment, new", FIRST, Before.NOTHING, Rule.STALE_TUNNELLED),
        drain("ICMP error", UNREACHABLE, Before.NOTHING, Rule.ABOUT_OTHERS),
        drain("packet too big", TOO_BIG6, Before.NOTHING, Rule.ABOUT_OTHERS),
        drain("echo reply", ECHO_REPLY, Before.NOTHING, Rule.ABOUT_OTHERS),
        drain("new SYN", SYN_IN, Before.NOTHING, Rule.STALE_TUNNELLED),
        drain("SYN in time-wait", SYN_IN, Before.TIME_WAIT, Rule.STALE_TUNNELLED),
        drain("SYN after the end", SYN_IN, Before.CLOSED, Rule.STALE_TUNNELLED),
        drain("SYN after a reset", SYN_IN, Before.RESET_BY_GUEST, Rule.STALE_TUNNELLED),
        drain("new datagram", DATAGRAM_IN, Before.NOTHING, Rule.STALE_TUNNELLED),
        drain("datagram, long after", DATAGRAM_IN, Before.CLOSED, Rule.STALE_TUNNELLED),
        drain("new echo", ECHO, Before.NOTHING, Rule.STALE_TUNNELLED),
        drain("new echo v6", ECHO6, Before.NOTHING, Rule.STALE_TUNNELLED),
        row("of another", REDIRECTOR, FROM_GUEST, ALL, STRANGER, Rule.NOT_GRANTED),
        row("forged", REDIRECTOR, FROM_GUEST, ALL, DATA_IN, Rule.NOT_GRANTED),
        row("multicast", REDIRECTOR, FROM_GUEST, ALL, MULTICAST4, Rule.GROUP_ADDRESS),
        row("multicast v6", REDIRECTOR, FROM_GUEST, ALL, MULTICAST6, Rule.GROUP_ADDRESS),
        row("broadcast", REDIRECTOR, FROM_GUEST, ALL, BROADCAST, Rule.GROUP_ADDRESS),
        row("to itself", REDIRECTOR, FROM_GUEST, ALL, ITSELF, Rule.TO_ITSELF),
        row("answer", REDIRECTOR, FROM_GUEST, HELD, DATA_OUT, Rule.GUEST_ANSWERS),
        row("answer v6", REDIRECTOR, FROM_GUEST, HELD, SIX_OUT, Rule.GUEST_ANSWERS),
        row("answer", REDIRECTOR, FROM_GUEST, notHeld, DATA_OUT, Rule.NO_TUNNEL_YET),
        row("of another", ENDPOINT, TO_GUEST, ALL, STRANGER, Rule.NOT_GRANTED),
        row("multicast", ENDPOINT, TO_GUEST, ALL, MULTICAST6, Rule.GROUP_ADDRESS),
        row("to itself", ENDPOINT, TO_GUEST, ALL, ITSELF, Rule.TO_ITSELF),
        row("data", ENDPOINT, TO_GUEST, RELEASED, DATA_IN, Rule.DELIVERED),
        row("data v6", ENDPOINT, TO_GUEST, RELEASED, SIX_IN, Rule.DELIVERED),
        row("data", ENDPOINT, TO_GUEST, notReleased, DATA_IN, Rule.NOT_RELEASED),
        row("of another", ENDPOINT, FROM_GUEST, ALL, STRANGER, Rule.NOT_GRANTED),
        row("broadcast", ENDPOINT, FROM_GUEST, ALL, BROADCAST, Rule.GROUP_ADDRESS),
        row("to itself", ENDPOINT, FROM_GUEST, ALL, ITSELF, Rule.TO_ITSELF),
        row("answer", ENDPOINT, FROM_GUEST, HELD, DATA_OUT, Rule.ANSWER_GOES_BACK),
        row("answer v6", ENDPOINT, FROM_GUEST, HELD, SIX_OUT, Rule.ANSWER_GOES_BACK),
        row("answer", ENDPOINT, FROM_GUEST, notHeld, DATA_OUT, Rule.NOT_HELD));
  }

  private static Decision decision(Role role, HoldPolicy hold, StaleSyn stale) {
    return new Decision(role, List.of(IpAddress.parse(OLD4), IpAddress.parse(OLD6)), hold, stale);
  }

  @ParameterizedTest
  @MethodSource("rows")
  void rowGivesItsRule(Row row) {
    Decision decision = decision(row.role, HoldPolicy.QUEUE, StaleSyn.TUNNEL);
    Flow known = known(row);
    for (MigrationState state : row.states) {
      assertThat(decision.rule(state, row.direction, row.packet, known)).isEqualTo(row.rule);
      assertThat(decision.decide(state, row.direction, row.packet, known))
          .isSameAs(row.rule.verdict());
    }
  }

  /** The flow as the table finds it, after what the row says was seen before. */
  private static @Nullable Flow known(Row row) {
    var table = new FlowTable(10, FlowTimers.DEFAULTS, 1);
    Consumer<PacketView> in = v -> table.seen(v, TO_GUEST, 0, Origin.SEEN);
    Consumer<PacketView> out = v -> table.seen(v, FROM_GUEST, 0, Origin.SEEN);
    boolean tcp = row.packet.isTcp();
    switch (row.before) {
      case NOTHING -> {}
      case HANDSHAKE -> in.accept(SYN_IN);
      case OPEN -> in.accept(tcp ? DATA_IN : row.packet);
      case RESET_BY_GUEST -> out.accept(TALK.tcp(FROM_GUEST, RST, 5001, 0, 0));
      case RESET_BY_PEER -> in.accept(TALK.tcp(TO_GUEST, RST, 1001, 0, 0));
      case UNLISTED -> {
        in.accept(DATA_IN);
        table.listComplete(List.of(), 1, 2);
      }
      case TIME_WAIT, CLOSED -> {
        if (tcp) {
          in.accept(TALK.tcp(TO_GUEST, FIN | ACK, 1010, 5000, 0));
          out.accept(TALK.tcp(FROM_GUEST, FIN | ACK, 5000, 1011, 0));
          in.accept(TALK.tcp(TO_GUEST, ACK, 1011, 5001, 0));
        } else {
          in.accept(row.packet);
        }
        if (row.before == Before.CLOSED) {
          assertThat(table.countRemaining(FlowTimers.DEFAULTS.udp())).isZero();
        }
      }
    }
    return table.find(row.packet, row.direction);
  }

  @Test
  void holdPolicyDropDropsWhatWouldBeHeld() {
    Decision decision = decision(REDIRECTOR, HoldPolicy.DROP, StaleSyn.TUNNEL);
    assertThat(decision.decide(HOLDING, TO_GUEST, DATA_IN, null))
        .isEqualTo(Verdict.drop(DropReason.HOLD_POLICY_DROP));
    assertThat(decision.decide(REDIRECTING, TO_GUEST, DATA_IN, null)).isEqualTo(Verdict.TUNNEL);
  }

  @Test
  void staleSynPolicyConcernsOnlyWhatIsNewWhileDraining() {
    for (PacketView fresh : List.of(SYN_IN, DATAGRAM_IN, ECHO)) {
      Decision drop = decision(REDIRECTOR, HoldPolicy.QUEUE, StaleSyn.DROP);
      Decision reject = decision(REDIRECTOR, HoldPolicy.QUEUE, StaleSyn.REJECT);
      assertThat(drop.decide(DRAINING, TO_GUEST, fresh, null))
          .isEqualTo(Verdict.drop(DropReason.STALE_SYN));
      assertThat(reject.decide(DRAINING, TO_GUEST, fresh, null)).isEqualTo(Verdict.REJECT);
      for (Decision each : List.of(drop, reject)) {
        assertThat(each.decide(REDIRECTING, TO_GUEST, fresh, null)).isEqualTo(Verdict.TUNNEL);
        assertThat(each.decide(DRAINING, TO_GUEST, DATA_IN, null)).isEqualTo(Verdict.TUNNEL);
        assertThat(each.decide(DRAINING, TO_GUEST, UNREACHABLE, null)).isEqualTo(Verdict.TUNNEL);
        assertThat(each.decide(DRAINING, TO_GUEST, FRAGMENT, null)).isEqualTo(Verdict.TUNNEL);
      }
    }
  }

  @Test
  void everyRuleHasARowAndEveryRowSaysWhy() {
    Set<Rule> elsewhere =
        EnumSet.of(
            Rule.HOLD_DROPS,
            Rule.STALE_DROPPED,
            Rule.STALE_REJECTED, // tests above
            Rule.ANSWER_GOES_DIRECT); // DirectReturnTest
    Set<Rule> inRows = EnumSet.noneOf(Rule.class);
    rows().forEach(row -> inRows.add(row.rule));
    assertThat(inRows)
        .containsExactlyInAnyOrderElementsOf(EnumSet.complementOf(EnumSet.copyOf(elsewhere)));
    assertThat(Rule.values()).allSatisfy(rule -> assertThat(rule.reason()).isNotBlank());
  }

  @Test
  void dropsExistAlready() {
    for (DropReason reason : DropReason.values()) {
      assertThat(Verdict.drop(reason))
          .isSameAs(Verdict.drop(reason))
          .isEqualTo(new Verdict.Drop(reason));
    }
  }
}
