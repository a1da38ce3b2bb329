package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_PAUSED;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.AH;
import static dev.holdfast.redirector.edge.Packet.DESTINATION_OPTIONS;
import static dev.holdfast.redirector.edge.Packet.ESP;
import static dev.holdfast.redirector.edge.Packet.GRE;
import static dev.holdfast.redirector.edge.Packet.HOP_BY_HOP;
import static dev.holdfast.redirector.edge.Packet.OSPF;
import static dev.holdfast.redirector.edge.Packet.ROUTING;
import static dev.holdfast.redirector.edge.Packet.SCTP;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.redirector.migration.MigrationState;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What is neither TCP nor ICMP: carried by address alone, whatever it is. */
class TrafficTest {
  private static final int UDP_LITE = 136;
  private static final int NO_NEXT_HEADER = 59;
  private static final int EXPERIMENT = 253;

  /** The old host's two ways and the new host's two, in one list of rows. */
  private static List<DynamicTest> everyWay(
      String section, String description, UnaryOperator<Packet> content) {
    List<DynamicTest> rows = new ArrayList<>();
    rows.addAll(
        both(
            section,
            description + ", to the guest",
            ip -> {
              Packet packet = content.apply(ip.toGuest());
              return oldHost().captures(packet).by(GUEST_IS_THERE).tunnels(packet);
            }));
    rows.addAll(
        both(
            section,
            description + ", from the guest",
            ip -> {
              Packet packet = content.apply(ip.fromGuest());
              return newHost().captures(packet).by(ANSWER_GOES_BACK).tunnels(packet);
            }));
    return rows;
  }

