package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_PAUSED;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.decide.Rule.KNOWN_FLOW;
import static dev.holdfast.redirector.decide.Rule.NOT_GRANTED;
import static dev.holdfast.redirector.decide.Rule.PART_OF_DATAGRAM;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.DESTINATION_OPTIONS;
import static dev.holdfast.redirector.edge.Packet.ESP;
import static dev.holdfast.redirector.edge.Packet.HOP_BY_HOP;
import static dev.holdfast.redirector.edge.Packet.SYN;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.draining;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.observe.DropReason;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Fragments of inner packets: carried by address, each for itself, and put together by their
 * receiver.
 */
class FragmentsTest {

  private static Packet first(Packet packet) {
    return packet.id(77).fragment(0, true).udp().payload(1_024 - 8);
  }

  private static Packet middle(Packet packet) {
    return packet.id(77).fragment(1_024, true).udp().payload(1_024);
  }

  private static Packet last(Packet packet) {
    return packet.id(77).fragment(2_048, false).udp().payload(33);
  }

  private static PacketRow there(Packet packet) {
    return oldHost().captures(packet).by(GUEST_IS_THERE).tunnels(packet);
  }

  @TestFactory
  Stream<DynamicTest> eachPartByItself() {
    return table(
        both("RFC 791 3.2", "the first part", ip -> there(first(ip.toGuest()))),
        both("RFC 791 3.2", "one in the middle, without ports", ip -> there(middle(ip.toGuest()))),
        both("RFC 791 3.2", "the last part", ip -> there(last(ip.toGuest()))),
        both(
            "RFC 791 3.2",
            "from the guest: the first part",
            ip ->
                newHost()
                    .captures(first(ip.fromGuest()))
                    .by(ANSWER_GOES_BACK)
                    .tunnels(first(ip.fromGuest()))),
        both(
            "RFC 791 3.2",
            "from the guest: the last part",
            ip ->
                newHost()
                    .captures(last(ip.fromGuest()))
                    .by(ANSWER_GOES_BACK)
                    .tunnels(last(ip.fromGuest()))),
        both(
            "RFC 791 3.2",
            "delivered at the new host",
            ip ->
                newHost()
                    .receives(middle(ip.toGuest()))
                    .by(DELIVERED)
                    .delivers(middle(ip.toGuest()))),
        both(
            "RFC 791 3.2",
            "leaving at the old site",
            ip ->
                oldHost()
                    .receives(middle(ip.fromGuest()))
                    .by(GUEST_ANSWERS)
                    .delivers(middle(ip.fromGuest()))),
        both(
            "RFC 791 3.2",
            "with pcap, one hop less",
            ip ->
                oldHost()
                    .pcap()
                    .captures(last(ip.toGuest()))
                    .by(GUEST_IS_THERE)
                    .tunnels(last(ip.toGuest()).ttl(63))),
        both(
            "RFC 4303 2",
            "of ESP",
            ip -> there(ip.toGuest().id(3).fragment(1_200, true).protocol(ESP).payload(800))));
  }

