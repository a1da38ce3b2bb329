package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.NOT_OURS;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.DESTINATION_OPTIONS;
import static dev.holdfast.redirector.edge.Packet.GRE;
import static dev.holdfast.redirector.edge.Packet.HOP_BY_HOP;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.tunnel.observe.DropReason;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * What has been in the tunnel is not put into it again. {@code enters} is past the rules that send
 * a packet here: these let nothing through but what is for the old address, so a packet of the
 * tunnel's own comes as far only by a mistake, which must not grow with each round.
 */
class LoopTest {

  private static PacketRow enters(Ip outer, Packet packet) {
    return oldHost().over(outer).enters(packet);
  }

  private static Row carried(Ip outer, Packet packet) {
    return enters(outer, packet).sends(outer.outgoing().around(packet));
  }

  private static Packet data(Ip ip) {
    return ip.toGuest().tcp(ACK).payload(30);
  }

  @TestFactory
  Stream<DynamicTest> theTunnelsOwnPacketMetAgain() {
    return table(
        both(
            "RFC 2003 3.2",
            "from this end to the other: IPv4 inside",
            ip -> enters(ip, ip.outgoing().around(data(Ip.V4))).drops(DropReason.LOOP)),
        both(
            "RFC 2003 3.2, RFC 4213 3.6",
            "from this end to the other: IPv6 inside",
            ip -> enters(ip, ip.outgoing().around(data(Ip.V6))).drops(DropReason.LOOP)),
        both(
            "RFC 2003 3.2",
            "the other end's packet, on its way to this one",
            ip -> enters(ip, ip.incoming().around(data(ip))).drops(DropReason.LOOP)),
        both(
            "RFC 2003 3.2",
            "the other end's, with the other family inside",
            ip ->
                enters(ip, ip.incoming().around(data(ip == Ip.V4 ? Ip.V6 : Ip.V4)))
                    .drops(DropReason.LOOP)),
        both(
            "RFC 2003 3.2",
            "a later fragment of one: its addresses say enough",
            ip ->
                enters(ip, ip.outgoing().id(3).fragment(1_024, false).protocol(4).payload(40))
                    .drops(DropReason.LOOP)),
        row(
            "RFC 2473 4.1",
            "one with an encapsulation limit before the packet inside",
            enters(
                    Ip.V6,
                    Ip.V6
                        .outgoing()
                        .extension(DESTINATION_OPTIONS, 4, 1, 3, 1, 1, 0)
                        .around(data(Ip.V6)))
                .drops(DropReason.LOOP)));
  }

  @TestFactory
  Stream<DynamicTest> itIsNoneOfTheGuestsPackets() {
    return table(
        both(
            "RFC 2003 3.2",
            "old host: captured, from here to there",
            ip -> oldHost().over(ip).captures(ip.outgoing().around(data(ip))).by(NOT_OURS)),
        both(
            "RFC 2003 3.2",
            "old host: captured, from there to here",
            ip -> oldHost().over(ip).captures(ip.incoming().around(data(ip))).by(NOT_OURS)),
        both(
            "RFC 2003 3.2",
            "new host: inside another one of this tunnel",
            ip ->
                newHost()
                    .over(ip)
                    .arrives(ip.incoming().around(ip.incoming().around(data(ip))))
                    .drops(DropReason.NOT_GRANTED)),
        both(
            "RFC 2003 3.2",
            "old host: inside another one of this tunnel",
            ip ->
                oldHost()
                    .over(ip)
                    .arrives(ip.incoming().around(ip.outgoing().around(data(ip))))
                    .drops(DropReason.NOT_GRANTED)),
        both(
            "RFC 2003 3.2",
            "old host: this host's own, sent back by the other",
            ip ->
                oldHost()
                    .over(ip)
                    .arrives(ip.outgoing().around(data(ip)))
                    .drops(DropReason.UNKNOWN_REMOTE)));
  }

  @TestFactory
  Stream<DynamicTest> whatIsNoLoop() {
    return table(
        both(
            "RFC 2003 3.2",
            "a program of this host talks to the guest",
            ip -> carried(ip, ip.toGuest().from(ip.here).tcp(ACK))),
        both(
            "RFC 2003 3.2",
            "a program of the other host does",
            ip -> carried(ip, ip.toGuest().from(ip.there).udp(5, 6))),
        both(
            "RFC 2003 3.2",
            "another protocol between the two ends",
            ip -> carried(ip, ip.outgoing().protocol(GRE).payload(24))),
        both(
            "RFC 2003 3.2",
            "a tunnel of this host's own with the guest",
            ip -> carried(ip, ip.toGuest().from(ip.here).around(data(ip)))),
        both(
            "RFC 2003 3.2",
            "a tunnel of the guest's own with its peer",
            ip -> carried(ip, ip.fromGuest().around(data(ip)))));
  }

  @TestFactory
  Stream<DynamicTest> encapsulationLimit() {
    Packet guest = Ip.V6.toGuest();
    return table(
        row(
            "RFC 2473 4.1.1",
            "255: passed on, less one",
            limited(guest.extension(DESTINATION_OPTIONS, 4, 1, 255, 1, 1, 0).udp(), Ip.V6, 254)),
        row(
            "RFC 2473 4.1.1",
            "behind a padding octet",
            limited(guest.extension(DESTINATION_OPTIONS, 0, 4, 1, 9, 0, 0).udp(), Ip.V6, 8)),
        row(
            "RFC 2473 4.1.1",
            "behind hop-by-hop options",
            limited(
                guest
                    .extension(HOP_BY_HOP, 5, 2, 0, 0, 0, 0)
                    .extension(DESTINATION_OPTIONS, 4, 1, 2, 1, 1, 0)
                    .udp(),
                Ip.V6,
                1)),
        row(
            "RFC 2473 4.1.1",
            "0 behind another option forbids as well",
            enters(Ip.V6, guest.extension(DESTINATION_OPTIONS, 30, 1, 7, 4, 1, 0).udp().payload(3))
                .drops(DropReason.LOOP)),
        row(
            "RFC 2473 4.1.1",
            "0 forbids IPv4 outside too",
            enters(Ip.V4, guest.extension(DESTINATION_OPTIONS, 4, 1, 0, 1, 1, 0).udp())
                .drops(DropReason.LOOP)),
        row(
            "RFC 2473 4.1.1",
            "IPv4 outside has nowhere to say it",
            enters(Ip.V4, guest.extension(DESTINATION_OPTIONS, 4, 1, 5, 1, 1, 0).udp())
                .sends(
                    Ip.V4
                        .outgoing()
                        .df(false)
                        .id(2)
                        .around(guest.extension(DESTINATION_OPTIONS, 4, 1, 5, 1, 1, 0).udp()))),
        row(
            "RFC 2473 4.1.1",
            "an option of that type, but of another length, is none",
            carried(Ip.V6, guest.extension(DESTINATION_OPTIONS, 4, 2, 0, 0, 1, 0).udp())));
  }

  private static Row limited(Packet inner, Ip outer, int left) {
    return enters(outer, inner)
        .sends(outer.outgoing().extension(DESTINATION_OPTIONS, 4, 1, left, 1, 1, 0).around(inner));
  }
}
