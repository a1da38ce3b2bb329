package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ABOUT_OTHERS;
import static dev.holdfast.redirector.decide.Rule.FLOW_ENDED;
import static dev.holdfast.redirector.decide.Rule.GUEST_HAS_THE_WORD;
import static dev.holdfast.redirector.decide.Rule.KNOWN_FLOW;
import static dev.holdfast.redirector.decide.Rule.MID_STREAM;
import static dev.holdfast.redirector.decide.Rule.PART_OF_DATAGRAM;
import static dev.holdfast.redirector.decide.Rule.STALE_DROPPED;
import static dev.holdfast.redirector.decide.Rule.STALE_REJECTED;
import static dev.holdfast.redirector.decide.Rule.STALE_TUNNELLED;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.ESP;
import static dev.holdfast.redirector.edge.Packet.FIN;
import static dev.holdfast.redirector.edge.Packet.PSH;
import static dev.holdfast.redirector.edge.Packet.RST;
import static dev.holdfast.redirector.edge.Packet.SCTP;
import static dev.holdfast.redirector.edge.Packet.SYN;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.draining;

import dev.holdfast.redirector.config.Config.StaleSyn;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * While a migration drains, what began before is served until it ends, and what begins now is
 * treated as the config says. RFC 9293 says what has begun and what has ended.
 */
class DrainingTest {

  private static Packet syn(Ip ip) {
    return ip.toGuest().tcp(SYN, 999, 0, 8_192, 2, 4, 5, 180);
  }

  private static Packet data(Ip ip) {
    return ip.toGuest().tcp(ACK | PSH, 1_000, 500, 8_192).payload(100);
  }

  /** Segments of a connection from its beginning until both sides have said their last. */
  private static Packet[] closed(Ip ip, boolean byGuest) {
    Packet open = syn(ip);
    Packet accept = ip.fromGuest().tcp(SYN | ACK, 499, 1_000, 8_192);
    Packet opened = ip.toGuest().tcp(ACK, 1_000, 500, 8_192);
    return byGuest
        ? new Packet[] {
          open,
          accept,
          opened,
          ip.fromGuest().tcp(FIN | ACK, 500, 1_000, 8_192),
          ip.toGuest().tcp(FIN | ACK, 1_000, 501, 8_192),
          ip.fromGuest().tcp(ACK, 501, 1_001, 8_192)
        }
        : new Packet[] {
          open,
          accept,
          opened,
          ip.toGuest().tcp(FIN | ACK, 1_000, 500, 8_192),
          ip.fromGuest().tcp(FIN | ACK, 500, 1_001, 8_192),
          ip.toGuest().tcp(ACK, 1_001, 501, 8_192)
        };
  }

  @TestFactory
  Stream<DynamicTest> whatHasBegunIsServed() {
    return table(
        both(
            "RFC 9293 3.10.7.4",
            "a segment of a connection from before",
            ip ->
                draining(StaleSyn.REJECT)
                    .after(data(ip))
                    .captures(data(ip))
                    .by(KNOWN_FLOW)
                    .tunnels(data(ip))),
        both(
            "RFC 9293 3.10.7.4",
            "the peer ends it: FIN",
            ip ->
                draining(StaleSyn.DROP)
                    .after(data(ip))
                    .captures(ip.toGuest().tcp(FIN | ACK, 1_100, 500, 8_192))
                    .by(KNOWN_FLOW)
                    .tunnels(ip.toGuest().tcp(FIN | ACK, 1_100, 500, 8_192))),
        both(
            "RFC 9293 3.10.7.4",
            "the peer ends it: RST",
            ip ->
                draining(StaleSyn.DROP)
                    .after(data(ip))
                    .captures(ip.toGuest().tcp(RST, 1_100, 0, 0))
                    .by(KNOWN_FLOW)
                    .tunnels(ip.toGuest().tcp(RST, 1_100, 0, 0))),
        both(
            "RFC 9293 3.5",
            "a SYN from before is repeated: its answer may be lost",
            ip ->
                draining(StaleSyn.REJECT)
                    .after(syn(ip))
                    .captures(syn(ip))
                    .by(KNOWN_FLOW)
                    .tunnels(syn(ip))),
        both(
            "RFC 9293 3.10.7.4",
            "in mid-stream, and never seen: older than our knowledge",
            ip -> draining(StaleSyn.REJECT).captures(data(ip)).by(MID_STREAM).tunnels(data(ip))),
        both(
            "RFC 9293 3.5.3",
            "a RST of a connection never seen is for the guest to judge",
            ip ->
                draining(StaleSyn.REJECT)
                    .captures(ip.toGuest().tcp(RST, 77, 0, 0))
                    .by(MID_STREAM)
                    .tunnels(ip.toGuest().tcp(RST, 77, 0, 0))),
        both(
            "RFC 9293 3.5",
            "SYN and ACK answer the guest, and open nothing here",
            ip ->
                draining(StaleSyn.REJECT)
                    .captures(ip.toGuest().tcp(SYN | ACK))
                    .by(MID_STREAM)
                    .tunnels(ip.toGuest().tcp(SYN | ACK))),
        both(
            "RFC 9000 9",
            "a datagram of a flow from before",
            ip ->
                draining(StaleSyn.DROP)
                    .after(ip.toGuest().udp().payload(20))
                    .captures(ip.toGuest().udp().payload(40))
                    .by(KNOWN_FLOW)
                    .tunnels(ip.toGuest().udp().payload(40))));
  }

