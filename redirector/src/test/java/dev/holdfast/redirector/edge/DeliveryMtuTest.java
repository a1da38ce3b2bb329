package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.edge.MtuTest.datagram;
import static dev.holdfast.redirector.edge.MtuTest.full;
import static dev.holdfast.redirector.edge.MtuTest.tooBig;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.tunnel.observe.DropReason;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What is longer than the LAN behind the tunnel takes, where no outer packet can be cut. */
class DeliveryMtuTest {
  @TestFactory
  Stream<DynamicTest> theLanBehindTheTunnelTakesLess() {
    int signature = 19;
    return table(
        both(
            "RFC 9293 3.8, RFC 1191 4, RFC 8201 3",
            "TCP goes on in shorter segments, and its sender is told",
            ip ->
                newHost()
                    .deliveryMtu(1_400)
                    .receives(full(ip.toGuest(), 1))
                    .by(DELIVERED)
                    .tunnels(tooBig(full(ip.toGuest(), 1), ip.fromGuest(), 1_400))
                    .delivers(full(ip.toGuest(), 1).gso(1_380 - ip.header()))),
        both(
            "RFC 9293 3.8, RFC 4443 2.4",
            "the next one: its sender was told just now",
            ip ->
                newHost()
                    .deliveryMtu(1_400)
                    .after(full(ip.toGuest(), 1))
                    .receives(full(ip.toGuest(), 2_000))
                    .by(DELIVERED)
                    .delivers(full(ip.toGuest(), 2_000).gso(1_380 - ip.header()))),
        both(
            "RFC 9293 3.8",
            "a super-packet in shorter segments than its sender has cut it to",
            ip ->
                newHost()
                    .deliveryMtu(1_400)
                    .after(full(ip.toGuest(), 1))
                    .receives(superPacket(ip).gso(1_480 - ip.header()))
                    .by(DELIVERED)
                    .delivers(superPacket(ip).gso(1_380 - ip.header()))),
        both(
            "RFC 9293 3.8",
            "at the old host with pcap, towards the peer",
            ip ->
                oldHost()
                    .pcap()
                    .deliveryMtu(1_400)
                    .after(full(ip.fromGuest(), 1))
                    .receives(full(ip.fromGuest(), 2_000))
                    .by(GUEST_ANSWERS)
                    .delivers(full(ip.fromGuest().ttl(63), 2_000).gso(1_380 - ip.header()))),
        both(
            "RFC 2385 2.0",
            "a signed segment may not be divided",
            ip ->
                newHost()
                    .deliveryMtu(1_400)
                    .receives(signed(ip, signature))
                    .by(DELIVERED)
                    .drops(DropReason.TOO_BIG)
                    .tunnels(tooBig(signed(ip, signature), ip.fromGuest(), 1_400))),
        both(
            "RFC 5925 5.1",
            "nor one with an authentication option",
            ip ->
                newHost()
                    .deliveryMtu(1_400)
                    .receives(signed(ip, 29))
                    .by(DELIVERED)
                    .drops(DropReason.TOO_BIG)
                    .tunnels(tooBig(signed(ip, 29), ip.fromGuest(), 1_400))),
        both(
            "RFC 791 3.2, RFC 8200 4.5",
            "what is not TCP, and may not be fragmented, does not get there",
            ip ->
                newHost()
                    .deliveryMtu(1_400)
                    .receives(datagram(ip))
                    .by(DELIVERED)
                    .drops(DropReason.TOO_BIG)
                    .tunnels(tooBig(datagram(ip), ip.fromGuest(), 1_400))));
  }

  private static Packet superPacket(Ip ip) {
    return ip.toGuest().tcp(ACK, 2_000, 500, 8_192).payload(4_000);
  }

  /** With an option of 18 bytes over the whole segment. */
  private static Packet signed(Ip ip, int kind) {
    return ip.toGuest()
        .tcp(ACK, 1, 500, 8_192, 1, 1, kind, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        .payload(1_400);
  }
}
