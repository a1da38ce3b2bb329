package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.GUEST_IS_PAUSED;
import static dev.holdfast.redirector.edge.LaneRow.together;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.ESP;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.observe.DropReason;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * A datagram's fragments stay together: over several data connections, and in the hold queue, where
 * a repeated segment takes the place of the one before. What is given up where the queue is full is
 * in {@code HeldFragmentsTest}.
 */
class HeldPartsTest {

  private static Packet segment(Packet packet) {
    return packet.tcp(ACK, 5_000, 500, 8_192).payload(1_200);
  }

  private static Packet first(Packet packet, int id) {
    return packet.id(id).df(false).fragment(0, true).tcp(ACK, 5_000, 500, 8_192).payload(620);
  }

  private static Packet last(Packet packet, int id) {
    return packet.id(id).df(false).fragment(640, false).protocol(6).payload(580);
  }

  private static PacketRow held(Packet earlier, Packet packet) {
    return oldHost(MigrationState.HOLDING)
        .after(earlier)
        .captures(packet)
        .by(GUEST_IS_PAUSED)
        .stages(packet);
  }

  @TestFactory
  Stream<DynamicTest> noPartTakesThePlaceOfAnother() {
    return table(
        both(
            "RFC 9293 3.8.1",
            "a whole segment that is repeated does: the guest needs one",
            ip -> held(segment(ip.toGuest()), segment(ip.toGuest())).drops(DropReason.REPLACED)),
        both(
            "RFC 791 3.2",
            "repeated in fragments: the first takes no place, the rest may be lost",
            ip -> held(segment(ip.toGuest()), first(ip.toGuest(), 9))),
        both(
            "RFC 791 3.2",
            "a whole one after the first of it: nor does this",
            ip -> held(first(ip.toGuest(), 9), segment(ip.toGuest()))),
        both(
            "RFC 791 3.2",
            "the same first part under another identification",
            ip -> held(first(ip.toGuest(), 9), first(ip.toGuest(), 10))),
        both(
            "RFC 791 3.2",
            "the last after the first",
            ip -> held(first(ip.toGuest(), 9), last(ip.toGuest(), 9))),
        both(
            "RFC 791 3.2",
            "the first after the last",
            ip -> held(last(ip.toGuest(), 9), first(ip.toGuest(), 9))),
        both(
            "RFC 791 3.2",
            "staged at the new host: each waits there",
            ip ->
                newHost(MigrationState.HOLDING)
                    .after(first(ip.toGuest(), 9))
                    .isStaged(last(ip.toGuest(), 9))),
        both(
            "RFC 791 3.2",
            "staged late: delivered at once, like all else",
            ip -> newHost().isStaged(last(ip.toGuest(), 9)).delivers(last(ip.toGuest(), 9))));
  }

  @TestFactory
  Stream<DynamicTest> overOneConnection() {
    return table(
        both(
            "RFC 791 3.2",
            "the parts of a datagram: only the first has ports",
            ip ->
                together(
                    ip.toGuest().id(7).fragment(0, true).udp().payload(1_016),
                    ip.toGuest().id(7).fragment(1_024, true).udp().payload(1_024),
                    ip.toGuest().id(7).fragment(2_048, false).udp().payload(9))),
        both(
            "RFC 791 3.2",
            "and the next datagram of the flow, which is whole",
            ip ->
                together(
                    ip.toGuest().id(7).fragment(1_024, false).udp().payload(9),
                    ip.toGuest().udp().payload(9))),
        both(
            "RFC 791 3.2",
            "the parts of a segment",
            ip -> together(first(ip.toGuest(), 7), last(ip.toGuest(), 7))),
        both(
            "RFC 791 3.2",
            "the guest's",
            ip -> together(first(ip.fromGuest(), 7), last(ip.fromGuest(), 7))),
        both(
            "RFC 4303 2",
            "of ESP, and whole ESP",
            ip ->
                together(
                    ip.toGuest().protocol(ESP).payload(90),
                    ip.toGuest().id(7).fragment(0, true).protocol(ESP).payload(1_024),
                    ip.toGuest().id(7).fragment(1_024, false).protocol(ESP).payload(90))));
  }
}
