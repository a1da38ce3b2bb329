package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ABOUT_OTHERS;
import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_PAUSED;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.decide.Rule.NOT_GRANTED;
import static dev.holdfast.redirector.decide.Rule.NOT_OURS;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.draining;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * An ICMP error goes to who sent the quoted packet, by the address that this one had as its source.
 * Both ends know the guest by its old address, so nothing that is quoted is ever changed: unlike a
 * NAT (RFC 5508 section 4.2), a tunnel has nothing to translate.
 */
class IcmpWaysTest {
  private static final IpAddress ROUTER4 = IpAddress.parse("203.0.113.77");
  private static final IpAddress ROUTER6 = IpAddress.parse("2001:db8:77::1");

  private static Packet unreachable(Packet packet, Packet quoted) {
    boolean isV4 = packet.ip() == Ip.V4;
    return packet.icmp(isV4 ? 3 : 1, isV4 ? 1 : 3, 0).quoting(quoted);
  }

  /** By a router of the peer's, about what the guest has sent. */
  private static Packet toGuest(Ip ip) {
    IpAddress router = ip == Ip.V4 ? ROUTER4 : ROUTER6;
    return unreachable(ip.toGuest().from(router), ip.fromGuest().ttl(9).tcp(ACK).payload(90));
  }

  /** By the guest, about what the peer has sent. */
  private static Packet fromGuest(Ip ip) {
    return unreachable(ip.fromGuest(), ip.toGuest().ttl(9).tcp(ACK).payload(90));
  }

  @TestFactory
  Stream<DynamicTest> toTheGuestWithItsAddressesAsTheyAre() {
    return table(
        both(
            "RFC 792, RFC 4443 2.4",
            "old host: captured",
            ip -> oldHost().captures(toGuest(ip)).by(GUEST_IS_THERE).tunnels(toGuest(ip))),
        both(
            "RFC 5508 4.2",
            "old host, pcap: a hop less outside, the quoted TTL as it was",
            ip ->
                oldHost()
                    .pcap()
                    .captures(toGuest(ip))
                    .by(GUEST_IS_THERE)
                    .tunnels(toGuest(ip).ttl(63))),
        both(
            "RFC 5508 4.2",
            "old host, IP-in-IP",
            ip ->
                oldHost()
                    .over(ip)
                    .captures(toGuest(ip))
                    .by(GUEST_IS_THERE)
                    .sends(ip.outgoing().around(toGuest(ip)))),
        both(
            "RFC 5508 4.2",
            "new host: delivered",
            ip -> newHost().receives(toGuest(ip)).by(DELIVERED).delivers(toGuest(ip))),
        both(
            "RFC 5508 4.2",
            "new host, pcap",
            ip ->
                newHost().pcap().receives(toGuest(ip)).by(DELIVERED).delivers(toGuest(ip).ttl(63))),
        both(
            "RFC 5508 4.2",
            "new host, IP-in-IP",
            ip ->
                newHost()
                    .over(ip)
                    .arrives(ip.incoming().around(toGuest(ip)))
                    .by(DELIVERED)
                    .delivers(toGuest(ip))));
  }

  @TestFactory
  Stream<DynamicTest> toThePeerWithItsAddressesAsTheyAre() {
    return table(
        both(
            "RFC 792, RFC 4443 2.4",
            "new host: the guest's",
            ip -> newHost().captures(fromGuest(ip)).by(ANSWER_GOES_BACK).tunnels(fromGuest(ip))),
        both(
            "RFC 5508 4.2",
            "new host, pcap",
            ip ->
                newHost()
                    .pcap()
                    .captures(fromGuest(ip))
                    .by(ANSWER_GOES_BACK)
                    .tunnels(fromGuest(ip).ttl(63))),
        both(
            "RFC 5508 4.2",
            "new host, IP-in-IP",
            ip ->
                newHost()
                    .over(ip)
                    .captures(fromGuest(ip))
                    .by(ANSWER_GOES_BACK)
                    .sends(ip.outgoing().around(fromGuest(ip)))),
        both(
            "RFC 5508 4.2",
            "old host: leaves there",
            ip -> oldHost().receives(fromGuest(ip)).by(GUEST_ANSWERS).delivers(fromGuest(ip))),
        both(
            "RFC 5508 4.2",
            "old host, pcap",
            ip ->
                oldHost()
                    .pcap()
                    .receives(fromGuest(ip))
                    .by(GUEST_ANSWERS)
                    .delivers(fromGuest(ip).ttl(63))),
        both(
            "RFC 1122 3.2.2.1",
            "old host: while it drains",
            ip ->
                draining(StaleSyn.DROP)
                    .receives(fromGuest(ip))
                    .by(GUEST_ANSWERS)
                    .delivers(fromGuest(ip))));
  }

