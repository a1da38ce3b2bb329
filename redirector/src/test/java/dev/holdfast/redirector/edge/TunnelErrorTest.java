package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.edge.ErrorRow.tunnelOver;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.DESTINATION_OPTIONS;
import static dev.holdfast.redirector.edge.Packet.IPIP;
import static dev.holdfast.redirector.edge.Packet.UDP;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.tunnel.encap.TunnelError.BAD_MTU;
import static dev.holdfast.tunnel.encap.TunnelError.HOST_UNREACHABLE;
import static dev.holdfast.tunnel.encap.TunnelError.NET_UNREACHABLE;
import static dev.holdfast.tunnel.encap.TunnelError.NOT_GRANTED;
import static dev.holdfast.tunnel.encap.TunnelError.NOT_SENT;
import static dev.holdfast.tunnel.encap.TunnelError.OTHER;
import static dev.holdfast.tunnel.encap.TunnelError.PROHIBITED;
import static dev.holdfast.tunnel.encap.TunnelError.PROTOCOL_UNREACHABLE;
import static dev.holdfast.tunnel.encap.TunnelError.SHORT_QUOTE;
import static dev.holdfast.tunnel.encap.TunnelError.TIME_EXCEEDED;
import static dev.holdfast.tunnel.encap.TunnelError.TOO_BIG;
import static dev.holdfast.tunnel.encap.TunnelError.TOO_SOON;

import dev.holdfast.tunnel.encap.TunnelError;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * ICMP errors from inside the tunnel: which are believed, and what follows. That the sender of what
 * then does not fit is told of the smaller size is in {@code LearntMtuTest}.
 */
class TunnelErrorTest {
  /** As long as the path was proven to take. */
  private static Packet full(Ip outer) {
    return sized(outer, outer, 1_500);
  }

  /** An outer packet of so many bytes. */
  private static Packet sized(Ip outer, Ip inner, int bytes) {
    return outer
        .outgoing()
        .around(inner.toGuest().tcp(ACK).payload(bytes - outer.header() - inner.header() - 20));
  }

  private static Ip other(Ip ip) {
    return ip == Ip.V4 ? Ip.V6 : Ip.V4;
  }

  private static List<DynamicTest> v4(
      String section, String description, int type, int code, TunnelError error) {
    return row(
        section,
        description + " (IPv4)",
        tunnelOver(Ip.V4).hears(type, code, 0, sized(Ip.V4, Ip.V6, 200)).is(error));
  }

  private static List<DynamicTest> v6(
      String section, String description, int type, int code, TunnelError error) {
    return row(
        section,
        description + " (IPv6)",
        tunnelOver(Ip.V6).hears(type, code, 0, sized(Ip.V6, Ip.V4, 200)).is(error));
  }

  @TestFactory
  Stream<DynamicTest> whatTheySay() {
    return table(
        v4("RFC 2003 4.1", "network unreachable", 3, 0, NET_UNREACHABLE),
        v4("RFC 2003 4.1", "host unreachable", 3, 1, HOST_UNREACHABLE),
        v4("RFC 2003 4.1", "protocol unreachable: no tunnel there", 3, 2, PROTOCOL_UNREACHABLE),
        v4("RFC 2003 4.1", "port unreachable: it has none", 3, 3, OTHER),
        v4("RFC 2003 4.1", "source route failed: it has none", 3, 5, OTHER),
        v4("RFC 1812 5.2.7.1", "administratively prohibited", 3, 13, PROHIBITED),
        v4("RFC 2003 4.2", "source quench", 4, 0, OTHER),
        v4("RFC 2003 4.3", "redirect", 5, 1, OTHER),
        v4("RFC 2003 4.4", "time exceeded", 11, 0, TIME_EXCEEDED),
        v4("RFC 2003 4.5", "parameter problem", 12, 0, OTHER),
        v6("RFC 2473 8.1", "no route", 1, 0, NET_UNREACHABLE),
        v6("RFC 2473 8.1", "administratively prohibited", 1, 1, PROHIBITED),
        v6("RFC 2473 8.1", "address unreachable", 1, 3, HOST_UNREACHABLE),
        v6("RFC 2473 8.1", "hop limit exceeded", 3, 0, TIME_EXCEEDED),
        v6("RFC 2473 8.1", "unrecognized next header: no tunnel", 4, 1, PROTOCOL_UNREACHABLE),
        v6("RFC 2473 8.1", "erroneous header field", 4, 0, OTHER));
  }

