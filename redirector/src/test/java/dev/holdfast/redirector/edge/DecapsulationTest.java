package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.NOT_GRANTED;
import static dev.holdfast.redirector.decide.Rule.TO_ITSELF;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.CE;
import static dev.holdfast.redirector.edge.Packet.ECT_0;
import static dev.holdfast.redirector.edge.Packet.ECT_1;
import static dev.holdfast.redirector.edge.Packet.IPIP;
import static dev.holdfast.redirector.edge.Packet.NOT_ECT;
import static dev.holdfast.redirector.edge.Packet.SIT;
import static dev.holdfast.redirector.edge.Packet.SYN;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.tunnel.observe.DropReason;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What becomes of an outer packet that comes to the tunnel's end. */
class DecapsulationTest {
  private static final String[] ECN = {"Not-ECT", "ECT(1)", "ECT(0)", "CE"};

  /** RFC 6040, figure 4, by inner and outer codepoint; null is a drop. */
  private static final Integer[][] FIGURE_4 = new Integer[4][4];

  static {
    FIGURE_4[NOT_ECT] = new Integer[] {NOT_ECT, NOT_ECT, NOT_ECT, null};
    FIGURE_4[ECT_0] = new Integer[] {ECT_0, ECT_1, ECT_0, CE};
    FIGURE_4[ECT_1] = new Integer[] {ECT_1, ECT_1, ECT_1, CE};
    FIGURE_4[CE] = new Integer[] {CE, CE, CE, CE};
  }

  /** Outer codepoints of figure 4's columns, as numbers: Not-ECT, ECT(1), ECT(0), CE. */
  @TestFactory
  Stream<DynamicTest> congestionAtTheTunnelsExit() {
    List<List<DynamicTest>> rows = new ArrayList<>();
    for (int inner = 0; inner < 4; inner++) {
      for (int outer = 0; outer < 4; outer++) {
        int from = inner;
        int over = outer;
        Integer result = FIGURE_4[inner][outer];
        String outcome = result == null ? "is dropped" : "goes on as " + ECN[result];
        rows.add(
            both(
                "RFC 6040 4.2",
                "outer " + ECN[outer] + " on " + ECN[inner] + " " + outcome,
                ip -> {
                  Packet in = ip.toGuest().ecn(from).tcp(ACK).payload(20);
                  PacketRow row = newHost().over(ip).arrives(ip.incoming().ecn(over).around(in));
                  return result == null
                      ? row.drops(DropReason.CONGESTED)
                      : row.by(DELIVERED).delivers(ip.toGuest().ecn(result).tcp(ACK).payload(20));
                }));
      }
    }
    Packet inner = Ip.V6.toGuest().ecn(ECT_0).udp();
    rows.add(
        row(
            "RFC 6040 4.2",
            "CE goes in from IPv4 to IPv6",
            newHost()
                .over(Ip.V4)
                .arrives(Ip.V4.incoming().ecn(CE).around(inner))
                .by(DELIVERED)
                .delivers(inner.ecn(CE))));
    return rows.stream().flatMap(List::stream);
  }

  @TestFactory
  Stream<DynamicTest> onlyTheInnerPacketGoesOn() {
    return table(
        both(
            "RFC 2983 5.1",
            "the outer DSCP ends with the outer header",
            ip -> {
              Packet in = ip.toGuest().dscp(46).udp().payload(9);
              return newHost()
                  .over(ip)
                  .arrives(ip.incoming().dscp(8).around(in))
                  .by(DELIVERED)
                  .delivers(in);
            }),
        row(
            "RFC 2003 3.1",
            "outer IPv4 options end with it",
            newHost()
                .over(Ip.V4)
                .arrives(Ip.V4.incoming().options(1, 1, 1, 0).around(Ip.V4.toGuest().udp()))
                .by(DELIVERED)
                .delivers(Ip.V4.toGuest().udp())),
        both(
            "RFC 2003 3.1",
            "IPv4 inside",
            ip ->
                newHost()
                    .over(ip)
                    .arrives(ip.incoming().around(Ip.V4.toGuest().tcp(ACK)))
                    .by(DELIVERED)
                    .delivers(Ip.V4.toGuest().tcp(ACK))),
        both(
            "RFC 4213 3.6",
            "IPv6 inside",
            ip ->
                newHost()
                    .over(ip)
                    .arrives(ip.incoming().around(Ip.V6.toGuest().tcp(ACK)))
                    .by(DELIVERED)
                    .delivers(Ip.V6.toGuest().tcp(ACK))),
        both(
            "RFC 2003 3.1",
            "what follows the inner packet's own length is padding",
            ip -> {
              byte[] padded =
                  java.util.Arrays.copyOf(ip.toGuest().udp().bytes(), ip.header() + 8 + 6);
              return newHost()
                  .over(ip)
                  .arrives(ip.incoming().protocol(ip == Ip.V4 ? IPIP : SIT).payload(padded))
                  .by(DELIVERED)
                  .delivers(ip.toGuest().udp());
            }),
        both(
            "RFC 2003 3.1",
            "the guest's answers leave at the old site as they are",
            ip ->
                oldHost()
                    .over(ip)
                    .arrives(ip.incoming().around(ip.fromGuest().tcp(ACK)))
                    .by(GUEST_ANSWERS)
                    .delivers(ip.fromGuest().tcp(ACK))));
  }

