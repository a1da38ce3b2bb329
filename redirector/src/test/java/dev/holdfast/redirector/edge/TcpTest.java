package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_PAUSED;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.CWR;
import static dev.holdfast.redirector.edge.Packet.ECE;
import static dev.holdfast.redirector.edge.Packet.FIN;
import static dev.holdfast.redirector.edge.Packet.PSH;
import static dev.holdfast.redirector.edge.Packet.RST;
import static dev.holdfast.redirector.edge.Packet.SYN;
import static dev.holdfast.redirector.edge.Packet.URG;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.redirector.migration.MigrationState;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * TCP as it is seldom seen. A tunnel has no opinion about a segment: each goes on as it came, in
 * both directions, and none is answered here.
 */
class TcpTest {

  /** The four ways that a segment can go. */
  private static PacketRow there(Packet segment) {
    return oldHost().captures(segment).by(GUEST_IS_THERE).tunnels(segment);
  }

  private static PacketRow delivered(Packet segment) {
    return newHost().receives(segment).by(DELIVERED).delivers(segment);
  }

  private static PacketRow back(Packet segment) {
    return newHost().captures(segment).by(ANSWER_GOES_BACK).tunnels(segment);
  }

  private static PacketRow out(Packet segment) {
    return oldHost().receives(segment).by(GUEST_ANSWERS).delivers(segment);
  }

  @TestFactory
  Stream<DynamicTest> options() {
    return table(
        both(
            "RFC 9293 3.2",
            "the maximum segment size is left as the peer said it",
            ip -> there(ip.toGuest().tcp(SYN, 1, 0, 8_192, 2, 4, 5, 180))),
        both(
            "RFC 9293 3.2",
            "and as the guest said it",
            ip -> back(ip.fromGuest().tcp(SYN | ACK, 1, 2, 8_192, 2, 4, 5, 180))),
        both(
            "RFC 7323 2.2",
            "window scale",
            ip -> there(ip.toGuest().tcp(SYN, 1, 0, 8_192, 1, 3, 3, 14))),
        both(
            "RFC 7323 3.2",
            "timestamps",
            ip ->
                delivered(ip.toGuest().tcp(ACK, 1, 2, 8_192, 1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4))),
        both(
            "RFC 2018 3",
            "selective acknowledgments",
            ip -> out(ip.fromGuest().tcp(ACK, 1, 2, 8_192, 1, 1, 5, 10, 0, 0, 9, 0, 0, 0, 9, 9))),
        both(
            "RFC 7413 4.1.1",
            "a fast open cookie, with data in the SYN",
            ip ->
                there(
                    ip.toGuest()
                        .tcp(SYN, 1, 0, 8_192, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8)
                        .payload(90))),
        both(
            "RFC 8684 3.1",
            "MP_CAPABLE",
            ip -> there(ip.toGuest().tcp(SYN, 1, 0, 8_192, 30, 4, 1, 1))),
        both(
            "RFC 5925 2.2",
            "TCP-AO, whose MAC nobody here could write anew",
            ip ->
                there(
                    ip.toGuest()
                        .tcp(ACK, 1, 2, 8_192, 29, 16, 1, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2)
                        .payload(10))),
        both(
            "RFC 9293 3.2",
            "an unknown option, of 40 bytes with all others",
            ip ->
                there(
                    ip.toGuest()
                        .tcp(
                            ACK,
                            1,
                            2,
                            3,
                            new int[] {
                              254, 40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
                                  18,
                              19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
                                  36, 37, 38
                            }))));
  }

