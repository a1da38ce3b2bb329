package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.edge.AnnouncementRow.begins;
import static dev.holdfast.redirector.edge.Frame.OVERRIDE;
import static dev.holdfast.redirector.edge.Frame.REPLY;
import static dev.holdfast.redirector.edge.Frame.arp;
import static dev.holdfast.redirector.edge.Host.GUEST_MAC;
import static dev.holdfast.redirector.edge.Host.OWN_MAC;
import static dev.holdfast.redirector.edge.NeighbourRow.NEW_V6;
import static dev.holdfast.redirector.edge.NeighbourRow.STRANGER_MAC;
import static dev.holdfast.redirector.edge.NeighbourRow.newLan;
import static dev.holdfast.redirector.edge.NeighbourRow.oldLan;
import static dev.holdfast.redirector.edge.NeighboursTest.advertises;
import static dev.holdfast.redirector.edge.NeighboursTest.announces;
import static dev.holdfast.redirector.edge.NeighboursTest.asks;
import static dev.holdfast.redirector.edge.NeighboursTest.solicits;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** When it is said where an address is, and what is said to who wants it for himself. */
class AnnouncementTest {
  private static final IpAddress OLD4 = Ip.V4.old;
  private static final IpAddress OLD6 = Ip.V6.old;
  private static final MacAddress SECOND_MAC = MacAddress.parse("02:00:00:00:00:98");
  private static final String LOOKS = " looks whether it may use ";
  private static final String USES = " uses ";

  private static Frame arpOf(MacAddress mac) {
    return announces(mac, OLD4);
  }

  private static Frame ndOf(MacAddress mac) {
    return advertises(mac, OLD6, OVERRIDE);
  }

  @TestFactory
  Stream<DynamicTest> scheduleOfArp() {
    return table(
        row(
            "RFC 5227 2.3",
            "ANNOUNCE_NUM 2, ANNOUNCE_INTERVAL 2 s: at once, and once more",
            begins(0, OWN_MAC, OLD4).says(arpOf(OWN_MAC), 0, 2)),
        row(
            "RFC 5227 2.3",
            "a busy host: the second is late, not both at once",
            begins(0, OWN_MAC, OLD4).sleeps(1, 5).says(arpOf(OWN_MAC), 0, 5)),
        row(
            "RFC 5227 2.3",
            "a late first: the interval is kept from there on",
            begins(0, OWN_MAC, OLD4).sleeps(0, 3).says(arpOf(OWN_MAC), 3, 5)),
        row(
            "RFC 5227 2.3",
            "given back before the second: the guest's MAC from then on",
            begins(0, OWN_MAC, OLD4)
                .begin(1, GUEST_MAC, OLD4)
                .says(arpOf(OWN_MAC), 0)
                .says(arpOf(GUEST_MAC), 1, 3)),
        row(
            "RFC 5227 2.3",
            "yielded: nothing more is said before the guest speaks",
            begins(0, OWN_MAC, OLD4).ends(1.9, OLD4).says(arpOf(OWN_MAC), 0)),
        row(
            "RFC 5227 2.3",
            "two addresses, each by itself",
            begins(0, OWN_MAC, OLD4)
                .begin(0.5, GUEST_MAC, Ip.V4.lan)
                .says(arpOf(OWN_MAC), 0, 2)
                .says(announces(GUEST_MAC, Ip.V4.lan), 0.5, 2.5)),
        row(
            "RFC 5227 2.3",
            "another LAN does not hear of it",
            begins(0, OWN_MAC, OLD4)
                .beginElsewhere(0, GUEST_MAC, Ip.V4.lan)
                .says(arpOf(OWN_MAC), 0, 2)));
  }

  @TestFactory
  Stream<DynamicTest> scheduleOfNeighbourDiscovery() {
    return table(
        row(
            "RFC 4861 7.2.6",
            "MAX_NEIGHBOR_ADVERTISEMENT 3, RetransTimer 1 s",
            begins(0, OWN_MAC, OLD6).says(ndOf(OWN_MAC), 0, 1, 2)),
        row(
            "RFC 4861 7.2.6",
            "a busy host: never two within a second",
            begins(0, OWN_MAC, OLD6).sleeps(0.5, 4.2).says(ndOf(OWN_MAC), 0, 4.2, 5.2)),
        row(
            "RFC 4861 7.2.6",
            "given back within the series: the guest's link-layer address",
            begins(0, OWN_MAC, OLD6)
                .begin(1.5, GUEST_MAC, OLD6)
                .says(ndOf(OWN_MAC), 0, 1)
                .says(ndOf(GUEST_MAC), 1.5, 2.5, 3.5)),
        row(
            "RFC 4861 7.2.6",
            "yielded: nothing more is said",
            begins(0, OWN_MAC, OLD6).ends(0.9, OLD6).says(ndOf(OWN_MAC), 0)),
        row(
            "RFC 5227 2.3, RFC 4861 7.2.6",
            "both families at once, each as often as its RFC has it",
            begins(0, OWN_MAC, OLD4, OLD6).says(arpOf(OWN_MAC), 0, 2).says(ndOf(OWN_MAC), 0, 1, 2)),
        row(
            "RFC 4861 7.2.6",
            "one of two ends: the other goes on",
            begins(0, OWN_MAC, OLD4, OLD6)
                .ends(0.5, OLD4)
                .says(arpOf(OWN_MAC), 0)
                .says(ndOf(OWN_MAC), 0, 1, 2)));
  }

