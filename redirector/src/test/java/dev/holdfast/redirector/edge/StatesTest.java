package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.DELIVERED;
import static dev.holdfast.redirector.decide.Rule.GROUP_ADDRESS;
import static dev.holdfast.redirector.decide.Rule.GUEST_ANSWERS;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_HERE;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_PAUSED;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.decide.Rule.HOLD_DROPS;
import static dev.holdfast.redirector.decide.Rule.NOT_ARMED;
import static dev.holdfast.redirector.decide.Rule.NOT_HELD;
import static dev.holdfast.redirector.decide.Rule.NOT_RELEASED;
import static dev.holdfast.redirector.decide.Rule.NO_TUNNEL_YET;
import static dev.holdfast.redirector.decide.Rule.TO_ITSELF;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.PSH;
import static dev.holdfast.redirector.edge.Packet.RST;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropReason;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Who gets a packet while an address moves, which is what a proxy (RFC 4861 section 7.2.8) or a
 * home agent (RFC 5944 section 4.2.3) decides; and the loop guard of RFC 2003 section 3.2.
 */
class StatesTest {

  private static Packet data(Ip ip) {
    return ip.toGuest().tcp(ACK | PSH).payload(64);
  }

  private static Packet answer(Ip ip) {
    return ip.fromGuest().tcp(ACK | PSH).payload(32);
  }

  @TestFactory
  Stream<DynamicTest> forTheGuestAtTheOldHost() {
    return table(
        both(
            "RFC 5944 4.2.3",
            "armed: the guest is here, and its kernel delivers",
            ip ->
                oldHost(MigrationState.ARMED)
                    .captures(data(ip))
                    .by(GUEST_IS_HERE)
                    .delivers(data(ip))),
        both(
            "RFC 5944 4.2.3",
            "holding: kept, and a copy goes ahead",
            ip ->
                oldHost(MigrationState.HOLDING)
                    .captures(data(ip))
                    .by(GUEST_IS_PAUSED)
                    .stages(data(ip))),
        both(
            "RFC 5944 4.2.3",
            "redirecting: tunnelled",
            ip ->
                oldHost(MigrationState.REDIRECTING)
                    .captures(data(ip))
                    .by(GUEST_IS_THERE)
                    .tunnels(data(ip))),
        both(
            "RFC 5944 4.2.3",
            "rolled back: the guest is here again",
            ip ->
                oldHost(MigrationState.ROLLED_BACK)
                    .captures(data(ip))
                    .by(GUEST_IS_HERE)
                    .delivers(data(ip))),
        both(
            "RFC 5944 4.2.3",
            "planned: nothing is set up yet",
            ip -> oldHost(MigrationState.PLANNED).captures(data(ip)).by(NOT_ARMED)),
        both(
            "RFC 5944 4.2.3",
            "done: nothing is left",
            ip -> oldHost(MigrationState.DONE).captures(data(ip)).by(NOT_ARMED)),
        both(
            "RFC 5944 4.2.3",
            "holding with hold.policy drop: the sender repeats it",
            ip ->
                oldHost(MigrationState.HOLDING)
                    .holdPolicy(HoldPolicy.DROP)
                    .captures(data(ip))
                    .by(HOLD_DROPS)));
  }

  @TestFactory
  Stream<DynamicTest> fromTheGuestAtTheOldHost() {
    return table(
        both(
            "RFC 3024 1",
            "redirecting: its answers leave where its address belongs",
            ip -> oldHost().receives(answer(ip)).by(GUEST_ANSWERS).delivers(answer(ip))),
        both(
            "RFC 3024 1",
            "holding: an answer that was on its way",
            ip ->
                oldHost(MigrationState.HOLDING)
                    .receives(answer(ip))
                    .by(GUEST_ANSWERS)
                    .delivers(answer(ip))),
        both(
            "RFC 3024 1",
            "armed: the guest has not left this host",
            ip -> oldHost(MigrationState.ARMED).receives(answer(ip)).by(NO_TUNNEL_YET)),
        both(
            "RFC 3024 1",
            "rolled back: the guest is back",
            ip -> oldHost(MigrationState.ROLLED_BACK).receives(answer(ip)).by(NO_TUNNEL_YET)),
        both(
            "RFC 3024 1",
            "a reset by the guest is its own word",
            ip ->
                oldHost()
                    .receives(ip.fromGuest().tcp(RST))
                    .by(GUEST_ANSWERS)
                    .delivers(ip.fromGuest().tcp(RST))));
  }

