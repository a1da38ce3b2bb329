package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.IPIP;
import static dev.holdfast.redirector.edge.Packet.SIT;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.tunnel.observe.DropReason;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * What is longer than the tunnel takes: its sender is told, or it is cut, or carried all the same.
 */
class MtuTest {
  private static final int INTERNETWORK_CONTROL = 48;

  /** TCP of 1500 bytes that begins at this sequence number. */
  static Packet full(Packet packet, long sequence) {
    return packet.tcp(ACK, sequence, 500, 8_192).payload(1_500 - packet.ip().header() - 20);
  }

  /** To the packet's sender, in the name of its receiver. */
  static Packet tooBig(Packet packet, Packet back, int mtu) {
    return packet.ip() == Ip.V4
        ? back.dscp(INTERNETWORK_CONTROL).icmp(3, 4, mtu).quoting(packet)
        : back.icmp(2, 0, mtu).quoting(packet);
  }

  @TestFactory
  Stream<DynamicTest> theSenderIsTold() {
    return table(
        both(
            "RFC 1191 4, RFC 4443 3.2",
            "the peer, in the old address's name: what IPv4 leaves; it goes on meanwhile",
            ip ->
                oldHost()
                    .over(Ip.V4)
                    .captures(full(ip.toGuest(), 1))
                    .by(GUEST_IS_THERE)
                    .sends(fragments(Ip.V4, full(ip.toGuest(), 1), 1_480, 2))
                    .delivers(tooBig(full(ip.toGuest(), 1), ip.fromGuest(), 1_480))),
        both(
            "RFC 2473 7.1",
            "the peer: what IPv6 leaves",
            ip ->
                oldHost()
                    .over(Ip.V6)
                    .captures(full(ip.toGuest(), 1))
                    .by(GUEST_IS_THERE)
                    .sends(fragments(Ip.V6, full(ip.toGuest(), 1), 1_448, 1))
                    .delivers(tooBig(full(ip.toGuest(), 1), ip.fromGuest(), 1_460))),
        both(
            "RFC 1191 4, RFC 4443 3.2",
            "the guest, in its peer's name",
            ip ->
                newHost()
                    .over(ip)
                    .captures(full(ip.fromGuest(), 1))
                    .by(ANSWER_GOES_BACK)
                    .sends(carried(full(ip.fromGuest(), 1), 0))
                    .delivers(tooBig(full(ip.fromGuest(), 1), ip.toGuest(), 1_500 - ip.header()))),
        both(
            "RFC 1191 4, RFC 4443 3.2",
            "with pcap too, as a frame",
            ip ->
                oldHost()
                    .pcap()
                    .over(ip)
                    .captures(full(ip.toGuest(), 1))
                    .by(GUEST_IS_THERE)
                    .sends(carried(full(ip.toGuest().ttl(63), 1), 0))
                    .delivers(
                        tooBig(full(ip.toGuest().ttl(63), 1), ip.fromGuest(), 1_500 - ip.header())
                            .ttl(63))),
        both(
            "RFC 1191 4, RFC 4443 3.2",
            "of a super-packet one segment is quoted, and each is carried",
            ip -> {
              int data = 1_480 - ip.header();
              Packet in = ip.toGuest().id(9).tcp(ACK, 1, 500, 8_192).payload(data * 2);
              return oldHost()
                  .over(ip)
                  .captures(in.gso(data))
                  .by(GUEST_IS_THERE)
                  .sends(carried(segment(in, data, 0), 0))
                  .sends(carried(segment(in, data, 1), 1))
                  .delivers(tooBig(segment(in, data, 0), ip.fromGuest(), 1_500 - ip.header()));
            }),
        both(
            "RFC 8899 4.4",
            "what is not TCP may be a probe, and does not go on",
            ip ->
                oldHost()
                    .over(ip)
                    .captures(datagram(ip))
                    .by(GUEST_IS_THERE)
                    .drops(DropReason.TOO_BIG)
                    .delivers(tooBig(datagram(ip), ip.fromGuest(), 1_500 - ip.header()))),
        both(
            "RFC 1191 4, RFC 4443 3.2",
            "what fits exactly is no news",
            ip ->
                oldHost()
                    .over(ip, 1_500 + ip.header())
                    .captures(full(ip.toGuest(), 1))
                    .by(GUEST_IS_THERE)
                    .sends(tunnelled(ip, full(ip.toGuest(), 1)))),
        both(
            "RFC 2003 3.1",
            "TLS carries the connection's own MTU",
            ip ->
                oldHost()
                    .captures(full(ip.toGuest(), 1))
                    .by(GUEST_IS_THERE)
                    .tunnels(full(ip.toGuest(), 1))));
  }

