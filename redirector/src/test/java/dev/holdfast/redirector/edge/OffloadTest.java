package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.CWR;
import static dev.holdfast.redirector.edge.Packet.FIN;
import static dev.holdfast.redirector.edge.Packet.PSH;
import static dev.holdfast.redirector.edge.Packet.SYN;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Super-packets, and checksums that were left to a device (Virtual I/O Device 1.2, section 5.1.6):
 * carried as they are by TLS, cut and completed for IP-in-IP, told by looking where a capture does
 * not say.
 */
class OffloadTest {

  private static Packet superPacket(Packet from) {
    return from.tcp(ACK | PSH | FIN | CWR, 1_000, 500, 8_192).payload(3_500).gso(1_400);
  }

  /** The piece of {@link #superPacket} that stands at {@code from}, of {@code length} bytes. */
  private static Packet piece(Packet packet, int from, int length, int flags) {
    byte[] data = packet.payload(3_500).protocol(253).bytes();
    int header = packet.ip().header();
    return packet
        .tcp(flags, 1_000L + from, 500, 8_192)
        .id(packet.ip() == Ip.V4 ? from / 1_400 : 0)
        .payload(Arrays.copyOfRange(data, header + from, header + from + length));
  }

  @TestFactory
  Stream<DynamicTest> byTlsTheyStayAsTheyAre() {
    return table(
        both(
            "RFC 9293 3.1",
            "a TCP super-packet goes in whole",
            ip ->
                oldHost()
                    .captures(superPacket(ip.toGuest()))
                    .by(GUEST_IS_THERE)
                    .tunnels(superPacket(ip.toGuest()))),
        both(
            "RFC 9293 3.1",
            "and comes out whole",
            ip ->
                newHost()
                    .receives(superPacket(ip.toGuest()))
                    .by(DELIVERED)
                    .delivers(superPacket(ip.toGuest()))),
        both(
            "RFC 9293 3.1",
            "a checksum that was left to a device stays so",
            ip ->
                newHost()
                    .captures(ip.fromGuest().tcp(ACK).payload(60).partialChecksum())
                    .by(ANSWER_GOES_BACK)
                    .tunnels(ip.fromGuest().tcp(ACK).payload(60).partialChecksum())),
        both(
            "RFC 768",
            "a UDP super-packet goes in whole",
            ip ->
                oldHost()
                    .captures(ip.toGuest().udp().payload(3_000).gso(1_000))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().udp().payload(3_000).gso(1_000))),
        both(
            "RFC 9293 3.1",
            "with pcap a super-packet goes out as one, for the kernel to cut",
            ip ->
                newHost()
                    .pcap()
                    .receives(superPacket(ip.toGuest()))
                    .by(DELIVERED)
                    .delivers(superPacket(ip.toGuest()).ttl(63))));
  }

  @TestFactory
  Stream<DynamicTest> byIpInIpTheyAreCutAndCompleted() {
    return table(
        both(
            "RFC 3168 6.1.2",
            "TCP: CWR on the first, FIN and PSH on the last",
            ip -> {
              Packet in = ip.toGuest();
              return oldHost()
                  .over(ip)
                  .captures(superPacket(in))
                  .by(GUEST_IS_THERE)
                  .sends(
                      ip.outgoing().around(piece(in, 0, 1_400, ACK | CWR)),
                      ip.outgoing().around(piece(in, 1_400, 1_400, ACK)),
                      ip.outgoing().around(piece(in, 2_800, 700, ACK | PSH | FIN)));
            }),
        row(
            "RFC 6864 4.3",
            "identifications of pieces that may be cut go on",
            oldHost()
                .over(Ip.V6)
                .captures(Ip.V4.toGuest().df(false).id(9).udp().payload(1_500).gso(1_000))
                .by(GUEST_IS_THERE)
                .sends(
                    Ip.V6.outgoing().around(datagram(9, 0, 1_000)),
                    Ip.V6.outgoing().around(datagram(10, 1_000, 500)))),
        both(
            "RFC 9293 3.1",
            "TCP: the checksum is completed",
            ip ->
                oldHost()
                    .over(ip)
                    .captures(ip.toGuest().tcp(ACK).payload(99).partialChecksum())
                    .by(GUEST_IS_THERE)
                    .sends(ip.outgoing().around(ip.toGuest().tcp(ACK).payload(99)))),
        both(
            "RFC 768",
            "UDP: the checksum is completed",
            ip -> {
              Packet in = ip.toGuest().udp().payload(100);
              Packet outer = ip.outgoing().around(in);
              return oldHost()
                  .over(ip)
                  .captures(in.partialChecksum())
                  .by(GUEST_IS_THERE)
                  .sends(outer);
            }),
        both(
            "RFC 9293 3.1",
            "merged on receipt: longer TCP than the tunnel takes is one again",
            ip ->
                newHost()
                    .over(ip)
                    .arrives(ip.incoming().around(merged(ip)))
                    .by(DELIVERED)
                    .delivers(merged(ip).gso(1_500 - 2 * ip.header() - 20))));
  }

  private static Packet datagram(int id, int from, int length) {
    byte[] data = Ip.V4.toGuest().payload(1_500).protocol(253).bytes();
    return Ip.V4
        .toGuest()
        .df(false)
        .id(id)
        .udp()
        .payload(Arrays.copyOfRange(data, 20 + from, 20 + from + length));
  }

  private static Packet merged(Ip ip) {
    return ip.toGuest().tcp(ACK, 1_000, 500, 8_192).payload(2_600);
  }

  @TestFactory
  Stream<DynamicTest> aCaptureDoesNotSay() {
    return table(
        both(
            "RFC 9293 3.1",
            "TCP whose checksum is its pseudo-header's: left to a device",
            ip ->
                oldHost()
                    .pcap()
                    .captures(ip.toGuest().tcp(ACK).payload(77).partialChecksum())
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().ttl(63).tcp(ACK).payload(77).partialChecksum())),
        both(
            "RFC 768",
            "UDP whose checksum is its pseudo-header's: left to a device",
            ip ->
                oldHost()
                    .pcap()
                    .captures(ip.toGuest().udp().payload(77).partialChecksum())
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().ttl(63).udp().payload(77).partialChecksum())),
        both(
            "RFC 9293 3.1",
            "TCP longer than the tunnel takes: a super-packet",
            ip ->
                oldHost()
                    .pcap()
                    .innerMtu(1_400)
                    .captures(ip.toGuest().tcp(ACK, 1, 2, 3).payload(4_000).partialChecksum())
                    .by(GUEST_IS_THERE)
                    .tunnels(
                        ip.toGuest()
                            .ttl(63)
                            .tcp(ACK, 1, 2, 3)
                            .payload(4_000)
                            .gso(1_400 - ip.header() - 20))),
        both(
            "RFC 9293 3.1",
            "a checksum that is right is left alone",
            ip ->
                oldHost()
                    .pcap()
                    .captures(ip.toGuest().tcp(ACK).payload(78))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().ttl(63).tcp(ACK).payload(78))),
        both(
            "RFC 768",
            "and one that is wrong",
            ip ->
                oldHost()
                    .pcap()
                    .captures(ip.toGuest().udp().payload(78).set16(ip.header() + 6, 0x1234))
                    .by(GUEST_IS_THERE)
                    .tunnels(
                        ip.toGuest().ttl(63).udp().payload(78).set16(ip.header() + 6, 0x1234))));
  }

  /** The kernel writes a checksum wherever such a header points to: an address, for example. */
  @TestFactory
  Stream<DynamicTest> headersFromTheTunnelThatLie() {
    return table(
        both(
            "virtio 5.1.6",
            "the checksum would be written into the IP header",
            ip -> lies(left(ip).offload8(VirtioNetHeader.CHECKSUM_START, 0))),
        both(
            "virtio 5.1.6",
            "the checksum would be written into TCP's ports",
            ip -> lies(left(ip).offload8(VirtioNetHeader.CHECKSUM_OFFSET, 0))),
        both(
            "virtio 5.1.6",
            "a flag that is not known",
            ip -> lies(left(ip).offload8(VirtioNetHeader.FLAGS, 0x81))),
        both(
            "virtio 5.1.6",
            "segments of the other family",
            ip ->
                lies(
                    superPacket(ip.toGuest())
                        .offload8(VirtioNetHeader.GSO_TYPE, ip == Ip.V4 ? 4 : 1))),
        both(
            "virtio 5.1.6",
            "segments of no bytes",
            ip ->
                lies(
                    superPacket(ip.toGuest())
                        .offload8(VirtioNetHeader.GSO_SIZE, 0)
                        .offload8(VirtioNetHeader.GSO_SIZE + 1, 0))),
        both(
            "virtio 5.1.6",
            "headers longer than the packet",
            ip -> lies(left(ip).offload8(VirtioNetHeader.HEADER_LENGTH + 1, 0x40))),
        both(
            "RFC 9293 3.5",
            "a SYN that would be sent more than once",
            ip -> lies(ip.toGuest().tcp(SYN, 1, 0, 9).payload(3_000).gso(1_000))));
  }

  private static Packet left(Ip ip) {
    return ip.toGuest().tcp(ACK).payload(60).partialChecksum();
  }

  private static Row lies(Packet packet) {
    return newHost().receives(packet).drops(DropReason.BAD_OFFLOAD);
  }
}