  @TestFactory
  Stream<DynamicTest> onlyWhatWasSentIsBelieved() {
    return table(
        both(
            "RFC 5927 4.3",
            "from another host's address",
            ip -> tunnelOver(ip).tooBig(1_400, full(ip).from(ip.lan)).is(NOT_SENT)),
        both(
            "RFC 5927 4.3",
            "to nobody that packets are sent to",
            ip -> tunnelOver(ip).tooBig(1_400, full(ip).to(ip.peer)).is(NOT_SENT)),
        both(
            "RFC 5927 4.3",
            "of another protocol",
            ip ->
                tunnelOver(ip)
                    .tooBig(1_400, ip.outgoing().protocol(UDP).payload(1_400))
                    .is(NOT_SENT)),
        both(
            "RFC 5927 4.3",
            "longer than the path has ever taken",
            ip -> tunnelOver(ip).tooBig(1_400, sized(ip, ip, 1_501)).is(NOT_SENT)),
        row(
            "RFC 5927 4.3",
            "with options, of which none are written",
            tunnelOver(Ip.V4)
                .tooBig(1_400, Ip.V4.outgoing().options(1, 1, 1, 1).around(Ip.V4.toGuest().udp()))
                .is(NOT_SENT)),
        row(
            "RFC 1122 3.2.2",
            "a later fragment, about which nobody sends an error",
            tunnelOver(Ip.V4)
                .hears(3, 1, 0, Ip.V4.outgoing().fragment(1_480, false).protocol(IPIP).payload(90))
                .is(NOT_SENT)),
        both(
            "RFC 792, RFC 4443 2.4",
            "no quote",
            ip -> tunnelOver(ip).tooBig(1_400, full(ip), 0).is(NOT_SENT)),
        both(
            "RFC 792, RFC 4443 2.4",
            "a quote that ends within the outer header",
            ip -> tunnelOver(ip).tooBig(1_400, full(ip), ip.header() - 1).is(NOT_SENT)));
  }