  private static Packet tunnelled(Ip outer, Packet inner) {
    return outer.outgoing().around(inner);
  }

  /** One segment of a super-packet whose first one has sequence number 1 and identification 9. */
  private static Packet segment(Packet superPacket, int data, int index) {
    byte[] bytes = superPacket.bytes();
    int from = superPacket.ip().header() + 20 + data * index;
    return superPacket
        .id(9 + index)
        .tcp(ACK, 1 + data * index, 500, 8_192)
        .payload(Arrays.copyOfRange(bytes, from, from + data));
  }

  @TestFactory
  Stream<DynamicTest> neverLessThanEveryLinkTakes() {
    Packet long4 = Ip.V4.toGuest().tcp(ACK).payload(800);
    Packet short4 = Ip.V4.toGuest().tcp(ACK).payload(500); // 540 bytes
    Packet long6 = Ip.V6.toGuest().tcp(ACK).payload(1_221); // 1281 bytes
    Packet short6 = Ip.V6.toGuest().tcp(ACK).payload(1_220); // 1280 bytes
    return table(
        row(
            "RFC 1191 3",
            "IPv4 is told of 552 at least",
            oldHost()
                .over(Ip.V4, 500)
                .captures(long4)
                .by(GUEST_IS_THERE)
                .sends(fragments(Ip.V4, long4, 480, 2))
                .delivers(tooBig(long4, Ip.V4.fromGuest(), 552))),
        row(
            "RFC 8200 5",
            "IPv6 is told of 1280 at least",
            oldHost()
                .over(Ip.V6, 1_280)
                .captures(long6)
                .by(GUEST_IS_THERE)
                .sends(fragments(Ip.V6, long6, 1_232, 1))
                .delivers(tooBig(long6, Ip.V6.fromGuest(), 1_280))),
        row(
            "RFC 4459 3.1",
            "IPv4 of less than that is carried in outer fragments",
            oldHost()
                .over(Ip.V4, 500)
                .captures(short4)
                .by(GUEST_IS_THERE)
                .sends(fragments(Ip.V4, short4, 480, 2))),
        row(
            "RFC 2473 7.1",
            "IPv6 of 1280 bytes is carried in outer fragments",
            oldHost()
                .over(Ip.V6, 1_280)
                .captures(short6)
                .by(GUEST_IS_THERE)
                .sends(fragments(Ip.V6, short6, 1_232, 1))),
        row(
            "RFC 4213 3.2.1",
            "over IPv4 too",
            oldHost()
                .over(Ip.V4, 1_003)
                .captures(short6)
                .by(GUEST_IS_THERE)
                .sends(fragments(Ip.V4, short6, 976, 2))));
  }

  /** An outer packet's two fragments, the first with so many bytes of the inner packet. */
  private static Packet[] fragments(Ip outer, Packet inner, int first, int id) {
    byte[] bytes = inner.bytes();
    Packet packet = outer.outgoing().id(id);
    int protocol = inner.ip() == Ip.V4 ? IPIP : SIT;
    return new Packet[] {
      packet.fragment(0, true).protocol(protocol).payload(Arrays.copyOf(bytes, first)),
      packet
          .fragment(first, false)
          .protocol(protocol)
          .payload(Arrays.copyOfRange(bytes, first, bytes.length))
    };
  }

