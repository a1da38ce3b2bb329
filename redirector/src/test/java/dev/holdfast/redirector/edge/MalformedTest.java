package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.DESTINATION_OPTIONS;
import static dev.holdfast.redirector.edge.Packet.HOP_BY_HOP;
import static dev.holdfast.redirector.edge.Packet.ROUTING;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.tunnel.observe.DropReason;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Headers that lie: dropped at the door of either path, and counted. */
class MalformedTest {

  private static PacketRow malformed(Packet packet) {
    return oldHost().captures(packet).drops(DropReason.MALFORMED);
  }

  private static PacketRow malformedInside(Packet packet) {
    return newHost().receives(packet).drops(DropReason.MALFORMED);
  }

  @TestFactory
  Stream<DynamicTest> ipHeaders() {
    Packet v4 = Ip.V4.toGuest().udp().payload(20);
    Packet v6 = Ip.V6.toGuest().udp().payload(20);
    return table(
        row("RFC 1812 5.2.2", "a version of 5", malformed(v4.set8(0, 0x55))),
        row("RFC 1812 5.2.2", "a header of 16 bytes", malformed(v4.set8(0, 0x44))),
        row(
            "RFC 1812 5.2.2",
            "a header longer than the packet",
            malformed(v4.resized(28).set8(0, 0x4f))),
        row("RFC 1812 5.2.2", "a total length below the header's", malformed(v4.set16(2, 19))),
        row("RFC 1812 5.2.2", "a total length above what has come", malformed(v4.set16(2, 49))),
        row("RFC 791 3.1", "19 bytes", malformed(v4.resized(19))),
        row("RFC 8200 3", "39 bytes", malformed(v6.resized(39))),
        row("RFC 8200 3", "a payload length above what has come", malformed(v6.set16(4, 29))),
        row(
            "RFC 791 3.1",
            "a total length below what has come: the rest is padding",
            oldHost().pcap().captures(v4.resized(60)).by(GUEST_IS_THERE).tunnels(v4.ttl(63))));
  }

  @TestFactory
  Stream<DynamicTest> addressesThatNobodySendsFrom() {
    return table(
        both(
            "RFC 1122 3.2.1.3",
            "a group as the source",
            ip -> malformed(ip.toGuest().from(ip == Ip.V4 ? "224.0.0.9" : "ff05::9").udp())),
        both(
            "RFC 1122 3.2.1.3",
            "loopback as the source",
            ip -> malformed(ip.toGuest().from(ip == Ip.V4 ? "127.1.2.3" : "::1").udp())),
        row(
            "RFC 1122 3.2.1.3",
            "limited broadcast as the source",
            malformed(Ip.V4.toGuest().from("255.255.255.255").udp())),
        row(
            "RFC 4291 2.5.5.2",
            "an IPv4-mapped source would pass for the IPv4 address",
            malformed(mapped(8))),
        row("RFC 4291 2.5.5.2", "an IPv4-mapped destination likewise", malformed(mapped(24))),
        both(
            "RFC 1122 3.2.1.3",
            "the same out of the tunnel",
            ip -> malformedInside(ip.toGuest().from(ip == Ip.V4 ? "224.0.0.9" : "ff05::9").udp())));
  }

  /** With ::ffff:10.1.0.10 at that place of the header. */
  private static Packet mapped(int at) {
    Packet packet = Ip.V6.toGuest().udp();
    for (int i = 0; i < 10; i += 2) {
      packet = packet.set16(at + i, 0);
    }
    return packet.set16(at + 10, 0xffff).set16(at + 12, 0x0a01).set16(at + 14, 0x000a);
  }

  @TestFactory
  Stream<DynamicTest> transportHeaders() {
    return table(
        both(
            "RFC 9293 3.1",
            "19 bytes of TCP",
            ip -> malformed(ip.toGuest().protocol(6).payload(19))),
        both(
            "RFC 9293 3.1",
            "a data offset of 4 words",
            ip -> malformed(ip.toGuest().tcp(ACK).set8(ip.header() + 12, 0x40))),
        both(
            "RFC 9293 3.1",
            "a data offset beyond the segment",
            ip -> malformed(ip.toGuest().tcp(ACK).payload(3).set8(ip.header() + 12, 0x60))),
        both("RFC 768", "7 bytes of UDP", ip -> malformed(ip.toGuest().protocol(17).payload(7))),
        both(
            "RFC 768",
            "a length below the header's",
            ip -> malformed(ip.toGuest().udp().payload(4).set16(ip.header() + 4, 7))),
        both(
            "RFC 768",
            "a length beyond the packet",
            ip -> malformed(ip.toGuest().udp().payload(4).set16(ip.header() + 4, 13))),
        both(
            "RFC 792",
            "7 bytes of ICMP",
            ip -> malformed(ip.toGuest().protocol(ip == Ip.V4 ? 1 : 58).payload(7))),
        both(
            "RFC 9293 3.1",
            "a data offset beyond the segment, out of the tunnel",
            ip -> malformedInside(ip.toGuest().tcp(ACK).set8(ip.header() + 12, 0xf0))));
  }

  @TestFactory
  Stream<DynamicTest> extensionHeaders() {
    Packet guest = Ip.V6.toGuest();
    return table(
        row(
            "RFC 8200 4.1",
            "hop-by-hop options anywhere but first",
            malformed(
                guest.extension(DESTINATION_OPTIONS, 1, 4).extension(HOP_BY_HOP, 1, 4).udp())),
        row(
            "RFC 8200 4.2",
            "one that is longer than the packet",
            malformed(guest.extension(DESTINATION_OPTIONS, 1, 4).udp().set8(41, 9))),
        row(
            "RFC 8200 4",
            "one that ends with the packet, and leaves no UDP",
            malformed(guest.extension(ROUTING, 4, 0).udp().set16(4, 8).resized(48))),
        row(
            "RFC 8200 4.5",
            "a fragment header of 4 bytes",
            malformed(guest.protocol(44).payload(4))),
        row("RFC 8504 5.3", "more than sixteen", malformed(seventeen())));
  }

  private static Packet seventeen() {
    Packet packet = Ip.V6.toGuest();
    for (int i = 0; i < 17; i++) {
      packet = packet.extension(DESTINATION_OPTIONS, 1, 4);
    }
    return packet.udp();
  }
}
