package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.CE;
import static dev.holdfast.redirector.edge.Packet.ECT_0;
import static dev.holdfast.redirector.edge.Packet.ECT_1;
import static dev.holdfast.redirector.edge.Packet.HOP_BY_HOP;
import static dev.holdfast.redirector.edge.Packet.NOT_ECT;
import static dev.holdfast.redirector.edge.Packet.PSH;
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

/** What the outer header of IP-in-IP is: RFC 2003, RFC 2473, RFC 4213. */
class EncapsulationTest {
  private static final int EF = 46;
  private static final int CS6 = 48;
  private static final int AF11 = 10;

  private static Packet data(Ip ip) {
    return ip.toGuest().tcp(ACK | PSH).payload(200);
  }

  @TestFactory
  Stream<DynamicTest> bothFamiliesInBoth() {
    return table(
        row(
            "RFC 2003 3.1",
            "IPv4 in IPv4: protocol 4, and the inner packet unchanged",
            oldHost()
                .over(Ip.V4)
                .captures(data(Ip.V4))
                .by(GUEST_IS_THERE)
                .sends(Ip.V4.outgoing().protocol(4).payload(data(Ip.V4).bytes()))),
        row(
            "RFC 4213 3",
            "IPv6 in IPv4: protocol 41",
            oldHost()
                .over(Ip.V4)
                .captures(data(Ip.V6))
                .by(GUEST_IS_THERE)
                .sends(Ip.V4.outgoing().id(2).df(false).protocol(41).payload(data(Ip.V6).bytes()))),
        row(
            "RFC 2473 3.1",
            "IPv4 in IPv6: next header 4",
            oldHost()
                .over(Ip.V6)
                .captures(data(Ip.V4))
                .by(GUEST_IS_THERE)
                .sends(Ip.V6.outgoing().protocol(4).payload(data(Ip.V4).bytes()))),
        row(
            "RFC 2473 3.1",
            "IPv6 in IPv6: next header 41",
            oldHost()
                .over(Ip.V6)
                .captures(data(Ip.V6))
                .by(GUEST_IS_THERE)
                .sends(Ip.V6.outgoing().protocol(41).payload(data(Ip.V6).bytes()))),
        both(
            "RFC 2003 3.1",
            "the guest's answers take the same form",
            ip ->
                newHost()
                    .over(ip)
                    .captures(ip.fromGuest().udp().payload(50))
                    .by(ANSWER_GOES_BACK)
                    .sends(tunnelled(ip, ip.fromGuest().udp().payload(50)))));
  }

  /** With the ID and DF of a first packet in an IPv4 tunnel. */
  private static Packet tunnelled(Ip outer, Packet inner) {
    Packet packet = outer.outgoing().around(inner);
    return outer == Ip.V4 && inner.ip() == Ip.V6 ? packet.df(false).id(2) : packet;
  }

  @TestFactory
  Stream<DynamicTest> theInnerPacketIsNotTouched() {
    return table(
        row(
            "RFC 2003 3.1",
            "IPv4 options stay in the inner header alone",
            same(Ip.V4, Ip.V4.toGuest().options(7, 7, 4, 0, 0, 0, 0).udp().payload(5))),
        row(
            "RFC 2473 3.2",
            "extension headers stay behind the inner header",
            same(Ip.V6, Ip.V6.toGuest().extension(HOP_BY_HOP, 1, 4, 0, 0, 0, 0).udp().payload(5))),
        both(
            "RFC 2003 3.1",
            "a wrong transport checksum is not mended",
            ip -> same(ip, ip.toGuest().tcp(ACK).payload(9).set16(ip.header() + 16, 0xbad1))),
        row(
            "RFC 2473 6.5",
            "the inner flow label is no outer one",
            same(Ip.V6, Ip.V6.toGuest().flowLabel(0x12345).udp())),
        row(
            "RFC 6864 4.1",
            "the inner identification stays, with Don't Fragment too",
            same(Ip.V4, Ip.V4.toGuest().id(0xbeef).tcp(ACK))),
        both(
            "RFC 2003 3.1",
            "an empty datagram is a packet like any other",
            ip -> same(ip, ip.toGuest().protocol(59))));
  }

  private static Row same(Ip outer, Packet inner) {
    return oldHost()
        .over(outer)
        .captures(inner)
        .by(GUEST_IS_THERE)
        .sends(outer.outgoing().around(inner));
  }