  @TestFactory
  Stream<DynamicTest> whoDoesNotHeedIsRescued() {
    return table(
        both(
            "RFC 4443 2.4",
            "the next segment of the window: its sender was told just now",
            ip ->
                oldHost()
                    .over(ip)
                    .after(full(ip.toGuest(), 1))
                    .captures(full(ip.toGuest(), 2_000))
                    .by(GUEST_IS_THERE)
                    .sends(carried(full(ip.toGuest(), 2_000), 1))),
        both(
            "RFC 4443 2.4",
            "a later one, when some time has passed: told again",
            ip ->
                oldHost()
                    .over(ip)
                    .after(full(ip.toGuest(), 1))
                    .later(1)
                    .captures(full(ip.toGuest(), 2_000))
                    .by(GUEST_IS_THERE)
                    .sends(carried(full(ip.toGuest(), 2_000), 1))
                    .delivers(
                        tooBig(full(ip.toGuest(), 2_000), ip.fromGuest(), 1_500 - ip.header()))),
        both(
            "RFC 4459 3.1",
            "the same segment again, by one who hears no ICMP: in outer fragments",
            ip ->
                oldHost()
                    .over(ip)
                    .after(full(ip.toGuest(), 1))
                    .captures(full(ip.toGuest(), 1))
                    .by(GUEST_IS_THERE)
                    .sends(carried(full(ip.toGuest(), 1), 1))),
        both(
            "RFC 8899 4.4",
            "a datagram, whose sender was told just now: dropped",
            ip ->
                oldHost()
                    .over(ip)
                    .after(datagram(ip))
                    .captures(datagram(ip))
                    .by(GUEST_IS_THERE)
                    .drops(DropReason.TOO_BIG)),
        both(
            "RFC 8899 4.4",
            "after a second: told again",
            ip ->
                oldHost()
                    .over(ip)
                    .after(datagram(ip))
                    .later(1)
                    .captures(datagram(ip))
                    .by(GUEST_IS_THERE)
                    .drops(DropReason.TOO_BIG)
                    .delivers(tooBig(datagram(ip), ip.fromGuest(), 1_500 - ip.header()))),
        both(
            "RFC 4459 3.1",
            "told three times, and after a second: in outer fragments",
            ip ->
                oldHost()
                    .over(ip)
                    .after(datagram(ip), datagram(ip), datagram(ip))
                    .apart(1)
                    .captures(datagram(ip))
                    .by(GUEST_IS_THERE)
                    .sends(carried(datagram(ip), 0))));
  }

  static Packet datagram(Ip ip) {
    return ip.toGuest().udp().payload(1_500 - ip.header() - 8);
  }

  /** In fragments of an outer packet of its own family; so many have gone before. */
  private static Packet[] carried(Packet inner, int earlier) {
    return carried(inner.ip(), 1_500, inner, earlier);
  }

  /** In two fragments of an outer packet on a path of {@code mtu} bytes; so many went before. */
  static Packet[] carried(Ip outer, int mtu, Packet inner, int earlier) {
    return outer == Ip.V4
        ? fragments(outer, inner, mtu - 20 & ~7, 2 + earlier)
        : fragments(outer, inner, mtu - 48 & ~7, 1 + earlier);
  }

  @TestFactory
  Stream<DynamicTest> whereItLetsItselfBeCut() {
    Packet whole = Ip.V4.toGuest().df(false).id(9).udp().payload(1_472);
    Packet options =
        Ip.V4
            .toGuest()
            .df(false)
            .id(9)
            .options(7, 7, 4, 0, 0, 0, 0, 131, 7, 8, 1, 2, 3, 4)
            .udp()
            .payload(1_440);
    Packet later = Ip.V4.toGuest().id(9).fragment(4_000, true).udp().payload(1_480);
    return table(
        row(
            "RFC 791 3.2",
            "IPv4 without Don't Fragment goes in fragments of its own",
            oldHost()
                .over(Ip.V4)
                .captures(whole)
                .by(GUEST_IS_THERE)
                .sends(
                    Ip.V4.outgoing().df(false).id(2).around(part(whole, 0, 1_456, true)),
                    Ip.V4.outgoing().df(false).id(3).around(part(whole, 1_456, 24, false)))),
        row(
            "RFC 791 3.2",
            "they end on units of 8 bytes where the MTU does not",
            oldHost()
                .over(Ip.V6, 1_283)
                .captures(whole)
                .by(GUEST_IS_THERE)
                .sends(
                    Ip.V6.outgoing().around(part(whole, 0, 1_216, true)),
                    Ip.V6.outgoing().around(part(whole, 1_216, 264, false)))),
        row(
            "RFC 791 3.1",
            "later ones have the options that are to be copied",
            oldHost()
                .over(Ip.V4)
                .captures(options)
                .by(GUEST_IS_THERE)
                .sends(
                    Ip.V4.outgoing().df(false).id(2).around(first(options, 1_440)),
                    Ip.V4
                        .outgoing()
                        .df(false)
                        .id(3)
                        .around(
                            Ip.V4
                                .toGuest()
                                .id(9)
                                .fragment(1_440, false)
                                .options(131, 7, 8, 1, 2, 3, 4)
                                .protocol(17)
                                .payload(content(options, 36, 1_440, 8))))),
        row(
            "RFC 791 3.2",
            "a fragment may be cut again, and more follow still",
            oldHost()
                .over(Ip.V4)
                .captures(later)
                .by(GUEST_IS_THERE)
                .sends(
                    Ip.V4
                        .outgoing()
                        .df(false)
                        .id(2)
                        .around(
                            Ip.V4
                                .toGuest()
                                .id(9)
                                .fragment(4_000, true)
                                .protocol(17)
                                .payload(content(later, 20, 0, 1_456))),
                    Ip.V4
                        .outgoing()
                        .df(false)
                        .id(3)
                        .around(
                            Ip.V4
                                .toGuest()
                                .id(9)
                                .fragment(5_456, true)
                                .protocol(17)
                                .payload(content(later, 20, 1_456, 24))))),
        row(
            "RFC 791 3.2",
            "at the LAN behind the tunnel likewise",
            newHost()
                .deliveryMtu(1_400)
                .receives(whole)
                .by(DELIVERED)
                .delivers(part(whole, 0, 1_376, true), part(whole, 1_376, 104, false))));
  }

