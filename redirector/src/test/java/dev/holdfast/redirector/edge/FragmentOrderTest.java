package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.decide.Rule.PART_OF_DATAGRAM;
import static dev.holdfast.redirector.decide.Rule.STALE_DROPPED;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.ESP;
import static dev.holdfast.redirector.edge.Packet.SYN;
import static dev.holdfast.redirector.edge.Packet.UDP;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.draining;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.tunnel.observe.DropReason;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Fragments as attackers and odd networks make them: tiny, overlapping, in any order, over each way
 * and encapsulation. What a fragment does not have is never asked of it, and none waits for
 * another: who puts the datagram together decides what it is (RFC 791 section 3.2).
 */
class FragmentOrderTest {
  private static final int TCP = 6;

  private static Packet part(Packet packet, int offset, boolean more, int bytes) {
    return packet.id(77).fragment(offset, more).protocol(UDP).payload(bytes);
  }

  private static PacketRow there(Packet packet) {
    return oldHost().captures(packet).by(GUEST_IS_THERE).tunnels(packet);
  }

  /** The first bytes of a segment: of 8, its ports and sequence number, and no flags. */
  private static Packet tiny(Packet packet, int flags, int bytes) {
    int header = packet.ip().header();
    byte[] segment = packet.tcp(flags).payload(40).bytes();
    return packet
        .id(77)
        .fragment(0, true)
        .protocol(TCP)
        .payload(Arrays.copyOfRange(segment, header, header + bytes));
  }

  @TestFactory
  Stream<DynamicTest> tiny() {
    Packet four = Ip.V4.toGuest();
    Packet back = Ip.V4.fromGuest();
    return table(
        row(
            "RFC 791 3.2",
            "8 bytes are a fragment, and carried: the guest is to judge",
            there(tiny(four, SYN, 8))),
        row(
            "RFC 1858 3.1",
            "draining: no flags, so nothing says that it opens a connection",
            draining(StaleSyn.DROP)
                .captures(tiny(four, SYN, 8))
                .by(PART_OF_DATAGRAM)
                .tunnels(tiny(four, SYN, 8))),
        row(
            "RFC 1858 3.1",
            "draining: nor do 16 bytes, where the flags are, but no whole header",
            draining(StaleSyn.REJECT)
                .captures(tiny(four, SYN, 16))
                .by(PART_OF_DATAGRAM)
                .tunnels(tiny(four, SYN, 16))),
        row(
            "RFC 1858 3.1",
            "draining: 24 bytes are a header, and it is judged by that",
            draining(StaleSyn.DROP).captures(tiny(four, SYN, 24)).by(STALE_DROPPED)),
        row(
            "RFC 1858 3.1",
            "the second part has the flags",
            there(four.id(77).fragment(8, false).protocol(TCP).payload(52))),
        row(
            "RFC 791 3.2",
            "the guest's",
            newHost()
                .captures(tiny(back, ACK, 8))
                .by(ANSWER_GOES_BACK)
                .tunnels(tiny(back, ACK, 8))),
        row(
            "RFC 791 3.2",
            "of ESP, which has no header that could be cut",
            there(four.id(7).fragment(0, true).protocol(ESP).payload(8))),
        row(
            "RFC 7112 5",
            "IPv6: a first part without its whole header is dropped",
            oldHost().captures(tiny(Ip.V6.toGuest(), SYN, 8)).drops(DropReason.MALFORMED)),
        row(
            "RFC 7112 5",
            "IPv6: out of the tunnel as well",
            newHost().receives(tiny(Ip.V6.toGuest(), SYN, 16)).drops(DropReason.MALFORMED)));
  }

