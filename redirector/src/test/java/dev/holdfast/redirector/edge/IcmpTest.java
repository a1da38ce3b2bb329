package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_PAUSED;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.redirector.migration.MigrationState;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * ICMP and ICMPv6 about the guest's packets, and the guest's own. Errors that this host makes
 * itself are in {@code MtuTest}.
 */
class IcmpTest {

  /** An error from a router on the way, about what the guest has sent. */
  private static Packet error(Ip ip, int type, int code, int rest) {
    return ip.toGuest()
        .from(ip == Ip.V4 ? "203.0.113.77" : "2001:db8:77::1")
        .icmp(type, code, rest)
        .quoting(ip.fromGuest().tcp(ACK).payload(400));
  }

  private static PacketRow there(Packet packet) {
    return oldHost().captures(packet).by(GUEST_IS_THERE).tunnels(packet);
  }

  private static List<DynamicTest> v4(
      String section, String description, int type, int code, int rest) {
    return row(section, description + " (IPv4)", there(error(Ip.V4, type, code, rest)));
  }

  private static List<DynamicTest> v6(
      String section, String description, int type, int code, int rest) {
    return row(section, description + " (IPv6)", there(error(Ip.V6, type, code, rest)));
  }

  @TestFactory
  Stream<DynamicTest> errorsAboutTheGuestsPacketsReachTheGuest() {
    return table(
        v4("RFC 792", "destination unreachable: network", 3, 0, 0),
        v4("RFC 792", "destination unreachable: host", 3, 1, 0),
        v4("RFC 792", "destination unreachable: protocol", 3, 2, 0),
        v4("RFC 792", "destination unreachable: port", 3, 3, 0),
        v4("RFC 1191 4", "fragmentation needed, with the next hop's MTU", 3, 4, 1_400),
        v4("RFC 1812 5.2.7.1", "administratively prohibited", 3, 13, 0),
        v4("RFC 792", "time exceeded in transit", 11, 0, 0),
        v4("RFC 792", "time exceeded in reassembly", 11, 1, 0),
        v4("RFC 792", "parameter problem", 12, 0, 20 << 24),
        v4("RFC 6633 3", "source quench, which hosts ignore", 4, 0, 0),
        v6("RFC 4443 3.1", "no route", 1, 0, 0),
        v6("RFC 4443 3.1", "port unreachable", 1, 4, 0),
        v6("RFC 4443 3.2", "packet too big", 2, 0, 1_280),
        v6("RFC 4443 3.3", "time exceeded in transit", 3, 0, 0),
        v6("RFC 4443 3.3", "time exceeded in reassembly", 3, 1, 0),
        v6("RFC 4443 3.4", "parameter problem", 4, 1, 6));
  }

  @TestFactory
  Stream<DynamicTest> quotes() {
    return table(
        row(
            "RFC 792",
            "a quote of the header and 8 bytes, as old hosts make it",
            there(
                Ip.V4
                    .toGuest()
                    .icmp(3, 1, 0)
                    .quoting(Ip.V4.fromGuest().tcp(ACK).payload(400), 28))),
        row(
            "RFC 1812 4.3.2.3",
            "a quote of up to 576 bytes in all",
            there(
                Ip.V4.toGuest().icmp(3, 1, 0).quoting(Ip.V4.fromGuest().tcp(ACK).payload(1_200)))),
        row(
            "RFC 4443 2.4",
            "a quote of up to 1280 bytes in all",
            there(
                Ip.V6.toGuest().icmp(1, 0, 0).quoting(Ip.V6.fromGuest().tcp(ACK).payload(1_300)))),
        row(
            "RFC 4884 4.1",
            "a length and extensions behind the quote",
            there(
                Ip.V4
                    .toGuest()
                    .icmp(11, 0, 32 << 16)
                    .quoting(Ip.V4.fromGuest().tcp(ACK).payload(400), 144))),
        both(
            "RFC 792",
            "a quote of UDP",
            ip ->
                there(
                    ip.toGuest()
                        .icmp(ip == Ip.V4 ? 3 : 1, ip == Ip.V4 ? 3 : 4, 0)
                        .quoting(ip.fromGuest().udp().payload(90)))),
        both(
            "RFC 792",
            "a quote that ends within its header",
            ip ->
                there(
                    ip.toGuest()
                        .icmp(ip == Ip.V4 ? 3 : 1, 0, 0)
                        .quoting(ip.fromGuest().udp(), 12))),
        both(
            "RFC 792",
            "no quote at all",
            ip -> there(ip.toGuest().icmp(ip == Ip.V4 ? 3 : 1, 0, 0))));
  }