  private static byte[] content(Packet packet, int header, int from, int length) {
    return Arrays.copyOfRange(packet.bytes(), header + from, header + from + length);
  }

  private static Packet part(Packet whole, int from, int length, boolean more) {
    Packet part =
        Ip.V4
            .toGuest()
            .id(9)
            .fragment(from, more)
            .protocol(17)
            .payload(content(whole, 20, from, length));
    return from == 0 ? withUdpOf(whole, part, 20) : part;
  }

  /** A first fragment has the whole datagram's length and checksum. */
  private static Packet withUdpOf(Packet whole, Packet part, int header) {
    Packet like = part;
    byte[] bytes = whole.bytes();
    for (int i = header + 4; i < header + 8; i++) {
      like = like.set8(i, bytes[i]);
    }
    return like;
  }

  private static Packet first(Packet whole, int length) {
    Packet part =
        Ip.V4
            .toGuest()
            .id(9)
            .fragment(0, true)
            .options(7, 7, 4, 0, 0, 0, 0, 131, 7, 8, 1, 2, 3, 4)
            .protocol(17)
            .payload(content(whole, 36, 0, length));
    return withUdpOf(whole, part, 36);
  }

  @TestFactory
  Stream<DynamicTest> whatIsNeverToldOf() {
    Packet quoted = Ip.V4.fromGuest().tcp(ACK).payload(1_600);
    return table(
        row(
            "RFC 1122 3.2.2",
            "an ICMP error: carried in outer fragments (IPv4)",
            oldHost()
                .over(Ip.V4)
                .captures(Ip.V4.toGuest().icmp(3, 1, 0).quoting(quoted, 1_472))
                .by(GUEST_IS_THERE)
                .sends(
                    fragments(
                        Ip.V4, Ip.V4.toGuest().icmp(3, 1, 0).quoting(quoted, 1_472), 1_480, 2))),
        row(
            "RFC 4443 2.4",
            "an ICMPv6 error (IPv6)",
            oldHost()
                .over(Ip.V6)
                .captures(
                    Ip.V6
                        .toGuest()
                        .icmp(1, 0, 0)
                        .quoting(Ip.V6.fromGuest().tcp(ACK).payload(1_600), 1_452))
                .by(GUEST_IS_THERE)
                .sends(
                    fragments(
                        Ip.V6,
                        Ip.V6
                            .toGuest()
                            .icmp(1, 0, 0)
                            .quoting(Ip.V6.fromGuest().tcp(ACK).payload(1_600), 1_452),
                        1_448,
                        1))),
        row(
            "RFC 4443 2.4",
            "a later fragment of IPv6: who heard of it would not know whose it was",
            oldHost()
                .over(Ip.V6)
                .captures(laterOfV6())
                .by(GUEST_IS_THERE)
                .sends(fragments(Ip.V6, laterOfV6(), 1_448, 1))),
        row(
            "RFC 1122 3.2.2",
            "IPv4 from this network, 0/8, whoever that is",
            oldHost()
                .over(Ip.V4)
                .captures(full(Ip.V4.toGuest().from("0.1.2.3"), 1))
                .by(GUEST_IS_THERE)
                .sends(fragments(Ip.V4, full(Ip.V4.toGuest().from("0.1.2.3"), 1), 1_480, 2))),
        row(
            "RFC 1122 3.2.2",
            "an echo reply is no error, and its sender is told",
            oldHost()
                .over(Ip.V4)
                .captures(Ip.V4.toGuest().icmp(0, 0, 1).payload(1_472))
                .by(GUEST_IS_THERE)
                .drops(DropReason.TOO_BIG)
                .delivers(
                    tooBig(
                        Ip.V4.toGuest().icmp(0, 0, 1).payload(1_472), Ip.V4.fromGuest(), 1_480))));
  }

  private static Packet laterOfV6() {
    return Ip.V6.toGuest().id(8).fragment(2_000, true).udp().payload(1_448);
  }
}
