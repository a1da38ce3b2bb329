package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.CE;
import static dev.holdfast.redirector.edge.Packet.ECT_0;
import static dev.holdfast.redirector.edge.Packet.ECT_1;
import static dev.holdfast.redirector.edge.Packet.NOT_ECT;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.tunnel.encap.OuterPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * {@code tunnel.dscp} where it is a codepoint of the network between the sites: the pipe model of
 * RFC 2983. Copied codepoints are in {@code EncapsulationTest}.
 */
class DscpTest {
  private static final int BEST_EFFORT = 0;
  private static final int LE = 1;
  private static final int AF21 = 18;
  private static final int CS5 = 40;
  private static final int EF = 46;
  private static final int LOCAL = 63;

  private static Packet marked(Packet packet, int dscp) {
    return packet.dscp(dscp).tcp(ACK).payload(20);
  }

  private static Row outside(Ip ip, int inside, int policy, int outside) {
    return oldHost()
        .over(ip)
        .dscp(policy)
        .captures(marked(ip.toGuest(), inside))
        .by(GUEST_IS_THERE)
        .sends(ip.outgoing().dscp(outside).around(marked(ip.toGuest(), inside)));
  }

  @TestFactory
  Stream<DynamicTest> oneCodepointForAll() {
    return table(
        both("RFC 2983 4.1", "a number", ip -> outside(ip, BEST_EFFORT, 10, 10)),
        both("RFC 2474 4.2.2.1", "a class selector: CS5", ip -> outside(ip, AF21, CS5, CS5)),
        both("RFC 2597 6", "assured forwarding: AF21", ip -> outside(ip, EF, AF21, AF21)),
        both("RFC 3246 2.7", "expedited forwarding: EF", ip -> outside(ip, BEST_EFFORT, EF, EF)),
        both("RFC 8622 4", "lower effort: LE", ip -> outside(ip, EF, LE, LE)),
        both("RFC 2474 4.1", "0 is the default behaviour", ip -> outside(ip, EF, BEST_EFFORT, 0)),
        both("RFC 2474 6", "63: for local use", ip -> outside(ip, CS5, LOCAL, LOCAL)),
        both(
            "RFC 2983 3.1",
            "copied where nothing else is said",
            ip -> outside(ip, AF21, OuterPolicy.COPY, AF21)),
        both(
            "RFC 2983 4.1",
            "the guest's answers likewise",
            ip ->
                newHost()
                    .over(ip)
                    .dscp(CS5)
                    .captures(marked(ip.fromGuest(), EF))
                    .by(ANSWER_GOES_BACK)
                    .sends(ip.outgoing().dscp(CS5).around(marked(ip.fromGuest(), EF)))),
        row(
            "RFC 2983 4.1",
            "IPv6 inside IPv4",
            oldHost()
                .over(Ip.V4)
                .dscp(EF)
                .captures(marked(Ip.V6.toGuest(), LE))
                .by(GUEST_IS_THERE)
                .sends(
                    Ip.V4.outgoing().dscp(EF).df(false).id(2).around(marked(Ip.V6.toGuest(), LE)))),
        row(
            "RFC 2983 4.1",
            "IPv4 inside IPv6",
            oldHost()
                .over(Ip.V6)
                .dscp(EF)
                .captures(marked(Ip.V4.toGuest(), LE))
                .by(GUEST_IS_THERE)
                .sends(Ip.V6.outgoing().dscp(EF).around(marked(Ip.V4.toGuest(), LE)))));
  }

  @TestFactory
  Stream<DynamicTest> ecnIsNoPartOfIt() {
    List<List<DynamicTest>> rows = new ArrayList<>();
    String[] names = {"Not-ECT", "ECT(1)", "ECT(0)", "CE"};
    for (int ecn : new int[] {NOT_ECT, ECT_1, ECT_0, CE}) {
      rows.add(
          both(
              "RFC 6040 4.1",
              "with a DSCP of the tunnel's own, " + names[ecn] + " is copied still",
              ip -> {
                Packet inner = marked(ip.toGuest(), AF21).ecn(ecn);
                return oldHost()
                    .over(ip)
                    .dscp(CS5)
                    .captures(inner)
                    .by(GUEST_IS_THERE)
                    .sends(ip.outgoing().dscp(CS5).ecn(ecn).around(inner));
              }));
    }
    rows.add(
        both(
            "RFC 6040 4.2",
            "nor at the exit: CE goes in, the outer DSCP does not",
            ip ->
                newHost()
                    .over(ip)
                    .arrives(
                        ip.incoming().dscp(CS5).ecn(CE).around(marked(ip.toGuest(), EF).ecn(ECT_0)))
                    .by(DELIVERED)
                    .delivers(marked(ip.toGuest(), EF).ecn(CE))));
    return rows.stream().flatMap(List::stream);
  }

  @TestFactory
  Stream<DynamicTest> theExitDoesNotTouchTheInnerOne() {
    return table(
        both("RFC 2983 5.1", "EF inside, 0 outside", ip -> delivered(ip, EF, BEST_EFFORT)),
        both("RFC 2983 5.1", "0 inside, EF outside", ip -> delivered(ip, BEST_EFFORT, EF)),
        both("RFC 2983 5.1", "remarked on the way", ip -> delivered(ip, AF21, LE)),
        both("RFC 2983 5.1", "the same on both", ip -> delivered(ip, CS5, CS5)),
        both(
            "RFC 2983 5.1",
            "whatever this host's own policy is",
            ip ->
                newHost()
                    .over(ip)
                    .dscp(LOCAL)
                    .arrives(ip.incoming().dscp(CS5).around(marked(ip.toGuest(), AF21)))
                    .by(DELIVERED)
                    .delivers(marked(ip.toGuest(), AF21))),
        both(
            "RFC 2983 5.1",
            "the guest's answers at the old site",
            ip ->
                oldHost()
                    .over(ip)
                    .arrives(ip.incoming().dscp(CS5).around(marked(ip.fromGuest(), EF)))
                    .by(GUEST_ANSWERS)
                    .delivers(marked(ip.fromGuest(), EF))));
  }

  private static Row delivered(Ip ip, int inside, int outside) {
    return newHost()
        .over(ip)
        .arrives(ip.incoming().dscp(outside).around(marked(ip.toGuest(), inside)))
        .by(DELIVERED)
        .delivers(marked(ip.toGuest(), inside));
  }
}