  @TestFactory
  Stream<DynamicTest> udp() {
    return table(
        everyWay(
            "RFC 9000 17.2",
            "QUIC's long header, of 1200 bytes",
            packet -> packet.udp(443, 443).payload(1_200)),
        everyWay("RFC 768", "an empty datagram", Packet::udp),
        row(
            "RFC 768",
            "no checksum is no wrong one",
            oldHost()
                .captures(Ip.V4.toGuest().udp().payload(12).set16(26, 0))
                .by(GUEST_IS_THERE)
                .tunnels(Ip.V4.toGuest().udp().payload(12).set16(26, 0))),
        row(
            "RFC 6935 5",
            "nor is it in IPv6, where a tunnel may send so",
            oldHost()
                .captures(Ip.V6.toGuest().udp().payload(12).set16(46, 0))
                .by(GUEST_IS_THERE)
                .tunnels(Ip.V6.toGuest().udp().payload(12).set16(46, 0))),
        row(
            "RFC 768",
            "no checksum, with pcap: it was not left to a device",
            oldHost()
                .pcap()
                .captures(Ip.V4.toGuest().udp().payload(12).set16(26, 0))
                .by(GUEST_IS_THERE)
                .tunnels(Ip.V4.toGuest().ttl(63).udp().payload(12).set16(26, 0))),
        both(
            "RFC 768",
            "shorter than its IP packet: the rest is carried too",
            ip ->
                oldHost()
                    .captures(ip.toGuest().udp().payload(12).set16(ip.header() + 4, 10))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().udp().payload(12).set16(ip.header() + 4, 10))),
        both(
            "RFC 9000 9.3",
            "while the guest is paused",
            ip ->
                oldHost(MigrationState.HOLDING)
                    .captures(ip.toGuest().udp().payload(900))
                    .by(GUEST_IS_PAUSED)
                    .stages(ip.toGuest().udp().payload(900))));
  }

  @TestFactory
  Stream<DynamicTest> protocolsWithoutPortsThatWeKnow() {
    return table(
        everyWay("RFC 9260 3", "SCTP", packet -> packet.protocol(SCTP).payload(52)),
        everyWay("RFC 4303 2", "ESP", packet -> packet.protocol(ESP).payload(120)),
        everyWay("RFC 2784 2", "GRE", packet -> packet.protocol(GRE).payload(64)),
        everyWay("RFC 3828 3", "UDP-Lite", packet -> packet.protocol(UDP_LITE).payload(30)),
        everyWay(
            "RFC 2328 A.1", "OSPF to one address", packet -> packet.protocol(OSPF).payload(44)),
        everyWay(
            "RFC 3692 2",
            "a number for experiments",
            packet -> packet.protocol(EXPERIMENT).payload(1)),
        row(
            "RFC 4302 2",
            "AH is a protocol of IPv4",
            oldHost()
                .captures(Ip.V4.toGuest().protocol(AH).payload(44))
                .by(GUEST_IS_THERE)
                .tunnels(Ip.V4.toGuest().protocol(AH).payload(44))),
        both(
            "RFC 2003 1",
            "a tunnel of the guest's own",
            ip ->
                oldHost()
                    .captures(ip.toGuest().around(ip.fromGuest().udp()))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().around(ip.fromGuest().udp()))));
  }

  @TestFactory
  Stream<DynamicTest> extensionHeaders() {
    return table(
        v6("RFC 8200 4.7", "no next header", packet -> packet.protocol(NO_NEXT_HEADER)),
        v6(
            "RFC 8200 4.3",
            "hop-by-hop options: router alert",
            packet -> packet.extension(HOP_BY_HOP, 5, 2, 0, 0, 1, 0).udp().payload(4)),
        v6(
            "RFC 8200 4.6",
            "destination options",
            packet -> packet.extension(DESTINATION_OPTIONS, 1, 4, 0, 0, 0, 0).tcp(ACK)),
        v6(
            "RFC 8200 4.4",
            "a routing header that is used up",
            packet -> packet.extension(ROUTING, 4, 0, 0, 0, 0, 0).tcp(ACK)),
        v6(
            "RFC 8200 4.1",
            "all of them, in the order that is recommended",
            packet ->
                packet
                    .extension(HOP_BY_HOP, 1, 4)
                    .extension(DESTINATION_OPTIONS, 1, 4)
                    .extension(ROUTING, 4, 0)
                    .extension(DESTINATION_OPTIONS, 1, 4)
                    .udp()),
        v6(
            "RFC 8200 4.8",
            "behind them any protocol",
            packet -> packet.extension(DESTINATION_OPTIONS, 1, 4).protocol(SCTP).payload(16)),
        v6(
            "RFC 6437 3",
            "the flow label is the source's",
            packet -> packet.flowLabel(0xfffff).udp()));
  }

  private static List<DynamicTest> v6(
      String section, String description, UnaryOperator<Packet> content) {
    List<DynamicTest> rows = new ArrayList<>();
    Packet to = content.apply(Ip.V6.toGuest());
    Packet from = content.apply(Ip.V6.fromGuest());
    rows.addAll(
        row(
            section,
            description + ", to the guest",
            newHost().receives(to).by(DELIVERED).delivers(to)));
    rows.addAll(
        row(
            section,
            description + ", from the guest",
            oldHost().receives(from).by(GUEST_ANSWERS).delivers(from)));
    return rows;
  }

  @TestFactory
  Stream<DynamicTest> optionsOfIpv4() {
    return table(
        v4("RFC 791 3.1", "record route", packet -> packet.options(7, 7, 4, 0, 0, 0, 0).udp()),
        v4("RFC 791 3.1", "timestamps", packet -> packet.options(68, 8, 5, 0, 0, 0, 0, 0).udp()),
        v4("RFC 2113 2.1", "router alert", packet -> packet.options(148, 4, 0, 0).udp()),
        v4(
            "RFC 791 3.1",
            "loose source route, used up",
            packet -> packet.options(131, 7, 8, 192, 0, 2, 7).tcp(ACK)),
        v4(
            "RFC 791 3.1",
            "40 bytes of no operation",
            packet ->
                packet
                    .options(
                        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
                    .tcp(ACK)));
  }

  private static List<DynamicTest> v4(
      String section, String description, UnaryOperator<Packet> content) {
    Packet to = content.apply(Ip.V4.toGuest());
    return row(section, description, oldHost().captures(to).by(GUEST_IS_THERE).tunnels(to));
  }
}