  @TestFactory
  Stream<DynamicTest> atTheNewHost() {
    return table(
        both(
            "RFC 5944 4.2.2",
            "redirecting: delivered",
            ip -> newHost().receives(data(ip)).by(DELIVERED).delivers(data(ip))),
        both(
            "RFC 5944 4.2.2",
            "holding: a live packet has no business here yet",
            ip -> newHost(MigrationState.HOLDING).receives(data(ip)).by(NOT_RELEASED)),
        both(
            "RFC 5944 4.2.2",
            "holding: what is staged waits",
            ip -> newHost(MigrationState.HOLDING).isStaged(data(ip))),
        both(
            "RFC 5944 4.2.2",
            "released: what is staged late is delivered at once",
            ip -> newHost().isStaged(data(ip)).delivers(data(ip))),
        both(
            "RFC 3024 1",
            "redirecting: from the old address, so back by the tunnel",
            ip -> newHost().captures(answer(ip)).by(ANSWER_GOES_BACK).tunnels(answer(ip))),
        both(
            "RFC 3024 1",
            "armed: the guest still runs at the old host",
            ip -> newHost(MigrationState.ARMED).captures(answer(ip)).by(NOT_HELD)),
        both(
            "RFC 3024 1",
            "done: nothing goes back any more",
            ip -> newHost(MigrationState.DONE).captures(answer(ip)).by(NOT_HELD)));
  }

  @TestFactory
  Stream<DynamicTest> noLoop() {
    return table(
        both(
            "RFC 2003 3.2",
            "old host: from the guest's own address, which lives at the exit",
            ip -> oldHost().captures(data(ip).from(ip.old)).by(TO_ITSELF)),
        both(
            "RFC 2003 3.2",
            "old host, held: the same",
            ip -> oldHost(MigrationState.HOLDING).captures(data(ip).from(ip.old)).by(TO_ITSELF)),
        both(
            "RFC 2003 3.2",
            "old host, out of the tunnel: for the address that it is from",
            ip -> oldHost().receives(answer(ip).to(ip.old)).by(TO_ITSELF)),
        both(
            "RFC 2003 3.2",
            "new host, captured: the same",
            ip -> newHost().captures(answer(ip).to(ip.old)).by(TO_ITSELF)),
        both(
            "RFC 2003 3.2",
            "new host, out of the tunnel: the same",
            ip -> newHost().receives(data(ip).from(ip.old)).by(TO_ITSELF)));
  }

  @TestFactory
  Stream<DynamicTest> groupsStayInTheirLan() {
    return table(
        both(
            "RFC 1112 4",
            "new host: the guest sends to all nodes of its link",
            ip ->
                newHost()
                    .captures(answer(ip).to(ip == Ip.V4 ? "224.0.0.1" : "ff02::1"))
                    .by(GROUP_ADDRESS)),
        both(
            "RFC 1112 4",
            "new host: to a group beyond the link",
            ip ->
                newHost()
                    .captures(answer(ip).to(ip == Ip.V4 ? "239.1.2.3" : "ff0e::1234"))
                    .by(GROUP_ADDRESS)),
        Row.row(
            "RFC 919 7",
            "new host: limited broadcast",
            newHost()
                .captures(Ip.V4.fromGuest().to("255.255.255.255").udp(68, 67))
                .by(GROUP_ADDRESS)),
        both(
            "RFC 1112 4",
            "old host: a group is no address that moves",
            ip ->
                oldHost()
                    .captures(data(ip).to(ip == Ip.V4 ? "224.0.0.251" : "ff02::fb"))
                    .drops(DropReason.MULTICAST)),
        both(
            "RFC 1112 4",
            "old host, out of the tunnel: the old site's groups are not the guest's",
            ip ->
                oldHost()
                    .receives(answer(ip).to(ip == Ip.V4 ? "224.0.0.251" : "ff02::fb"))
                    .by(GROUP_ADDRESS)),
        both(
            "RFC 5944 4.4",
            "pcap, new host: a group's frame is not tunnelled either",
            ip ->
                newHost()
                    .pcap()
                    .captures(answer(ip).to(ip == Ip.V4 ? "224.0.0.251" : "ff0e::fb"))
                    .by(GROUP_ADDRESS)));
  }

  @TestFactory
  Stream<DynamicTest> whatTheTunnelDoesNotTake() {
    return table(
        both(
            "RFC 1812 5.3.6",
            "its queue is full: the newest is dropped",
            ip ->
                oldHost()
                    .linkSays(Link.Sent.FULL)
                    .captures(data(ip))
                    .by(GUEST_IS_THERE)
                    .drops(DropReason.LINK_FULL)),
        both(
            "RFC 1812 5.3.6",
            "the same for the guest's answers",
            ip ->
                newHost()
                    .linkSays(Link.Sent.FULL)
                    .captures(answer(ip))
                    .by(ANSWER_GOES_BACK)
                    .drops(DropReason.LINK_FULL)),
        both(
            "RFC 1812 5.3.6",
            "it is down: what is for the guest is held again",
            ip -> oldHost().linkDown().captures(data(ip)).by(GUEST_IS_THERE)),
        both(
            "RFC 1812 5.3.6",
            "it is down: the guest's answers cannot wait",
            ip ->
                newHost()
                    .linkDown()
                    .captures(answer(ip))
                    .by(ANSWER_GOES_BACK)
                    .drops(DropReason.LINK_DOWN)),
        both(
            "RFC 1812 5.2.1",
            "for neither of the two: it should not have come here",
            ip -> oldHost().captures(data(ip).to(ip.lan)).drops(DropReason.NO_MIGRATION)));
  }
}