  @TestFactory
  Stream<DynamicTest> resetsOfEitherEnd() {
    return table(
        both(
            "RFC 9293 3.5.2",
            "the peer's, with the sequence number that is due",
            ip -> there(ip.toGuest().tcp(RST, 1_000, 0, 0))),
        both(
            "RFC 9293 3.5.2",
            "the peer's, with an acknowledgment",
            ip -> delivered(ip.toGuest().tcp(RST | ACK, 1_000, 500, 0))),
        both(
            "RFC 9293 3.5.2",
            "the guest's",
            ip -> back(ip.fromGuest().tcp(RST | ACK, 500, 1_000, 0))),
        both(
            "RFC 5961 3.2",
            "within the window only: the guest will ask, not we",
            ip -> there(ip.toGuest().tcp(RST, 1_700, 0, 0))),
        both(
            "RFC 5961 4.2",
            "a SYN within a connection: the guest's to challenge",
            ip ->
                oldHost()
                    .after(ip.toGuest().tcp(ACK).payload(10), ip.fromGuest().tcp(ACK))
                    .captures(ip.toGuest().tcp(SYN, 1_010, 0, 0))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().tcp(SYN, 1_010, 0, 0))),
        both(
            "RFC 5961 4.2",
            "the guest's challenge ACK",
            ip -> back(ip.fromGuest().tcp(ACK, 500, 1_000, 8_192))),
        both(
            "RFC 9293 3.5.2",
            "while the guest is paused it is kept like all else",
            ip ->
                oldHost(MigrationState.HOLDING)
                    .captures(ip.toGuest().tcp(RST, 1_000, 0, 0))
                    .by(GUEST_IS_PAUSED)
                    .stages(ip.toGuest().tcp(RST, 1_000, 0, 0))));
  }

  @TestFactory
  Stream<DynamicTest> windowsAndIdleness() {
    return table(
        both(
            "RFC 9293 3.8.6",
            "a zero window, said by the peer",
            ip -> there(ip.toGuest().tcp(ACK, 1_000, 500, 0))),
        both(
            "RFC 9293 3.8.6",
            "a zero window, said by the guest",
            ip -> back(ip.fromGuest().tcp(ACK, 500, 1_000, 0))),
        both(
            "RFC 9293 3.8.6.1",
            "a probe of one byte into a zero window",
            ip -> there(ip.toGuest().tcp(ACK, 1_000, 500, 8_192).payload(1))),
        both(
            "RFC 9293 3.8.4",
            "keepalive: one byte before what is due, without data",
            ip ->
                oldHost()
                    .after(ip.toGuest().tcp(ACK).payload(10))
                    .captures(ip.toGuest().tcp(ACK, 1_009, 500, 8_192))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().tcp(ACK, 1_009, 500, 8_192))),
        both(
            "RFC 1122 4.2.3.6",
            "keepalive with a byte of garbage",
            ip -> there(ip.toGuest().tcp(ACK, 999, 500, 8_192).payload(new byte[1]))),
        both(
            "RFC 9293 3.8.4",
            "the answer to it",
            ip -> back(ip.fromGuest().tcp(ACK, 500, 1_010, 8_192))),
        both(
            "RFC 9293 3.8.4",
            "hours after the last segment",
            ip ->
                oldHost()
                    .after(ip.toGuest().tcp(ACK).payload(10), ip.fromGuest().tcp(ACK))
                    .later(7_200)
                    .captures(ip.toGuest().tcp(ACK, 1_009, 500, 8_192))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().tcp(ACK, 1_009, 500, 8_192))));
  }

  @TestFactory
  Stream<DynamicTest> flagsAndData() {
    return table(
        both(
            "RFC 9293 3.8.5",
            "urgent data, with its pointer",
            ip -> there(ip.toGuest().tcp(ACK | PSH | URG).urgent(5).payload(5))),
        both(
            "RFC 9293 3.8.5",
            "urgent data, from the guest",
            ip -> back(ip.fromGuest().tcp(ACK | PSH | URG).urgent(1).payload(20))),
        both(
            "RFC 9293 3.6",
            "simultaneous close: the peer's FIN",
            ip ->
                oldHost()
                    .after(ip.fromGuest().tcp(FIN | ACK, 500, 1_000, 8_192))
                    .captures(ip.toGuest().tcp(FIN | ACK, 1_000, 500, 8_192))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().tcp(FIN | ACK, 1_000, 500, 8_192))),
        both(
            "RFC 9293 3.6",
            "simultaneous close: the guest's FIN",
            ip ->
                oldHost()
                    .after(ip.toGuest().tcp(FIN | ACK, 1_000, 500, 8_192))
                    .receives(ip.fromGuest().tcp(FIN | ACK, 500, 1_000, 8_192))
                    .by(GUEST_ANSWERS)
                    .delivers(ip.fromGuest().tcp(FIN | ACK, 500, 1_000, 8_192))),
        both(
            "RFC 9293 3.6.1",
            "half-closed: data against a FIN",
            ip ->
                oldHost()
                    .after(ip.fromGuest().tcp(FIN | ACK, 500, 1_000, 8_192))
                    .captures(ip.toGuest().tcp(ACK, 1_000, 501, 8_192).payload(300))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().tcp(ACK, 1_000, 501, 8_192).payload(300))),
        both(
            "RFC 9293 3.5",
            "simultaneous open: a SYN against a SYN",
            ip ->
                oldHost()
                    .after(ip.fromGuest().tcp(SYN, 499, 0, 8_192))
                    .captures(ip.toGuest().tcp(SYN, 999, 0, 8_192))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().tcp(SYN, 999, 0, 8_192))),
        both(
            "RFC 3168 6.1.1",
            "ECE and CWR in a SYN ask for ECN",
            ip -> there(ip.toGuest().tcp(SYN | ECE | CWR, 1, 0, 8_192))),
        both("RFC 3168 6.1.3", "ECE tells of congestion", ip -> out(ip.fromGuest().tcp(ACK | ECE))),
        both(
            "RFC 9293 3.1",
            "reserved bits are not cleared",
            ip -> delivered(ip.toGuest().tcp(ACK).set8(ip.header() + 12, 0x57))),
        both("RFC 9293 3.1", "no flag at all", ip -> there(ip.toGuest().tcp(0))),
        both(
            "RFC 9293 3.1",
            "a wrong checksum: the guest's to find",
            ip -> there(ip.toGuest().tcp(ACK).payload(8).set16(ip.header() + 16, 0x0bad))));
  }

  /** Which frames a capture sees, and which MACs they get, changes nothing about this. */
  @TestFactory
  Stream<DynamicTest> withPcapToo() {
    return table(
        both(
            "RFC 9293 3.8.5",
            "urgent data",
            ip ->
                oldHost()
                    .pcap()
                    .captures(ip.toGuest().ttl(9).tcp(ACK | URG).urgent(3).payload(3))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().ttl(8).tcp(ACK | URG).urgent(3).payload(3))),
        both(
            "RFC 9293 3.5.2",
            "a RST",
            ip ->
                newHost()
                    .pcap()
                    .receives(ip.toGuest().ttl(9).tcp(RST, 1_000, 0, 0))
                    .by(DELIVERED)
                    .delivers(ip.toGuest().ttl(8).tcp(RST, 1_000, 0, 0))),
        both(
            "RFC 7323 3.2",
            "timestamps",
            ip ->
                newHost()
                    .pcap()
                    .captures(ip.fromGuest().tcp(ACK, 1, 2, 3, 1, 1, 8, 10, 9, 9, 9, 9, 8, 8, 8, 8))
                    .by(ANSWER_GOES_BACK)
                    .tunnels(
                        ip.fromGuest()
                            .ttl(63)
                            .tcp(ACK, 1, 2, 3, 1, 1, 8, 10, 9, 9, 9, 9, 8, 8, 8, 8))),
        both(
            "RFC 9293 3.8.4",
            "keepalive",
            ip ->
                oldHost()
                    .pcap()
                    .captures(ip.toGuest().tcp(ACK, 999, 500, 8_192))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().ttl(63).tcp(ACK, 999, 500, 8_192))),
        row(
            "RFC 9293 3.1",
            "a wrong checksum is not one that was left to a device",
            oldHost()
                .pcap()
                .captures(Ip.V4.toGuest().tcp(ACK).payload(8).set16(36, 0x0bad))
                .by(GUEST_IS_THERE)
                .tunnels(Ip.V4.toGuest().ttl(63).tcp(ACK).payload(8).set16(36, 0x0bad))));
  }
}