  @TestFactory
  Stream<DynamicTest> whatIsInsideProvesIt() {
    return table(
        both(
            "RFC 5927 4.1",
            "a packet to the old address: as good as a sequence number",
            ip -> tunnelOver(ip).tooBig(1_400, full(ip)).is(TOO_BIG).limits(1_400)),
        both(
            "RFC 5927 4.1",
            "of the other family too",
            ip ->
                tunnelOver(ip)
                    .tooBig(1_400, sized(ip, other(ip), 1_500))
                    .is(TOO_BIG)
                    .limits(1_400)),
        both(
            "RFC 5927 4.1",
            "a packet to an address that does not move",
            ip ->
                tunnelOver(ip)
                    .tooBig(
                        1_300, ip.outgoing().around(ip.toGuest().to(ip.lan).udp().payload(1_360)))
                    .is(NOT_GRANTED)),
        both(
            "RFC 5927 4.1",
            "one that leaves no room for its own length",
            ip ->
                tunnelOver(ip)
                    .tooBig(
                        1_300,
                        sized(ip, ip, 1_400).set16(ip.header() + (ip == Ip.V4 ? 2 : 4), 1_399))
                    .is(NOT_GRANTED)),
        both(
            "RFC 5927 4.1",
            "of another version than the protocol says",
            ip ->
                tunnelOver(ip)
                    .tooBig(
                        1_300, sized(ip, ip, 1_400).set8(ip.header(), ip == Ip.V4 ? 0x60 : 0x45))
                    .is(NOT_GRANTED)),
        both(
            "RFC 5927 4.1",
            "8 bytes of it, as RFC 792 has it, name no address: anybody could have made them up",
            ip -> tunnelOver(ip).tooBig(1_400, full(ip), ip.header() + 8).is(SHORT_QUOTE)),
        both(
            "RFC 5927 4.1",
            "one byte less than its addresses",
            ip -> tunnelOver(ip).tooBig(1_400, full(ip), 2 * ip.header() - 1).is(SHORT_QUOTE)),
        both(
            "RFC 1812 4.3.2.3, RFC 4443 2.4",
            "its header with the addresses, and no more",
            ip ->
                tunnelOver(ip).tooBig(1_400, full(ip), 2 * ip.header()).is(TOO_BIG).limits(1_400)),
        both(
            "RFC 1122 3.2.2.1",
            "that packets come back may be told of 8 bytes: it changes nothing",
            ip -> {
              boolean isV4 = ip == Ip.V4;
              return tunnelOver(ip)
                  .hears(isV4 ? 3 : 1, isV4 ? 1 : 3, 0, full(ip), ip.header() + 8)
                  .is(HOST_UNREACHABLE);
            }),
        both(
            "RFC 792",
            "7 bytes do not",
            ip -> tunnelOver(ip).tooBig(1_400, full(ip), ip.header() + 7).is(NOT_GRANTED)),
        row(
            "RFC 2473 4.1.1",
            "behind an encapsulation limit",
            tunnelOver(Ip.V6)
                .tooBig(
                    1_300,
                    Ip.V6
                        .outgoing()
                        .extension(DESTINATION_OPTIONS, 4, 1, 3, 1, 1, 0)
                        .around(Ip.V4.toGuest().udp().payload(1_300)))
                .is(TOO_BIG)
                .limits(1_300)),
        row(
            "RFC 8200 4.5",
            "a first fragment, which over IPv6 is of our own making",
            tunnelOver(Ip.V6)
                .tooBig(
                    1_400,
                    Ip.V6
                        .outgoing()
                        .id(1)
                        .fragment(0, true)
                        .protocol(IPIP)
                        .payload(firstBytes(Ip.V4.toGuest().udp().payload(2_000), 1_448)))
                .is(TOO_BIG)
                .limits(1_400)));
  }

  private static byte[] firstBytes(Packet packet, int count) {
    return Arrays.copyOf(packet.bytes(), count);
  }

  @TestFactory
  Stream<DynamicTest> theMtuMustBeTheReason() {
    return table(
        both(
            "RFC 5927 7.2",
            "one byte less than what was too big",
            ip -> tunnelOver(ip).tooBig(1_399, sized(ip, ip, 1_400)).is(TOO_BIG).limits(1_399)),
        both(
            "RFC 5927 7.2",
            "as much as was too big",
            ip -> tunnelOver(ip).tooBig(1_400, sized(ip, ip, 1_400)).is(BAD_MTU)),
        both(
            "RFC 5927 7.2",
            "more than was too big",
            ip -> tunnelOver(ip).tooBig(1_500, sized(ip, ip, 1_400)).is(BAD_MTU)),
        row(
            "RFC 8201 4",
            "IPv6: less than 1280",
            tunnelOver(Ip.V6).tooBig(1_279, full(Ip.V6)).is(BAD_MTU)),
        row(
            "RFC 8201 4",
            "IPv6: 1280",
            tunnelOver(Ip.V6).tooBig(1_280, full(Ip.V6)).is(TOO_BIG).limits(1_280)),
        row(
            "RFC 1191 3",
            "IPv4: 68, of which nothing useful would be left inside",
            tunnelOver(Ip.V4).tooBig(68, full(Ip.V4)).is(BAD_MTU)),
        row(
            "RFC 1191 3",
            "IPv4: 552 inside are the least",
            tunnelOver(Ip.V4).tooBig(572, full(Ip.V4)).is(TOO_BIG).limits(572)),
        row(
            "RFC 1191 3",
            "IPv4: 551 are not believed",
            tunnelOver(Ip.V4).tooBig(571, full(Ip.V4)).is(BAD_MTU)),
        row(
            "RFC 1191 4",
            "IPv4: it could have been fragmented",
            tunnelOver(Ip.V4).tooBig(1_400, full(Ip.V4).df(false).id(2)).is(BAD_MTU)));
  }

