package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.edge.Frame.ADVERTISEMENT;
import static dev.holdfast.redirector.edge.Frame.ALL_NODES;
import static dev.holdfast.redirector.edge.Frame.BROADCAST;
import static dev.holdfast.redirector.edge.Frame.NOBODY;
import static dev.holdfast.redirector.edge.Frame.NO_V4;
import static dev.holdfast.redirector.edge.Frame.NO_V6;
import static dev.holdfast.redirector.edge.Frame.OVERRIDE;
import static dev.holdfast.redirector.edge.Frame.REPLY;
import static dev.holdfast.redirector.edge.Frame.REQUEST;
import static dev.holdfast.redirector.edge.Frame.ROUTER;
import static dev.holdfast.redirector.edge.Frame.SOLICITATION;
import static dev.holdfast.redirector.edge.Frame.SOLICITED;
import static dev.holdfast.redirector.edge.Frame.SOURCE_LINK_LAYER;
import static dev.holdfast.redirector.edge.Frame.TARGET_LINK_LAYER;
import static dev.holdfast.redirector.edge.Frame.TO_ALL_NODES;
import static dev.holdfast.redirector.edge.Frame.arp;
import static dev.holdfast.redirector.edge.Frame.discovery;
import static dev.holdfast.redirector.edge.Frame.solicitedNode;
import static dev.holdfast.redirector.edge.Frame.solicitedNodeMac;
import static dev.holdfast.redirector.edge.Host.GUEST_MAC;
import static dev.holdfast.redirector.edge.Host.OWN_MAC;
import static dev.holdfast.redirector.edge.NeighbourRow.NEW_V4;
import static dev.holdfast.redirector.edge.NeighbourRow.NEW_V6;
import static dev.holdfast.redirector.edge.NeighbourRow.STRANGER_MAC;
import static dev.holdfast.redirector.edge.NeighbourRow.STRANGER_V4;
import static dev.holdfast.redirector.edge.NeighbourRow.STRANGER_V6;
import static dev.holdfast.redirector.edge.NeighbourRow.newLan;
import static dev.holdfast.redirector.edge.NeighbourRow.oldLan;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * ARP (RFC 826, RFC 5227) and neighbour discovery (RFC 4861, RFC 4862) about an address that moves.
 */
class NeighboursTest {
  private static final IpAddress OLD4 = Ip.V4.old;
  private static final IpAddress OLD6 = Ip.V6.old;
  private static final String LOOKS = STRANGER_MAC + " looks whether it may use ";
  private static final String USES = STRANGER_MAC + " uses ";

  /** A question to everybody. */
  static Frame asks(MacAddress sha, IpAddress spa, IpAddress tpa) {
    return arp(REQUEST, BROADCAST, sha, spa, NOBODY, tpa);
  }

  /** A gratuitous ARP: a request with SPA = TPA. */
  static Frame announces(MacAddress sha, IpAddress address) {
    return arp(REQUEST, BROADCAST, sha, address, NOBODY, address);
  }

  /** A solicitation to the target's group. */
  static Frame solicits(MacAddress mac, IpAddress source, IpAddress target) {
    Packet packet = new Packet(source, solicitedNode(target)).ttl(255);
    boolean isProbe = source.equals(NO_V6);
    return discovery(
        SOLICITATION,
        solicitedNodeMac(target),
        mac,
        packet,
        target,
        0,
        isProbe ? 0 : SOURCE_LINK_LAYER,
        mac);
  }

  /** An answer to one host. */
  private static Frame answers(IpAddress target, MacAddress to, IpAddress destination, int flags) {
    Packet packet = new Packet(target, destination).ttl(255);
    return discovery(ADVERTISEMENT, to, OWN_MAC, packet, target, flags, TARGET_LINK_LAYER, OWN_MAC);
  }

  /** An advertisement to all nodes that nobody has asked for. */
  static Frame advertises(MacAddress mac, IpAddress target, int flags) {
    Packet packet = new Packet(target, TO_ALL_NODES).ttl(255);
    return discovery(ADVERTISEMENT, ALL_NODES, mac, packet, target, flags, TARGET_LINK_LAYER, mac);
  }