  @TestFactory
  Stream<DynamicTest> whatIsBrokenGoesNoFurther() {
    return table(
        both(
            "RFC 4213 3.6",
            "the protocol says IPv4, the inner header IPv6",
            ip ->
                malformed(ip, ip.incoming().protocol(IPIP).payload(Ip.V6.toGuest().udp().bytes()))),
        both(
            "RFC 4213 3.6",
            "the protocol says IPv6, the inner header IPv4",
            ip ->
                malformed(ip, ip.incoming().protocol(SIT).payload(Ip.V4.toGuest().udp().bytes()))),
        both(
            "RFC 2003 3.1",
            "the inner packet is cut short",
            ip ->
                malformed(
                    ip,
                    ip.incoming()
                        .around(ip.toGuest().tcp(ACK).payload(40).resized(ip.header() + 30)))),
        both(
            "RFC 2003 3.1", "nothing is inside", ip -> malformed(ip, ip.incoming().protocol(IPIP))),
        row(
            "RFC 1812 5.2.2",
            "the outer header's checksum is wrong",
            malformed(Ip.V4, Ip.V4.incoming().around(Ip.V4.toGuest().udp()).set16(10, 0x1234))),
        both(
            "RFC 1812 5.2.2",
            "the inner header's checksum is wrong",
            ip -> malformed(ip, ip.incoming().around(Ip.V4.toGuest().udp().set16(10, 0x1234)))),
        row(
            "RFC 2003 3.1",
            "a fragment of an outer packet: the kernel puts those together",
            malformed(Ip.V4, Ip.V4.incoming().fragment(0, true).around(Ip.V4.toGuest().udp()))),
        both(
            "RFC 1122 3.2.1.3",
            "the inner source is a group or loopback",
            ip ->
                malformed(
                    ip,
                    ip.incoming()
                        .around(ip.toGuest().from(ip == Ip.V4 ? "127.0.0.1" : "ff02::1").udp()))));
  }

  private static Row malformed(Ip outer, Packet packet) {
    return newHost().over(outer).arrives(packet).drops(DropReason.MALFORMED);
  }

  @TestFactory
  Stream<DynamicTest> onlyWhoMaySend() {
    return table(
        both(
            "RFC 2003 6",
            "an outer source that is no remote host's",
            ip ->
                newHost()
                    .over(ip)
                    .arrives(ip.incoming().from(ip.peer).around(ip.toGuest().udp()))
                    .drops(DropReason.UNKNOWN_REMOTE)),
        both(
            "RFC 2003 6",
            "an inner destination that was not granted",
            ip ->
                newHost()
                    .over(ip)
                    .arrives(ip.incoming().around(ip.toGuest().to(ip.lan).udp()))
                    .drops(DropReason.NOT_GRANTED)),
        both(
            "RFC 2003 6",
            "an inner source that was not granted, at the old host",
            ip ->
                oldHost()
                    .over(ip)
                    .arrives(ip.incoming().around(ip.fromGuest().from(ip.lan).udp()))
                    .drops(DropReason.NOT_GRANTED)),
        both(
            "RFC 2003 6",
            "the same by TLS: proven is who sends, not what",
            ip -> newHost().receives(ip.toGuest().to(ip.lan).tcp(SYN)).by(NOT_GRANTED)),
        both(
            "RFC 2003 6",
            "by TLS at the old host: not from another than the old address",
            ip -> oldHost().receives(ip.fromGuest().from(ip.lan).tcp(SYN)).by(NOT_GRANTED)),
        both(
            "RFC 2003 3.2",
            "from the old address to itself would be tunnelled for ever",
            ip -> newHost().receives(ip.toGuest().from(ip.old).udp(9, 9)).by(TO_ITSELF)));
  }
}