  @TestFactory
  Stream<DynamicTest> dontFragmentAndIdentification() {
    Packet mayBeCut = Ip.V4.toGuest().df(false).id(7).udp().payload(30);
    Packet whole = Ip.V4.toGuest().df(true).udp().payload(30);
    Packet small = Ip.V6.toGuest().udp().payload(1_280 - 48);
    Packet large = Ip.V6.toGuest().udp().payload(1_281 - 48);
    return table(
        row(
            "RFC 2003 3.1",
            "Don't Fragment is copied where it is set",
            oldHost()
                .over(Ip.V4)
                .captures(whole)
                .by(GUEST_IS_THERE)
                .sends(Ip.V4.outgoing().df(true).id(0).around(whole))),
        row(
            "RFC 2003 3.1",
            "and where it is not",
            oldHost()
                .over(Ip.V4)
                .captures(mayBeCut)
                .by(GUEST_IS_THERE)
                .sends(Ip.V4.outgoing().df(false).id(2).around(mayBeCut))),
        row(
            "RFC 6864 4.3",
            "what may be cut has an identification of its own each time",
            oldHost()
                .over(Ip.V4)
                .after(mayBeCut, mayBeCut)
                .captures(mayBeCut)
                .by(GUEST_IS_THERE)
                .sends(Ip.V4.outgoing().df(false).id(4).around(mayBeCut))),
        row(
            "RFC 6864 4.3",
            "what may not be cut takes no identification from what may",
            oldHost()
                .over(Ip.V4)
                .after(whole, large, whole)
                .captures(mayBeCut)
                .by(GUEST_IS_THERE)
                .sends(Ip.V4.outgoing().df(false).id(2).around(mayBeCut))),
        row(
            "RFC 6864 4.1",
            "what may not be cut has 0, whatever was sent before",
            oldHost()
                .over(Ip.V4)
                .after(mayBeCut, mayBeCut)
                .captures(whole)
                .by(GUEST_IS_THERE)
                .sends(Ip.V4.outgoing().df(true).id(0).around(whole))),
        row(
            "RFC 4213 3.2",
            "IPv6 of 1280 bytes may be cut, since IPv6 counts on that size",
            oldHost()
                .over(Ip.V4)
                .captures(small)
                .by(GUEST_IS_THERE)
                .sends(Ip.V4.outgoing().df(false).id(2).around(small))),
        row(
            "RFC 4213 3.2",
            "longer IPv6 may not",
            oldHost()
                .over(Ip.V4)
                .captures(large)
                .by(GUEST_IS_THERE)
                .sends(Ip.V4.outgoing().df(true).id(0).around(large))),
        row(
            "RFC 2473 7.2",
            "over IPv6 there is no such flag to copy",
            oldHost()
                .over(Ip.V6)
                .captures(mayBeCut)
                .by(GUEST_IS_THERE)
                .sends(Ip.V6.outgoing().around(mayBeCut))));
  }

  @TestFactory
  Stream<DynamicTest> differentiatedServices() {
    List<List<DynamicTest>> rows = new ArrayList<>();
    for (int codepoint : new int[] {0, EF, CS6, AF11, 1, 63}) {
      rows.add(
          both(
              "RFC 2983 3.1",
              "uniform: DSCP " + codepoint + " shows outside too",
              ip -> {
                Packet inner = ip.toGuest().dscp(codepoint).tcp(ACK);
                return oldHost()
                    .over(ip)
                    .captures(inner)
                    .by(GUEST_IS_THERE)
                    .sends(ip.outgoing().dscp(codepoint).around(inner));
              }));
    }
    Packet across = Ip.V6.toGuest().dscp(EF).tcp(ACK);
    rows.add(
        row(
            "RFC 2983 3.1",
            "uniform: from IPv6 into IPv4",
            oldHost()
                .over(Ip.V4)
                .captures(across)
                .by(GUEST_IS_THERE)
                .sends(Ip.V4.outgoing().dscp(EF).df(false).id(2).around(across))));
    return rows.stream().flatMap(List::stream);
  }

  @TestFactory
  Stream<DynamicTest> congestionAtTheTunnelsEntry() {
    List<List<DynamicTest>> rows = new ArrayList<>();
    String[] names = {"Not-ECT", "ECT(1)", "ECT(0)", "CE"};
    for (int codepoint : new int[] {NOT_ECT, ECT_1, ECT_0, CE}) {
      rows.add(
          both(
              "RFC 6040 4.1",
              "normal mode: " + names[codepoint] + " is copied",
              ip -> {
                Packet inner = ip.toGuest().ecn(codepoint).tcp(ACK);
                return oldHost()
                    .over(ip)
                    .captures(inner)
                    .by(GUEST_IS_THERE)
                    .sends(ip.outgoing().ecn(codepoint).around(inner));
              }));
    }
    return rows.stream().flatMap(List::stream);
  }

  /** The Tunnel Encapsulation Limit of an inner packet: type 4, length 1, and the limit. */
  private static Packet limited(int limit) {
    return Ip.V6.toGuest().extension(60, 4, 1, limit, 1, 1, 0).udp();
  }

  @TestFactory
  Stream<DynamicTest> loopGuard() {
    return table(
        row(
            "RFC 2473 4.1.1",
            "an encapsulation limit is passed on, less one",
            oldHost()
                .over(Ip.V6)
                .captures(limited(4))
                .by(GUEST_IS_THERE)
                .sends(Ip.V6.outgoing().extension(60, 4, 1, 3, 1, 1, 0).around(limited(4)))),
        row(
            "RFC 2473 4.1.1",
            "a limit of 1 becomes one of 0",
            oldHost()
                .over(Ip.V6)
                .captures(limited(1))
                .by(GUEST_IS_THERE)
                .sends(Ip.V6.outgoing().extension(60, 4, 1, 0, 1, 1, 0).around(limited(1)))),
        row(
            "RFC 2473 4.1.1",
            "a limit of 0 forbids it",
            oldHost().over(Ip.V6).captures(limited(0)).by(GUEST_IS_THERE).drops(DropReason.LOOP)),
        both(
            "RFC 2003 3.2",
            "a tunnel of the guest's own to another end is no loop",
            ip ->
                newHost()
                    .over(ip)
                    .captures(ip.fromGuest().to(ip.there).around(ip.toGuest().udp()))
                    .by(ANSWER_GOES_BACK)
                    .sends(
                        ip.outgoing()
                            .around(ip.fromGuest().to(ip.there).around(ip.toGuest().udp())))),
        row(
            "RFC 2473 4.1.1",
            "no limit, and none is added",
            oldHost()
                .over(Ip.V6)
                .captures(data(Ip.V6))
                .by(GUEST_IS_THERE)
                .sends(Ip.V6.outgoing().around(data(Ip.V6)))));
  }
}