  @TestFactory
  Stream<DynamicTest> whoseErrorItIs() {
    return table(
        both(
            "RFC 792, RFC 4443 3.1",
            "old host: not for the old address, whatever it quotes",
            ip ->
                oldHost()
                    .captures(unreachable(ip.toGuest().to(ip.lan), ip.fromGuest().tcp(ACK)))
                    .by(NOT_OURS)),
        both(
            "RFC 792, RFC 4443 3.1",
            "new host: by the tunnel to another than the guest",
            ip ->
                newHost()
                    .receives(unreachable(ip.toGuest().to(ip.lan), ip.fromGuest().tcp(ACK)))
                    .by(NOT_GRANTED)),
        both(
            "RFC 4443 2.2",
            "old host: in another name than the guest's",
            ip ->
                oldHost()
                    .receives(unreachable(ip.fromGuest().from(ip.lan), ip.toGuest().tcp(ACK)))
                    .by(NOT_GRANTED)),
        both(
            "RFC 5927 4.3",
            "quoting what the guest has never sent: that is the guest's to find",
            ip -> {
              Packet error = unreachable(ip.toGuest(), ip.fromGuest().from(ip.lan).tcp(ACK));
              return oldHost().captures(error).by(GUEST_IS_THERE).tunnels(error);
            }),
        both(
            "RFC 1122 3.2.2",
            "quoting another error: likewise",
            ip -> {
              Packet error = unreachable(ip.toGuest(), fromGuest(ip));
              return oldHost().captures(error).by(GUEST_IS_THERE).tunnels(error);
            }),
        both(
            "RFC 792, RFC 4443 2.4",
            "quoting a fragment",
            ip -> {
              Packet quoted = ip.fromGuest().id(4).fragment(0, true).udp().payload(64);
              Packet error = unreachable(ip.toGuest(), quoted);
              return oldHost().captures(error).by(GUEST_IS_THERE).tunnels(error);
            }));
  }

  @TestFactory
  Stream<DynamicTest> whileTheAddressMoves() {
    return table(
        both(
            "RFC 1122 3.2.2.1",
            "the guest is paused: it waits, and is staged",
            ip ->
                oldHost(MigrationState.HOLDING)
                    .captures(toGuest(ip))
                    .by(GUEST_IS_PAUSED)
                    .stages(toGuest(ip))),
        both(
            "RFC 1122 3.2.2.1",
            "two about the same packet: none replaces the other",
            ip ->
                oldHost(MigrationState.HOLDING)
                    .after(toGuest(ip))
                    .captures(toGuest(ip))
                    .by(GUEST_IS_PAUSED)
                    .stages(toGuest(ip))),
        both(
            "RFC 1122 3.2.2.1",
            "staged at the new host",
            ip -> newHost(MigrationState.HOLDING).isStaged(toGuest(ip))),
        both(
            "RFC 1122 3.2.2.1",
            "draining, and its flow is not known: about what the guest sent",
            ip ->
                draining(StaleSyn.DROP)
                    .captures(toGuest(ip))
                    .by(ABOUT_OTHERS)
                    .tunnels(toGuest(ip))),
        both(
            "RFC 1122 3.2.2.1",
            "draining, with drain.stale-syn reject: no answer to an error",
            ip ->
                draining(StaleSyn.REJECT)
                    .captures(toGuest(ip))
                    .by(ABOUT_OTHERS)
                    .tunnels(toGuest(ip))));
  }
}