  @TestFactory
  Stream<DynamicTest> theGuestsOwnErrorsReachThePeer() {
    return table(
        both(
            "RFC 1122 3.2.2.1",
            "port unreachable, at the new host",
            ip ->
                newHost().captures(guestsError(ip)).by(ANSWER_GOES_BACK).tunnels(guestsError(ip))),
        both(
            "RFC 1122 3.2.2.1",
            "port unreachable, at the old host",
            ip -> oldHost().receives(guestsError(ip)).by(GUEST_ANSWERS).delivers(guestsError(ip))),
        both(
            "RFC 1122 3.2.2.1",
            "the same with pcap",
            ip ->
                newHost()
                    .pcap()
                    .captures(guestsError(ip))
                    .by(ANSWER_GOES_BACK)
                    .tunnels(guestsError(ip).ttl(63))),
        both(
            "RFC 1122 3.2.2.4",
            "time exceeded in reassembly, to the peer",
            ip -> {
              Packet error =
                  ip.fromGuest()
                      .icmp(ip == Ip.V4 ? 11 : 3, 1, 0)
                      .quoting(ip.toGuest().id(9).fragment(0, true).udp().payload(200));
              return oldHost().receives(error).by(GUEST_ANSWERS).delivers(error);
            }),
        both(
            "RFC 1122 3.2.2.1",
            "by IP-in-IP",
            ip -> {
              Packet outer = ip.incoming().around(guestsError(ip));
              return oldHost().over(ip).arrives(outer).by(GUEST_ANSWERS).delivers(guestsError(ip));
            }));
  }

  private static Packet guestsError(Ip ip) {
    return ip.fromGuest()
        .icmp(ip == Ip.V4 ? 3 : 1, ip == Ip.V4 ? 3 : 4, 0)
        .quoting(ip.toGuest().udp().payload(60));
  }

  @TestFactory
  Stream<DynamicTest> ping() {
    return table(
        both("RFC 792", "a request to the guest", ip -> there(ip.toGuest().echoRequest(7, 1))),
        both(
            "RFC 792",
            "its reply, at the new host",
            ip ->
                newHost()
                    .captures(ip.fromGuest().echoReply(7, 1))
                    .by(ANSWER_GOES_BACK)
                    .tunnels(ip.fromGuest().echoReply(7, 1))),
        both(
            "RFC 792",
            "its reply, at the old host",
            ip ->
                oldHost()
                    .receives(ip.fromGuest().echoReply(7, 1))
                    .by(GUEST_ANSWERS)
                    .delivers(ip.fromGuest().echoReply(7, 1))),
        both(
            "RFC 792",
            "the guest pings: nobody answers for the peer",
            ip ->
                newHost()
                    .captures(ip.fromGuest().echoRequest(8, 2))
                    .by(ANSWER_GOES_BACK)
                    .tunnels(ip.fromGuest().echoRequest(8, 2))),
        both(
            "RFC 792",
            "the peer's reply",
            ip ->
                newHost()
                    .receives(ip.toGuest().echoReply(8, 2))
                    .by(DELIVERED)
                    .delivers(ip.toGuest().echoReply(8, 2))),
        both(
            "RFC 792",
            "while the guest is paused the request waits",
            ip ->
                oldHost(MigrationState.HOLDING)
                    .captures(ip.toGuest().echoRequest(7, 1))
                    .by(GUEST_IS_PAUSED)
                    .stages(ip.toGuest().echoRequest(7, 1))),
        row("RFC 792", "a timestamp request", there(Ip.V4.toGuest().icmp(13, 0, 1).payload(12))),
        row(
            "RFC 8335 2",
            "an extended echo request",
            there(Ip.V4.toGuest().icmp(42, 0, 1).payload(12))));
  }

  /**
   * Its messages are of one link (RFC 4861 section 3.1), and are answered by who is responsible
   * there.
   */
  @TestFactory
  Stream<DynamicTest> neighbourDiscoveryStaysOnItsLink() {
    return table(
        discovery("a router solicitation", 133, 0),
        discovery("a router advertisement", 134, 8),
        discovery("a neighbour solicitation", 135, 16),
        discovery("a neighbour advertisement", 136, 16),
        discovery("a redirect", 137, 32));
  }

  private static List<DynamicTest> discovery(String what, int type, int bytes) {
    Packet message = Ip.V6.toGuest().ttl(255).icmp(type, 0, 0).payload(bytes);
    return row(
        "RFC 4861 4",
        "pcap: " + what + " never enters a tunnel",
        oldHost().pcap().captures(message));
  }
}