  @TestFactory
  Stream<DynamicTest> arpForTheOldAddress() {
    Frame question = asks(STRANGER_MAC, STRANGER_V4, OLD4);
    Frame answer = arp(REPLY, STRANGER_MAC, OWN_MAC, OLD4, STRANGER_MAC, STRANGER_V4);
    return table(
        row(
            "RFC 826",
            "a request for it is answered with this host's MAC",
            oldLan().hears(question).says(answer)),
        row(
            "RFC 1122 2.3.2.1",
            "so is one to this host alone: who polls its cache",
            oldLan()
                .hears(arp(REQUEST, OWN_MAC, STRANGER_MAC, STRANGER_V4, NOBODY, OLD4))
                .says(answer)),
        row(
            "RFC 826",
            "the target's hardware address in a request means nothing",
            oldLan()
                .hears(arp(REQUEST, BROADCAST, STRANGER_MAC, STRANGER_V4, BROADCAST, OLD4))
                .says(answer)),
        row(
            "RFC 826",
            "Ethernet's padding behind it means nothing",
            oldLan().hears(question.resized(60)).says(answer)),
        row(
            "RFC 826",
            "a request for another address is somebody else's",
            oldLan().hears(asks(STRANGER_MAC, STRANGER_V4, Ip.V4.lan))),
        row(
            "RFC 826",
            "a reply is no question",
            oldLan().hears(arp(REPLY, OWN_MAC, STRANGER_MAC, STRANGER_V4, OWN_MAC, OLD4))),
        row("RFC 826", "hardware of another kind", oldLan().hears(question.set(15, 6))),
        row("RFC 826", "a hardware address of 8 octets", oldLan().hears(question.set(18, 8))),
        row("RFC 826", "cut short", oldLan().hears(question.resized(41))),
        row(
            "RFC 1812 3.3.2",
            "a group as the sender's hardware address",
            oldLan().hears(asks(MacAddress.parse("01:00:5e:00:00:01"), STRANGER_V4, OLD4))));
  }

  @TestFactory
  Stream<DynamicTest> defenceOfTheOldAddress() {
    Frame claim = announces(STRANGER_MAC, OLD4);
    Frame defence = announces(OWN_MAC, OLD4);
    return table(
        row(
            "RFC 5227 2.1.1",
            "a probe is answered, so that its sender leaves the address alone",
            oldLan()
                .hears(asks(STRANGER_MAC, NO_V4, OLD4))
                .says(arp(REPLY, STRANGER_MAC, OWN_MAC, OLD4, STRANGER_MAC, NO_V4))
                .reports(LOOKS + OLD4)),
        row(
            "RFC 5227 2.4",
            "an announcement by somebody else is met with our own",
            oldLan().hears(claim).says(defence).reports(USES + OLD4)),
        row(
            "RFC 5227 2.4",
            "and so is one in the form of a reply",
            oldLan()
                .hears(arp(REPLY, BROADCAST, STRANGER_MAC, OLD4, BROADCAST, OLD4))
                .says(defence)
                .reports(USES + OLD4)),
        row(
            "RFC 5227 2.4",
            "a question in the address's name is a claim as well",
            oldLan()
                .hears(asks(STRANGER_MAC, OLD4, Ip.V4.router))
                .says(defence)
                .reports(USES + OLD4)),
        row(
            "RFC 5227 2.4",
            "a second claim within ten seconds is not met: no storm",
            oldLan().after(claim).later(9).hears(claim).reports(USES + OLD4)),
        row(
            "RFC 5227 2.4",
            "one after ten seconds is",
            oldLan().after(claim).later(10).hears(claim).says(defence).reports(USES + OLD4)),
        row(
            "RFC 5227 2.1.1",
            "the guest's own probe is not answered: it may come back",
            oldLan().hears(asks(GUEST_MAC, NO_V4, OLD4))),
        row(
            "RFC 5227 2.3",
            "the guest's own announcement is no conflict",
            oldLan().hears(announces(GUEST_MAC, OLD4))),
        row(
            "RFC 5227 2.4",
            "claims to other addresses are not ours to meet",
            oldLan().hears(announces(STRANGER_MAC, STRANGER_V4))));
  }

