package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.PSH;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.tunnel.observe.DropReason;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * {@code tunnel.ttl = "keep"}: who checks that his peer is so many hops away (RFC 5082) finds it as
 * far away as before the guest moved. What the kernel does to what passes a TUN is in {@code
 * HopLimitIT}.
 */
class KeptTtlTest {
  /** 255: a session of RFC 5082; 1 and 2: what would be the last hops of anybody else. */
  private static final int[] HOPS = {255, 64, 2, 1};

  private static Packet bgp(Packet packet, int hops) {
    return packet.ttl(hops).tcp(ACK | PSH).payload(19);
  }

  @TestFactory
  Stream<DynamicTest> towardsTheGuest() {
    List<List<DynamicTest>> rows = new ArrayList<>();
    for (int hops : HOPS) {
      rows.add(
          both(
              "RFC 5082 3",
              "pcap, old host: captured with " + hops + ", and so it goes on",
              ip ->
                  oldHost()
                      .pcap()
                      .keepsTtl()
                      .captures(bgp(ip.toGuest(), hops))
                      .by(GUEST_IS_THERE)
                      .tunnels(bgp(ip.toGuest(), hops))));
      rows.add(
          both(
              "RFC 5082 3",
              "pcap, new host: delivered with " + hops,
              ip ->
                  newHost()
                      .pcap()
                      .keepsTtl()
                      .receives(bgp(ip.toGuest(), hops))
                      .by(DELIVERED)
                      .delivers(bgp(ip.toGuest(), hops))));
      rows.add(
          both(
              "RFC 5082 5.2.1",
              "TUN, new host: given to the kernel with " + hops,
              ip ->
                  newHost()
                      .keepsTtl()
                      .receives(bgp(ip.toGuest(), hops))
                      .by(DELIVERED)
                      .delivers(bgp(ip.toGuest(), hops))));
    }
    return rows.stream().flatMap(List::stream);
  }

  @TestFactory
  Stream<DynamicTest> fromTheGuest() {
    List<List<DynamicTest>> rows = new ArrayList<>();
    for (int hops : HOPS) {
      rows.add(
          both(
              "RFC 5082 3",
              "pcap, new host: sent with " + hops + ", and so it goes back",
              ip ->
                  newHost()
                      .pcap()
                      .keepsTtl()
                      .captures(bgp(ip.fromGuest(), hops))
                      .by(ANSWER_GOES_BACK)
                      .tunnels(bgp(ip.fromGuest(), hops))));
      rows.add(
          both(
              "RFC 5082 3",
              "pcap, old host: leaves the site with " + hops,
              ip ->
                  oldHost()
                      .pcap()
                      .keepsTtl()
                      .receives(bgp(ip.fromGuest(), hops))
                      .by(GUEST_ANSWERS)
                      .delivers(bgp(ip.fromGuest(), hops))));
    }
    return rows.stream().flatMap(List::stream);
  }

  @TestFactory
  Stream<DynamicTest> theOuterHeaderHasItsOwn() {
    List<List<DynamicTest>> rows = new ArrayList<>();
    for (int hops : HOPS) {
      rows.add(
          both(
              "RFC 5082 5.2.1",
              "inside " + hops + ", outside the tunnel's own",
              ip ->
                  oldHost()
                      .over(ip)
                      .keepsTtl()
                      .captures(bgp(ip.toGuest(), hops))
                      .by(GUEST_IS_THERE)
                      .sends(ip.outgoing().around(bgp(ip.toGuest(), hops)))));
    }
    rows.add(
        both(
            "RFC 2003 3.1, RFC 2473 6.3",
            "which is configured: 255 here",
            ip ->
                oldHost()
                    .over(ip)
                    .hopLimit(255)
                    .captures(bgp(ip.toGuest(), 7))
                    .by(GUEST_IS_THERE)
                    .sends(ip.outgoing().ttl(255).around(bgp(ip.toGuest(), 7)))));
    rows.add(
        both(
            "RFC 5082 5.2.1",
            "what is left of it at the exit is not put inside",
            ip ->
                newHost()
                    .over(ip)
                    .keepsTtl()
                    .arrives(ip.incoming().ttl(9).around(bgp(ip.toGuest(), 255)))
                    .by(DELIVERED)
                    .delivers(bgp(ip.toGuest(), 255))));
    return rows.stream().flatMap(List::stream);
  }

  /** RFC 1122 section 3.2.1.7: nobody sends 0, and nobody who keeps a TTL makes 0 of it. */
  @TestFactory
  Stream<DynamicTest> noneLeft() {
    return table(
        both(
            "RFC 1122 3.2.1.7",
            "pcap, old host: captured with 0",
            ip ->
                oldHost()
                    .pcap()
                    .keepsTtl()
                    .captures(bgp(ip.toGuest(), 0))
                    .drops(DropReason.TTL_EXCEEDED)),
        both(
            "RFC 1122 3.2.1.7",
            "pcap, new host: the guest sends 0",
            ip ->
                newHost()
                    .pcap()
                    .keepsTtl()
                    .captures(bgp(ip.fromGuest(), 0))
                    .drops(DropReason.TTL_EXCEEDED)),
        both(
            "RFC 1122 3.2.1.7",
            "TUN, new host: 0 out of the tunnel",
            ip ->
                newHost().keepsTtl().receives(bgp(ip.toGuest(), 0)).drops(DropReason.TTL_EXCEEDED)),
        both(
            "RFC 1812 5.3.1",
            "without the option 1 goes no further there",
            ip -> newHost().receives(bgp(ip.toGuest(), 1)).drops(DropReason.TTL_EXCEEDED)),
        both(
            "RFC 1812 5.3.1",
            "without the option 2 does, for the kernel to take one",
            ip ->
                newHost()
                    .receives(bgp(ip.toGuest(), 2))
                    .by(DELIVERED)
                    .delivers(bgp(ip.toGuest(), 2))));
  }
}