  @TestFactory
  Stream<DynamicTest> defence() {
    return table(
        row(
            "RFC 5227 2.4",
            "of two addresses: each has ten seconds of its own",
            oldLan()
                .after(announces(STRANGER_MAC, OLD4))
                .hears(advertises(STRANGER_MAC, OLD6, OVERRIDE))
                .says(ndOf(OWN_MAC))
                .reports(STRANGER_MAC + USES + OLD4)),
        row(
            "RFC 5227 2.4",
            "against two machines: one defence for both, each is told of",
            oldLan()
                .after(announces(STRANGER_MAC, OLD4))
                .hears(announces(SECOND_MAC, OLD4))
                .reports(STRANGER_MAC + USES + OLD4, SECOND_MAC + USES + OLD4)),
        row(
            "RFC 5227 2.4",
            "nine seconds later: not yet",
            oldLan()
                .after(announces(STRANGER_MAC, OLD4))
                .later(9)
                .hears(announces(STRANGER_MAC, OLD4))
                .reports(STRANGER_MAC + USES + OLD4)),
        row(
            "RFC 5227 2.4",
            "a claim in a reply to somebody else",
            oldLan()
                .hears(arp(REPLY, Host.ROUTER_MAC, STRANGER_MAC, OLD4, Host.ROUTER_MAC, Ip.V4.lan))
                .says(announces(OWN_MAC, OLD4))
                .reports(STRANGER_MAC + USES + OLD4)),
        row(
            "RFC 5227 2.4",
            "this host's own announcement, come back by a loop: no conflict",
            oldLan().hears(announces(OWN_MAC, OLD4))),
        row(
            "RFC 4861 7.2.6",
            "an IPv6 claim within ten seconds of the last: no storm",
            oldLan()
                .after(advertises(STRANGER_MAC, OLD6, OVERRIDE))
                .later(9)
                .hears(advertises(STRANGER_MAC, OLD6, OVERRIDE))
                .reports(STRANGER_MAC + USES + OLD6)),
        row(
            "RFC 4861 7.2.6",
            "and after ten",
            oldLan()
                .after(advertises(STRANGER_MAC, OLD6, OVERRIDE))
                .later(10)
                .hears(advertises(STRANGER_MAC, OLD6, OVERRIDE))
                .says(ndOf(OWN_MAC))
                .reports(STRANGER_MAC + USES + OLD6)),
        row(
            "RFC 5227 2.4",
            "in the LAN that the guest has come to nothing is defended",
            newLan().hears(announces(STRANGER_MAC, OLD4))));
  }

  @TestFactory
  Stream<DynamicTest> duplicateAddressDetection() {
    Frame probe6 = solicits(STRANGER_MAC, Frame.NO_V6, OLD6);
    Frame probe4 = asks(STRANGER_MAC, Frame.NO_V4, OLD4);
    return table(
        row(
            "RFC 4862 5.4.3",
            "a solicitation from the unspecified address: to all nodes, Override",
            oldLan().hears(probe6).says(ndOf(OWN_MAC)).reports(STRANGER_MAC + LOOKS + OLD6)),
        row(
            "RFC 4862 5.4.3",
            "repeated: answered each time, told of once",
            oldLan()
                .after(probe6)
                .hears(probe6)
                .says(ndOf(OWN_MAC))
                .reports(STRANGER_MAC + LOOKS + OLD6)),
        row(
            "RFC 4862 5.4.3",
            "for another address: its owner answers",
            oldLan().hears(solicits(STRANGER_MAC, Frame.NO_V6, Ip.V6.lan))),
        row(
            "RFC 4862 5.4.3",
            "by the guest, which has come back",
            oldLan().hears(solicits(GUEST_MAC, Frame.NO_V6, OLD6))),
        row(
            "RFC 4862 5.4.3",
            "by the guest at its new place: nobody has it there",
            newLan().hears(solicits(GUEST_MAC, Frame.NO_V6, NEW_V6))),
        row(
            "RFC 5227 2.1.1",
            "ARP, the second and third of PROBE_NUM: answered each time, told of once",
            oldLan()
                .after(probe4, probe4)
                .hears(probe4)
                .says(arp(REPLY, STRANGER_MAC, OWN_MAC, OLD4, STRANGER_MAC, Frame.NO_V4))
                .reports(STRANGER_MAC + LOOKS + OLD4)),
        row(
            "RFC 5227 2.1.1",
            "ARP, for another address: its owner answers",
            oldLan().hears(asks(STRANGER_MAC, Frame.NO_V4, Ip.V4.lan))));
  }
}