  @TestFactory
  Stream<DynamicTest> solicitationsForTheOldAddress() {
    Frame question = solicits(STRANGER_MAC, STRANGER_V6, OLD6);
    Frame answer = answers(OLD6, STRANGER_MAC, STRANGER_V6, SOLICITED | OVERRIDE);
    Packet alone = new Packet(STRANGER_V6, OLD6).ttl(255);
    return table(
        row(
            "RFC 4861 7.2.4",
            "answered with this host's MAC, Solicited and Override set",
            oldLan().hears(question).says(answer)),
        row(
            "RFC 4861 7.3.3",
            "so is one to the address itself: who checks that it is reachable",
            oldLan()
                .hears(
                    discovery(
                        SOLICITATION,
                        OWN_MAC,
                        STRANGER_MAC,
                        alone,
                        OLD6,
                        0,
                        SOURCE_LINK_LAYER,
                        STRANGER_MAC))
                .says(answer)),
        row(
            "RFC 4861 7.2.4",
            "without a source link-layer address: to the frame's source",
            oldLan()
                .hears(discovery(SOLICITATION, OWN_MAC, STRANGER_MAC, alone, OLD6, 0, 0, null))
                .says(answer)),
        row(
            "RFC 4861 7.2.4",
            "the answer goes to the link-layer address that is given",
            oldLan()
                .hears(
                    discovery(
                        SOLICITATION,
                        OWN_MAC,
                        STRANGER_MAC,
                        alone,
                        OLD6,
                        0,
                        SOURCE_LINK_LAYER,
                        Host.ROUTER_MAC))
                .says(answers(OLD6, Host.ROUTER_MAC, STRANGER_V6, SOLICITED | OVERRIDE))),
        row(
            "RFC 4861 7.2.4",
            "for another address: somebody else's",
            oldLan().hears(solicits(STRANGER_MAC, STRANGER_V6, Ip.V6.lan))),
        row(
            "RFC 4862 5.4.3",
            "duplicate address detection by somebody else: to all nodes",
            oldLan()
                .hears(solicits(STRANGER_MAC, NO_V6, OLD6))
                .says(advertises(OWN_MAC, OLD6, OVERRIDE))
                .reports(LOOKS + OLD6)),
        row(
            "RFC 4862 5.4.3",
            "duplicate address detection by the guest: it may come back",
            oldLan().hears(solicits(GUEST_MAC, NO_V6, OLD6))),
        row(
            "RFC 4861 7.2.6",
            "an advertisement by somebody else is met with our own",
            oldLan()
                .hears(advertises(STRANGER_MAC, OLD6, OVERRIDE))
                .says(advertises(OWN_MAC, OLD6, OVERRIDE))
                .reports(USES + OLD6)),
        row(
            "RFC 4861 7.2.6",
            "the guest's own is no conflict",
            oldLan().hears(advertises(GUEST_MAC, OLD6, OVERRIDE))));
  }

  @TestFactory
  Stream<DynamicTest> solicitationsThatMustBeDiscarded() {
    Packet packet = new Packet(STRANGER_V6, solicitedNode(OLD6)).ttl(255);
    Frame question = solicits(STRANGER_MAC, STRANGER_V6, OLD6);
    IpAddress group = IpAddress.parse("ff02::1:ff00:10");
    return table(
        row(
            "RFC 4861 7.1.1",
            "a hop limit of 254: it has come by a router",
            oldLan().hears(solicitation(packet.ttl(254), OLD6, SOURCE_LINK_LAYER))),
        row("RFC 4861 7.1.1", "a wrong checksum", oldLan().hears(question.set(14 + 40 + 2, 0x12))),
        row(
            "RFC 4861 7.1.1",
            "a code other than 0",
            oldLan()
                .hears(
                    Frame.ethernet(
                        solicitedNodeMac(OLD6),
                        STRANGER_MAC,
                        packet.icmp(SOLICITATION, 1, 0).payload(OLD6.toBytes())))),
        row(
            "RFC 4861 7.1.1",
            "shorter than 24 octets",
            oldLan()
                .hears(
                    Frame.ethernet(
                        solicitedNodeMac(OLD6),
                        STRANGER_MAC,
                        packet.icmp(SOLICITATION, 0, 0).payload(15)))),
        row(
            "RFC 4861 7.1.1",
            "a target that is a group",
            oldLan().hears(solicitation(packet, group, SOURCE_LINK_LAYER))),
        row(
            "RFC 4861 4.6",
            "an option of length 0",
            oldLan()
                .hears(
                    Frame.ethernet(
                        solicitedNodeMac(OLD6),
                        STRANGER_MAC,
                        packet.icmp(SOLICITATION, 0, 0).payload(withEmptyOption())))),
        row(
            "RFC 4861 7.1.1",
            "from nobody, and with a link-layer address",
            oldLan().hears(solicitation(packet.from(NO_V6), OLD6, SOURCE_LINK_LAYER))),
        row(
            "RFC 4861 7.1.1",
            "from nobody, and not to the target's group",
            oldLan().hears(solicitation(packet.from(NO_V6).to(OLD6), OLD6, 0))),
        row(
            "RFC 4861 7.1.2",
            "an advertisement to a group that says it was asked for",
            oldLan().hears(advertises(STRANGER_MAC, OLD6, OVERRIDE | SOLICITED))),
        row(
            "RFC 6980 5",
            "in fragments",
            oldLan().hears(solicitation(packet.id(4).fragment(0, false), OLD6, 0))));
  }