  @TestFactory
  Stream<DynamicTest> overlapping() {
    return table(
        both(
            "RFC 5722 4",
            "a later part that begins within the first",
            ip -> after(part(ip.toGuest(), 0, true, 1_024), part(ip.toGuest(), 8, true, 1_024))),
        both(
            "RFC 5722 4",
            "one that lies within another",
            ip ->
                after(part(ip.toGuest(), 1_024, true, 1_024), part(ip.toGuest(), 1_208, true, 80))),
        both(
            "RFC 5722 4",
            "one that lies around another",
            ip -> after(part(ip.toGuest(), 1_024, true, 80), part(ip.toGuest(), 800, true, 1_024))),
        both(
            "RFC 1858 4",
            "a second first part, of other content",
            ip -> after(part(ip.toGuest(), 0, true, 1_024), part(ip.toGuest(), 0, true, 512))),
        both(
            "RFC 8200 4.5",
            "an exact copy, which its receiver may ignore",
            ip ->
                after(part(ip.toGuest(), 1_024, true, 512), part(ip.toGuest(), 1_024, true, 512))),
        both(
            "RFC 5722 4",
            "two last parts with different ends",
            ip ->
                after(part(ip.toGuest(), 1_024, false, 30), part(ip.toGuest(), 1_024, false, 90))));
  }

  /** One after the other: the second goes on as if it were alone. */
  private static Row after(Packet earlier, Packet packet) {
    return oldHost().after(earlier).captures(packet).by(GUEST_IS_THERE).tunnels(packet);
  }

  @TestFactory
  Stream<DynamicTest> outOfOrder() {
    return table(
        both(
            "RFC 791 3.2",
            "the last alone: it does not wait for the others",
            ip -> there(part(ip.toGuest(), 2_048, false, 33))),
        both(
            "RFC 791 3.2",
            "the middle after the last",
            ip ->
                after(
                    part(ip.toGuest(), 2_048, false, 33), part(ip.toGuest(), 1_024, true, 1_024))),
        both(
            "RFC 791 3.2",
            "delivered: the first after all others",
            ip -> {
              Packet first = part(ip.toGuest(), 0, true, 1_024);
              return newHost()
                  .after(
                      part(ip.toGuest(), 2_048, false, 33), part(ip.toGuest(), 1_024, true, 1_024))
                  .receives(first)
                  .by(DELIVERED)
                  .delivers(first);
            }),
        both(
            "RFC 791 3.2",
            "back: the first after the last",
            ip -> {
              Packet first = part(ip.fromGuest(), 0, true, 1_024);
              return oldHost()
                  .after(part(ip.fromGuest(), 1_024, false, 33))
                  .receives(first)
                  .by(GUEST_ANSWERS)
                  .delivers(first);
            }),
        both(
            "RFC 791 3.2",
            "of two datagrams by turns",
            ip ->
                after(
                    part(ip.toGuest(), 1_024, false, 33),
                    part(ip.toGuest().id(78), 1_024, false, 33).id(78))),
        both(
            "RFC 791 3.2",
            "draining: the last before the first that says whose it is",
            ip ->
                draining(StaleSyn.DROP)
                    .captures(part(ip.toGuest(), 2_048, false, 33))
                    .by(PART_OF_DATAGRAM)
                    .tunnels(part(ip.toGuest(), 2_048, false, 33))));
  }

  @TestFactory
  Stream<DynamicTest> eachWayByIpInIp() {
    return table(ways("first", 0, true), ways("middle", 1_024, true), ways("last", 2_048, false));
  }

  /** What may be cut inside may be cut outside. */
  private static Packet cut(Ip ip) {
    return ip == Ip.V4 ? ip.outgoing().df(false).id(2) : ip.outgoing();
  }

  private static List<DynamicTest> ways(String name, int offset, boolean more) {
    var rows = new ArrayList<DynamicTest>();
    rows.addAll(
        both(
            "RFC 2003 3.1, RFC 2473 3.1",
            "the " + name + " part goes in as it is",
            ip -> {
              Packet packet = part(ip.toGuest(), offset, more, 512);
              return oldHost()
                  .over(ip)
                  .captures(packet)
                  .by(GUEST_IS_THERE)
                  .sends(cut(ip).around(packet));
            }));
    rows.addAll(
        both(
            "RFC 2003 3.1, RFC 2473 3.1",
            "and comes out as it is: the " + name,
            ip -> {
              Packet packet = part(ip.toGuest(), offset, more, 512);
              return newHost()
                  .over(ip)
                  .arrives(ip.incoming().around(packet))
                  .by(DELIVERED)
                  .delivers(packet);
            }));
    return rows;
  }
}