  @TestFactory
  Stream<DynamicTest> inAnyOrder() {
    return table(
        both(
            "RFC 791 3.2",
            "the last before the first",
            ip ->
                oldHost()
                    .after(last(ip.toGuest()))
                    .captures(first(ip.toGuest()))
                    .by(GUEST_IS_THERE)
                    .tunnels(first(ip.toGuest()))),
        both(
            "RFC 791 3.2",
            "the same part twice",
            ip ->
                oldHost()
                    .after(middle(ip.toGuest()))
                    .captures(middle(ip.toGuest()))
                    .by(GUEST_IS_THERE)
                    .tunnels(middle(ip.toGuest()))),
        both(
            "RFC 5722 4",
            "parts that overlap: the receiver's to discard",
            ip ->
                oldHost()
                    .after(first(ip.toGuest()))
                    .captures(ip.toGuest().id(77).fragment(512, true).udp().payload(1_024))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().id(77).fragment(512, true).udp().payload(1_024))),
        both(
            "RFC 3128 2",
            "a second part that would overwrite TCP's flags",
            ip ->
                oldHost()
                    .after(ip.toGuest().id(77).fragment(0, true).tcp(ACK).payload(4))
                    .captures(ip.toGuest().id(77).fragment(8, true).udp().payload(16))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().id(77).fragment(8, true).udp().payload(16))),
        both(
            "RFC 6864 4.3",
            "one whose identification is used again",
            ip ->
                oldHost()
                    .after(first(ip.toGuest()), last(ip.toGuest()))
                    .captures(first(ip.toGuest()))
                    .by(GUEST_IS_THERE)
                    .tunnels(first(ip.toGuest()))));
  }

  @TestFactory
  Stream<DynamicTest> whileTheAddressMoves() {
    return table(
        both(
            "RFC 791 3.2",
            "holding: the first part waits",
            ip ->
                oldHost(MigrationState.HOLDING)
                    .captures(first(ip.toGuest()))
                    .by(GUEST_IS_PAUSED)
                    .stages(first(ip.toGuest()))),
        both(
            "RFC 791 3.2",
            "holding: and so does a later one, which replaces nothing",
            ip ->
                oldHost(MigrationState.HOLDING)
                    .after(first(ip.toGuest()), middle(ip.toGuest()))
                    .captures(middle(ip.toGuest()))
                    .by(GUEST_IS_PAUSED)
                    .stages(middle(ip.toGuest()))),
        both(
            "RFC 791 3.2",
            "draining: a later part says nothing of its connection",
            ip ->
                draining(StaleSyn.DROP)
                    .captures(last(ip.toGuest()))
                    .by(PART_OF_DATAGRAM)
                    .tunnels(last(ip.toGuest()))),
        both(
            "RFC 791 3.2",
            "draining: a first part of a known flow",
            ip ->
                draining(StaleSyn.DROP)
                    .after(ip.toGuest().udp())
                    .captures(first(ip.toGuest()))
                    .by(KNOWN_FLOW)
                    .tunnels(first(ip.toGuest()))),
        both(
            "RFC 791 3.2",
            "a later part for somebody else is no more granted than a whole one",
            ip -> newHost().receives(middle(ip.toGuest()).to(ip.lan)).by(NOT_GRANTED)));
  }

  @TestFactory
  Stream<DynamicTest> extensionHeadersAndFragments() {
    Packet guest = Ip.V6.toGuest();
    return table(
        row(
            "RFC 8200 4.5",
            "what every part has stands before the fragment header",
            there(guest.extension(HOP_BY_HOP, 1, 4).id(5).fragment(0, true).udp().payload(64))),
        row(
            "RFC 8200 4.5",
            "and before that of a later part",
            there(guest.extension(HOP_BY_HOP, 1, 4).id(5).fragment(72, false).udp().payload(64))),
        row(
            "RFC 6946 4",
            "an atomic fragment is a whole packet: offset 0, and none follows",
            there(guest.id(5).fragment(0, false).tcp(SYN))),
        row(
            "RFC 6946 4",
            "so it opens a connection while draining",
            draining(StaleSyn.DROP)
                .captures(guest.id(5).fragment(0, false).tcp(SYN))
                .by(dev.holdfast.redirector.decide.Rule.STALE_DROPPED)),
        row(
            "RFC 8200 4.5",
            "a second fragment header could deny what the first one says",
            oldHost().captures(twice()).drops(DropReason.MALFORMED)),
        row(
            "RFC 8200 4.5",
            "identifications have 32 bits",
            there(guest.id(0xdeadbeef).fragment(8, false).udp().payload(9))),
        row(
            "RFC 7112 5",
            "a first part without all headers: none of its ports would be known",
            oldHost()
                .captures(
                    guest
                        .id(5)
                        .extension(DESTINATION_OPTIONS, 1, 4)
                        .fragment(0, true)
                        .udp()
                        .resized(60))
                .drops(DropReason.MALFORMED)));
  }

  /** A packet whose second fragment header says that it is whole. */
  private static Packet twice() {
    byte[] second = new byte[16];
    second[0] = (byte) 253; // behind it anything, offset 0, and none follows
    return Ip.V6.toGuest().id(5).fragment(0, true).protocol(44).payload(second);
  }

  @TestFactory
  Stream<DynamicTest> tooLongOnceTheyArePutTogether() {
    return table(
        row(
            "RFC 791 3.2",
            "the ping of death: beyond 65535 bytes",
            oldHost()
                .captures(Ip.V4.toGuest().id(1).fragment(65_528, false).udp().payload(100))
                .drops(DropReason.MALFORMED)),
        row(
            "RFC 8200 4.5",
            "beyond 65535 bytes of payload",
            oldHost()
                .captures(Ip.V6.toGuest().id(1).fragment(65_528, false).udp().payload(100))
                .drops(DropReason.MALFORMED)),
        row(
            "RFC 791 3.2",
            "up to there it is carried",
            there(Ip.V4.toGuest().id(1).fragment(65_504, false).udp().payload(11))),
        row(
            "RFC 8200 4.5",
            "up to there it is carried",
            there(Ip.V6.toGuest().id(1).fragment(65_504, false).udp().payload(31))),
        both(
            "RFC 791 3.2",
            "the same out of the tunnel",
            ip ->
                newHost()
                    .receives(ip.toGuest().id(1).fragment(65_528, false).udp().payload(100))
                    .drops(DropReason.MALFORMED)));
  }
}