  private static Frame solicitation(Packet packet, IpAddress target, int option) {
    return discovery(
        SOLICITATION,
        solicitedNodeMac(OLD6),
        STRANGER_MAC,
        packet,
        target,
        0,
        option,
        STRANGER_MAC);
  }

  private static byte[] withEmptyOption() {
    byte[] body = java.util.Arrays.copyOf(OLD6.toBytes(), 24);
    body[16] = SOURCE_LINK_LAYER; // its length stays 0
    return body;
  }

  /** The guest has its old addresses still, and asks for neighbours that are far away now. */
  @TestFactory
  Stream<DynamicTest> theGuestInItsNewLan() {
    IpAddress there = IpAddress.parse("10.2.0.9");
    IpAddress there6 = IpAddress.parse("2001:db8:2::9");
    return table(
        row(
            "RFC 1027 2",
            "for its old gateway: this host's MAC, and it sends its packets here",
            newLan()
                .hears(asks(GUEST_MAC, OLD4, Ip.V4.router))
                .says(arp(REPLY, GUEST_MAC, OWN_MAC, Ip.V4.router, GUEST_MAC, OLD4))),
        row(
            "RFC 4389 4.1.3.1",
            "for its old IPv6 gateway: the same, and it stays a router",
            newLan()
                .hears(solicits(GUEST_MAC, OLD6, Ip.V6.router))
                .says(answers(Ip.V6.router, GUEST_MAC, OLD6, ROUTER | SOLICITED | OVERRIDE))),
        row(
            "RFC 5227 2.1.1",
            "for its old address: it looks whether somebody else has it",
            newLan().hears(asks(GUEST_MAC, NO_V4, OLD4))),
        row(
            "RFC 4862 5.4.3",
            "for its old IPv6 address: likewise",
            newLan().hears(solicits(GUEST_MAC, NO_V6, OLD6))),
        row(
            "RFC 5227 2.1.1",
            "for its new address: likewise",
            newLan().hears(asks(GUEST_MAC, NO_V4, NEW_V4))),
        row(
            "RFC 4862 5.4.3",
            "for its new IPv6 address: likewise",
            newLan().hears(solicits(GUEST_MAC, NO_V6, NEW_V6))),
        row(
            "RFC 826",
            "as its new address, for a neighbour there: that one answers",
            newLan().hears(asks(GUEST_MAC, NEW_V4, there))),
        row(
            "RFC 826",
            "as its old address, for a neighbour there: asked again as its new one",
            newLan()
                .hears(asks(GUEST_MAC, OLD4, there))
                .says(fromThisHost(asks(GUEST_MAC, NEW_V4, there)))),
        row(
            "RFC 4861 7.2.3",
            "as its old IPv6 address, for a neighbour there: likewise",
            newLan()
                .hears(solicits(GUEST_MAC, OLD6, there6))
                .says(fromThisHost(solicits(GUEST_MAC, NEW_V6, there6)))),
        row(
            "RFC 1027 2",
            "another machine that asks for the guest's old gateway: nothing",
            newLan().hears(asks(STRANGER_MAC, OLD4, Ip.V4.router))),
        row(
            "RFC 826",
            "other machines that ask for the guest's old address: nothing",
            newLan().hears(asks(STRANGER_MAC, STRANGER_V4, OLD4))));
  }

  /** A switch must not look for the guest on this host's side. */
  private static Frame fromThisHost(Frame question) {
    Frame frame = question;
    byte[] mac = OWN_MAC.toBytes();
    for (int i = 0; i < mac.length; i++) {
      frame = frame.set(6 + i, mac[i]);
    }
    return frame;
  }
}