  @TestFactory
  Stream<DynamicTest> whatHasEnded() {
    return table(
        both(
            "RFC 9293 3.6.1",
            "time-wait: a repeated FIN wants its acknowledgment",
            ip ->
                draining(StaleSyn.DROP)
                    .after(closed(ip, true))
                    .captures(ip.toGuest().tcp(FIN | ACK, 1_000, 501, 8_192))
                    .by(KNOWN_FLOW)
                    .tunnels(ip.toGuest().tcp(FIN | ACK, 1_000, 501, 8_192))),
        both(
            "RFC 9293 3.6.1",
            "time-wait: a SYN on its ports opens a new connection, so: tunnel",
            ip ->
                draining(StaleSyn.TUNNEL)
                    .after(closed(ip, true))
                    .captures(ip.toGuest().tcp(SYN, 9_000, 0, 8_192))
                    .by(STALE_TUNNELLED)
                    .tunnels(ip.toGuest().tcp(SYN, 9_000, 0, 8_192))),
        both(
            "RFC 9293 3.6.1",
            "time-wait: the same, and drain.stale-syn is drop",
            ip ->
                draining(StaleSyn.DROP)
                    .after(closed(ip, true))
                    .captures(ip.toGuest().tcp(SYN, 9_000, 0, 8_192))
                    .by(STALE_DROPPED)),
        both(
            "RFC 9293 3.6.1",
            "closed, and time-wait is over: nothing is left to answer",
            ip ->
                draining(StaleSyn.TUNNEL)
                    .after(closed(ip, false))
                    .later(61)
                    .captures(ip.toGuest().tcp(ACK, 1_001, 501, 8_192))
                    .by(FLOW_ENDED)),
        both(
            "RFC 9293 3.5.3",
            "reset by the guest: only the guest may repeat that",
            ip ->
                draining(StaleSyn.DROP)
                    .after(data(ip), ip.fromGuest().tcp(RST, 500, 0, 0))
                    .captures(data(ip))
                    .by(GUEST_HAS_THE_WORD)
                    .tunnels(data(ip))),
        both(
            "RFC 5961 3.2",
            "reset by the peer: the guest may not have believed it",
            ip ->
                draining(StaleSyn.DROP)
                    .after(data(ip), ip.toGuest().tcp(RST, 1_100, 0, 0))
                    .captures(data(ip))
                    .by(GUEST_HAS_THE_WORD)
                    .tunnels(data(ip))));
  }