  @TestFactory
  Stream<DynamicTest> plateaus() {
    return table(
        plateau("1500 bytes of Ethernet: 1492 of IEEE 802.3", 1_500, 1_492),
        plateau("1492: 1006 of SLIP and ARPANET", 1_492, 1_006),
        plateau("1200: 1006", 1_200, 1_006),
        plateau("1006: 508, and of that 552 inside", 1_006, 572),
        plateau("573: the same", 573, 572),
        row(
            "RFC 1191 7.1",
            "572: nothing less is believed",
            tunnelOver(Ip.V4).tooBig(0, sized(Ip.V4, Ip.V4, 572)).is(BAD_MTU)),
        row(
            "RFC 4443 3.2",
            "IPv6 tells the MTU always",
            tunnelOver(Ip.V6).tooBig(0, full(Ip.V6)).is(BAD_MTU)));
  }

  private static List<DynamicTest> plateau(String description, int length, int mtu) {
    return row(
        "RFC 1191 7.1",
        "a router that tells no MTU, " + description,
        tunnelOver(Ip.V4).tooBig(0, sized(Ip.V4, Ip.V4, length)).is(TOO_BIG).limits(mtu));
  }

  @TestFactory
  Stream<DynamicTest> softState() {
    return table(
        both(
            "RFC 2003 5.1",
            "the smaller of two holds",
            ip ->
                tunnelOver(ip)
                    .tooBig(1_400, full(ip))
                    .later(2)
                    .tooBig(1_300, sized(ip, ip, 1_400))
                    .is(TOO_BIG)
                    .limits(1_300)),
        both(
            "RFC 1191 6.3, RFC 8201 4",
            "a larger one never raises it",
            ip ->
                tunnelOver(ip)
                    .tooBig(1_300, full(ip))
                    .later(2)
                    .tooBig(1_400, full(ip))
                    .is(TOO_BIG)
                    .limits(1_300)),
        both(
            "RFC 5927 7.2",
            "two within a second: paths do not change so fast",
            ip ->
                tunnelOver(ip)
                    .tooBig(1_400, full(ip))
                    .later(0.5)
                    .tooBig(1_300, full(ip))
                    .is(TOO_SOON)
                    .limits(1_400)),
        both(
            "RFC 1191 6.3, RFC 8201 4",
            "it holds for ten minutes",
            ip -> tunnelOver(ip).tooBig(1_400, full(ip)).later(599).is(TOO_BIG).limits(1_400)),
        both(
            "RFC 1191 6.3, RFC 8201 4",
            "and is forgotten then",
            ip -> tunnelOver(ip).tooBig(1_400, full(ip)).later(600).is(TOO_BIG)),
        both(
            "RFC 1191 6.3, RFC 8201 4",
            "from the last time that it fell",
            ip ->
                tunnelOver(ip)
                    .tooBig(1_400, full(ip))
                    .later(300)
                    .tooBig(1_300, full(ip))
                    .later(400)
                    .is(TOO_BIG)
                    .limits(1_300)),
        both(
            "RFC 1122 3.2.2.1",
            "unreachable once is a hint, no proof",
            ip -> unreachable(tunnelOver(ip), ip).is(HOST_UNREACHABLE)),
        both(
            "RFC 1122 3.2.2.1",
            "three times is told",
            ip -> thrice(ip).is(HOST_UNREACHABLE).tells("host unreachable")),
        both(
            "RFC 1122 3.2.2.1",
            "and once more when packets come again",
            ip ->
                thrice(ip)
                    .later(6)
                    .aPacketComes()
                    .is(HOST_UNREACHABLE)
                    .tells("host unreachable", "pass again")));
  }

  private static ErrorRow unreachable(ErrorRow row, Ip ip) {
    boolean isV4 = ip == Ip.V4;
    return row.hears(isV4 ? 3 : 1, isV4 ? 1 : 3, 0, sized(ip, ip, 200));
  }

  private static ErrorRow thrice(Ip ip) {
    return unreachable(unreachable(unreachable(tunnelOver(ip), ip), ip), ip);
  }
}
