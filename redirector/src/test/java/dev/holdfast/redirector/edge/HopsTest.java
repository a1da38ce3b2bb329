package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
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
 * TTL and hop limit. Each Holdfast host is one hop, in either capture, and the way between them is
 * none: with a TUN this host's kernel has taken the hop before or takes it behind, with pcap {@code
 * LanDevice} does.
 */
class HopsTest {

  @TestFactory
  Stream<DynamicTest> theTunnelItselfIsNoHop() {
    return table(
        both(
            "RFC 2003 3.1",
            "TUN: what the kernel has forwarded goes into the tunnel as it is",
            ip ->
                oldHost()
                    .captures(ip.toGuest().ttl(63).tcp(ACK).payload(100))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().ttl(63).tcp(ACK).payload(100))),
        both(
            "RFC 2003 3.1",
            "TUN: what comes out of the tunnel is for the kernel to forward",
            ip ->
                newHost()
                    .receives(ip.toGuest().ttl(63).tcp(ACK).payload(100))
                    .by(DELIVERED)
                    .delivers(ip.toGuest().ttl(63).tcp(ACK).payload(100))),
        both(
            "RFC 2003 3.1",
            "TUN: the guest's answers likewise",
            ip ->
                oldHost()
                    .receives(ip.fromGuest().ttl(1).tcp(ACK))
                    .by(GUEST_ANSWERS)
                    .delivers(ip.fromGuest().ttl(1).tcp(ACK))),
        both(
            "RFC 2003 3.1",
            "the outer TTL is the tunnel's own, whatever the inner one is",
            ip ->
                oldHost()
                    .over(ip)
                    .captures(ip.toGuest().ttl(3).udp())
                    .by(GUEST_IS_THERE)
                    .sends(ip.outgoing().around(ip.toGuest().ttl(3).udp()))),
        both(
            "RFC 2473 6.3",
            "an inner TTL of 255 makes no outer one of 255",
            ip ->
                oldHost()
                    .over(Ip.V6)
                    .captures(ip.toGuest().ttl(255).udp())
                    .by(GUEST_IS_THERE)
                    .sends(Ip.V6.outgoing().around(ip.toGuest().ttl(255).udp()))),
        both(
            "RFC 2003 3.1",
            "the outer TTL that is left does not touch the inner one",
            ip ->
                newHost()
                    .over(ip)
                    .arrives(ip.incoming().ttl(1).around(ip.toGuest().ttl(40).udp()))
                    .by(DELIVERED)
                    .delivers(ip.toGuest().ttl(40).udp())));
  }

  @TestFactory
  Stream<DynamicTest> withPcapThisHostIsTheHop() {
    return table(
        both(
            "RFC 1812 5.3.1",
            "old host: one hop less for what is captured",
            ip ->
                oldHost()
                    .pcap()
                    .captures(ip.toGuest().ttl(64).tcp(ACK).payload(10))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().ttl(63).tcp(ACK).payload(10))),
        both(
            "RFC 1812 5.3.1",
            "old host: one hop less for what the guest answers",
            ip ->
                oldHost()
                    .pcap()
                    .receives(ip.fromGuest().ttl(64).tcp(ACK))
                    .by(GUEST_ANSWERS)
                    .delivers(ip.fromGuest().ttl(63).tcp(ACK))),
        both(
            "RFC 1812 5.3.1",
            "new host: one hop less for what is delivered",
            ip ->
                newHost()
                    .pcap()
                    .receives(ip.toGuest().ttl(63).udp().payload(3))
                    .by(DELIVERED)
                    .delivers(ip.toGuest().ttl(62).udp().payload(3))),
        both(
            "RFC 1812 5.3.1",
            "new host: one hop less for what the guest sends",
            ip ->
                newHost()
                    .pcap()
                    .captures(ip.fromGuest().ttl(255).udp().payload(3))
                    .by(ANSWER_GOES_BACK)
                    .tunnels(ip.fromGuest().ttl(254).udp().payload(3))),
        both(
            "RFC 1812 5.3.1",
            "two hops are enough for one of them",
            ip ->
                oldHost()
                    .pcap()
                    .captures(ip.toGuest().ttl(2).tcp(ACK))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().ttl(1).tcp(ACK))),
        row(
            "RFC 1624 3",
            "the header checksum follows where it wraps around",
            oldHost()
                .pcap()
                .captures(Ip.V4.toGuest().ttl(64).id(0x2357).tcp(ACK))
                .by(GUEST_IS_THERE)
                .tunnels(Ip.V4.toGuest().ttl(63).id(0x2357).tcp(ACK))),
        row(
            "RFC 1812 5.3.1",
            "options stay, and the header's checksum covers them",
            oldHost()
                .pcap()
                .captures(Ip.V4.toGuest().options(7, 7, 4, 0, 0, 0, 0).udp())
                .by(GUEST_IS_THERE)
                .tunnels(Ip.V4.toGuest().ttl(63).options(7, 7, 4, 0, 0, 0, 0).udp())));
  }

  /** Nothing is said to the sender: traceroute shows "*" here, and the real hops behind. */
  @TestFactory
  Stream<DynamicTest> whereNoHopIsLeftItIsDroppedWithoutIcmp() {
    return table(
        both(
            "RFC 1812 5.3.1",
            "old host, pcap: captured with one hop left",
            ip ->
                oldHost()
                    .pcap()
                    .captures(ip.toGuest().ttl(1).udp())
                    .drops(DropReason.TTL_EXCEEDED)),
        both(
            "RFC 1812 5.3.1",
            "old host, pcap: captured with none",
            ip ->
                oldHost()
                    .pcap()
                    .captures(ip.toGuest().ttl(0).tcp(ACK))
                    .drops(DropReason.TTL_EXCEEDED)),
        both(
            "RFC 1812 5.3.1",
            "new host, pcap: the guest sends with one hop left",
            ip ->
                newHost()
                    .pcap()
                    .captures(ip.fromGuest().ttl(1).echoRequest(7, 1))
                    .drops(DropReason.TTL_EXCEEDED)),
        both(
            "RFC 1812 5.3.1",
            "new host, pcap: one hop is left for the guest's LAN",
            ip ->
                newHost()
                    .pcap()
                    .receives(ip.toGuest().ttl(1).echoRequest(7, 1))
                    .by(DELIVERED)
                    .drops(DropReason.TTL_EXCEEDED)),
        both(
            "RFC 1812 5.3.1",
            "old host, pcap: one hop is left for the way to the peer",
            ip ->
                oldHost()
                    .pcap()
                    .receives(ip.fromGuest().ttl(1).tcp(ACK))
                    .by(GUEST_ANSWERS)
                    .drops(DropReason.TTL_EXCEEDED)));
  }
}