  @TestFactory
  Stream<DynamicTest> whatBeginsNow() {
    return table(
        both(
            "RFC 9293 3.10.7.2",
            "drain.stale-syn tunnel: the guest answers",
            ip -> draining(StaleSyn.TUNNEL).captures(syn(ip)).by(STALE_TUNNELLED).tunnels(syn(ip))),
        both(
            "RFC 9293 3.10.7.1",
            "drop: silence",
            ip -> draining(StaleSyn.DROP).captures(syn(ip)).by(STALE_DROPPED)),
        both(
            "RFC 9293 3.10.7.1",
            "reject: RST and ACK of the SYN, in the old address's name",
            ip ->
                draining(StaleSyn.REJECT)
                    .captures(syn(ip))
                    .by(STALE_REJECTED)
                    .delivers(ip.fromGuest().tcp(RST | ACK, 0, 1_000, 0))),
        both(
            "RFC 9293 3.10.7.1",
            "reject: data in the SYN is acknowledged too",
            ip ->
                draining(StaleSyn.REJECT)
                    .captures(ip.toGuest().tcp(SYN, 999, 0, 8_192).payload(7))
                    .by(STALE_REJECTED)
                    .delivers(ip.fromGuest().tcp(RST | ACK, 0, 1_007, 0))),
        both(
            "RFC 9293 3.4",
            "reject: sequence numbers wrap around",
            ip ->
                draining(StaleSyn.REJECT)
                    .captures(ip.toGuest().tcp(SYN, 0xffff_ffffL, 0, 8_192))
                    .by(STALE_REJECTED)
                    .delivers(ip.fromGuest().tcp(RST | ACK, 0, 0, 0))),
        both(
            "RFC 768",
            "a first datagram: drop",
            ip ->
                draining(StaleSyn.DROP).captures(ip.toGuest().udp().payload(9)).by(STALE_DROPPED)),
        both(
            "RFC 768",
            "a first datagram: reject answers no datagram",
            ip ->
                draining(StaleSyn.REJECT)
                    .captures(ip.toGuest().udp().payload(9))
                    .by(STALE_REJECTED)),
        both(
            "RFC 9260 5.1",
            "other protocols begin too",
            ip ->
                draining(StaleSyn.DROP)
                    .captures(ip.toGuest().protocol(SCTP).payload(32))
                    .by(STALE_DROPPED)),
        both(
            "RFC 792",
            "a first echo request: drop",
            ip ->
                draining(StaleSyn.DROP).captures(ip.toGuest().echoRequest(9, 1)).by(STALE_DROPPED)),
        both(
            "RFC 792",
            "the next one of a ping from before",
            ip ->
                draining(StaleSyn.DROP)
                    .after(ip.toGuest().echoRequest(9, 1))
                    .captures(ip.toGuest().echoRequest(9, 2))
                    .by(KNOWN_FLOW)
                    .tunnels(ip.toGuest().echoRequest(9, 2))));
  }

  @TestFactory
  Stream<DynamicTest> whatSaysNothingOfItsFlow() {
    return table(
        both(
            "RFC 791 3.2",
            "a later fragment has no ports: tunnelled",
            ip ->
                draining(StaleSyn.REJECT)
                    .captures(ip.toGuest().id(5).fragment(1_480, false).udp().payload(64))
                    .by(PART_OF_DATAGRAM)
                    .tunnels(ip.toGuest().id(5).fragment(1_480, false).udp().payload(64))),
        both(
            "RFC 792",
            "an ICMP error is about what the guest sent",
            ip -> {
              Packet error =
                  ip.toGuest()
                      .icmp(ip == Ip.V4 ? 3 : 1, ip == Ip.V4 ? 3 : 4, 0)
                      .quoting(ip.fromGuest().udp().payload(20));
              return draining(StaleSyn.REJECT).captures(error).by(ABOUT_OTHERS).tunnels(error);
            }),
        both(
            "RFC 792",
            "an echo reply is the answer to the guest's request",
            ip ->
                draining(StaleSyn.DROP)
                    .captures(ip.toGuest().echoReply(3, 4))
                    .by(ABOUT_OTHERS)
                    .tunnels(ip.toGuest().echoReply(3, 4))),
        both(
            "RFC 4303 2",
            "ESP of a security association from before",
            ip ->
                draining(StaleSyn.DROP)
                    .after(ip.toGuest().protocol(ESP).payload(80))
                    .captures(ip.toGuest().protocol(ESP).payload(90))
                    .by(KNOWN_FLOW)
                    .tunnels(ip.toGuest().protocol(ESP).payload(90))),
        both(
            "RFC 791 3.2",
            "the first fragment of a new datagram has ports, and is new",
            ip ->
                draining(StaleSyn.DROP)
                    .captures(ip.toGuest().id(5).fragment(0, true).udp().payload(64))
                    .by(STALE_DROPPED)));
  }
}
