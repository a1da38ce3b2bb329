package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_DIRECT;
import static dev.holdfast.redirector.decide.Rule.NOT_HELD;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Packet.FIN;
import static dev.holdfast.redirector.edge.Packet.PSH;
import static dev.holdfast.redirector.edge.Packet.RST;
import static dev.holdfast.redirector.edge.Packet.SYN;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.row;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;

import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.path.SpoofProbe;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The return path {@code direct}: which of the guest's answers leave at the new site, once a spoof
 * probe has shown that they may. One that leaves is given back to this host's kernel as it came,
 * with the hop that the kernel takes twice given back once.
 */
class ReturnPathTest {
  private static final byte[] TOKEN = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

  private static Packet answer(Ip ip) {
    return ip.fromGuest().tcp(ACK | PSH).payload(300);
  }

  /** A connection on which both have spoken since the guest is here. */
  private static Scene open(Ip ip) {
    return newHost().direct().after(ip.toGuest().tcp(ACK).payload(9), ip.fromGuest().tcp(ACK));
  }

  private static PacketRow leaves(Scene scene, Packet packet) {
    return scene.captures(packet).by(ANSWER_GOES_DIRECT).delivers(packet.ttl(65));
  }

  private static PacketRow goesBack(Scene scene, Packet packet) {
    return scene.captures(packet).by(ANSWER_GOES_BACK).tunnels(packet);
  }

  @TestFactory
  Stream<DynamicTest> nothingLeavesUnproven() {
    return table(
        both(
            "RFC 2827 3",
            "no probe has arrived: what leaves here would be lost at this site's filter",
            ip ->
                goesBack(
                    newHost().after(ip.toGuest().tcp(ACK).payload(9), ip.fromGuest().tcp(ACK)),
                    answer(ip))),
        both(
            "RFC 2827 3",
            "a probe has arrived: an answer of an open connection leaves",
            ip -> leaves(open(ip), answer(ip))),
        both(
            "RFC 2827 3",
            "proven, but armed: the guest speaks at the old site, and this is not it",
            ip -> Scene.newHost(MigrationState.ARMED).direct().captures(answer(ip)).by(NOT_HELD)),
        both(
            "RFC 2827 3",
            "proven, but before release: by the tunnel",
            ip -> goesBack(Scene.newHost(MigrationState.HOLDING).direct(), answer(ip))),
        both(
            "RFC 1812 5.3.1",
            "this host costs one hop, and keeps the last one where TTLs are kept",
            ip ->
                open(ip)
                    .keepsTtl()
                    .captures(answer(ip).ttl(1))
                    .by(ANSWER_GOES_DIRECT)
                    .delivers(answer(ip).ttl(1))));
  }

  @TestFactory
  Stream<DynamicTest> whatTheOldHostMustKnowTakesTheTunnel() {
    return table(
        both(
            "RFC 9293 3.5",
            "SYN and ACK: how a connection begins",
            ip -> goesBack(open(ip), ip.fromGuest().tcp(SYN | ACK))),
        both(
            "RFC 9293 3.6",
            "FIN: how it ends",
            ip -> goesBack(open(ip), ip.fromGuest().tcp(FIN | ACK))),
        both(
            "RFC 9293 3.6",
            "what acknowledges the peer's FIN",
            ip ->
                goesBack(
                    newHost()
                        .direct()
                        .after(
                            ip.toGuest().tcp(ACK).payload(9),
                            ip.fromGuest().tcp(ACK),
                            ip.toGuest().tcp(FIN | ACK)),
                    ip.fromGuest().tcp(ACK))),
        both("RFC 9293 3.10.7", "RST", ip -> goesBack(open(ip), ip.fromGuest().tcp(RST | ACK))),
        both(
            "RFC 9293 3.4",
            "the guest's first packet here: that the connection lives on",
            ip -> goesBack(newHost().direct().after(ip.toGuest().tcp(ACK).payload(9)), answer(ip))),
        both(
            "RFC 9293 3.4",
            "the one that passes a multiple of 2^28 bytes",
            ip ->
                goesBack(
                    open(ip),
                    ip.fromGuest().tcp(ACK, (1L << 28) - 100, 1_009, 8_192).payload(300))));
  }

  @TestFactory
  Stream<DynamicTest> whatHasNoEndTakesTheTunnel() {
    return table(
        both("RFC 768", "UDP", ip -> goesBack(open(ip), ip.fromGuest().udp().payload(80))),
        both(
            "RFC 792, RFC 4443 4.2",
            "an echo reply",
            ip -> goesBack(open(ip), ip.fromGuest().echoReply(7, 1))),
        both(
            "RFC 4303 2",
            "ESP",
            ip -> goesBack(open(ip), ip.fromGuest().protocol(Packet.ESP).payload(80))),
        both(
            "RFC 791 3.2, RFC 8200 4.5",
            "a first fragment of TCP",
            ip -> goesBack(open(ip), ip.fromGuest().id(5).fragment(0, true).tcp(ACK).payload(100))),
        both(
            "RFC 791 3.2, RFC 8200 4.5",
            "a later one, which names no connection",
            ip ->
                goesBack(
                    open(ip), ip.fromGuest().id(5).fragment(120, false).protocol(6).payload(64))));
  }

  /** To a peer other than the usual one. */
  private static PacketRow toPeer(Ip ip, String peer, boolean isLeft) {
    IpAddress other = IpAddress.parse(peer);
    Packet asked = ip.toGuest().from(other).tcp(ACK).payload(9);
    Scene scene = newHost().direct().after(asked, ip.fromGuest().to(other).tcp(ACK));
    Packet answered = answer(ip).to(other);
    return isLeft ? leaves(scene, answered) : goesBack(scene, answered);
  }

  @TestFactory
  Stream<DynamicTest> whereOnlyTheOldSiteKnowsTheWay() {
    return table(
        row("RFC 1122 3.3.1.1", "a peer of the old LAN (IPv4)", toPeer(Ip.V4, "10.1.0.20", false)),
        row("RFC 4861 5.2", "a peer of the old LAN (IPv6)", toPeer(Ip.V6, "2001:db8:1::20", false)),
        row("RFC 3927 2.7", "a link-local peer (IPv4)", toPeer(Ip.V4, "169.254.3.4", false)),
        row(
            "RFC 4193 4.1",
            "a private peer of a guest with a global address",
            toPeer(Ip.V6, "fd00:9::2", false)),
        row(
            "RFC 1918 3",
            "a private peer of a guest with a private address: both sites route it",
            toPeer(Ip.V4, "10.9.0.2", true)),
        row("RFC 1918 3", "172.32.0.1 is not private", toPeer(Ip.V4, "172.32.0.1", true)));
  }

  /** A probe as it is sent, changed, and what the old host thinks of it. */
  private static Row probe(Ip ip, UnaryOperator<Packet> change, boolean isProof) {
    return () -> {
      ByteBuf sent = SpoofProbe.packet(ip.old, ip.peer, TOKEN, 1);
      byte[] payload = new byte[32];
      sent.getBytes(sent.writerIndex() - payload.length, payload);
      int port = SpoofProbe.PORT;
      Packet built =
          ip.fromGuest()
              .with(builder -> builder.tcp(port, port, 1, 1, ACK | PSH, 1_000))
              .payload(payload);
      sent.skipBytes(VirtioNetHeader.LENGTH);
      if (!sent.equals(Unpooled.wrappedBuffer(built.bytes()))) {
        throw new AssertionError("the probe is not " + built);
      }
      sent.release();
      byte[] arrived = change.apply(built).bytes();
      PacketView view = new PacketView();
      boolean isSound =
          view.check(Unpooled.wrappedBuffer(arrived), 0, arrived.length) == PacketFault.NONE;
      if ((isSound && SpoofProbe.is(view, TOKEN)) != isProof) {
        throw new AssertionError("proof should be " + isProof + ": " + PacketText.of(arrived));
      }
    };
  }

  @TestFactory
  Stream<DynamicTest> whatProvesIt() {
    return table(
        both(
            "RFC 2827 3",
            "a segment of the old address, mid-stream, as answers are",
            ip -> probe(ip, sent -> sent, true)),
        both("RFC 2827 3", "some hops later", ip -> probe(ip, sent -> sent.ttl(3), true)),
        both(
            "RFC 2827 3",
            "with another token: anybody's",
            ip -> probe(ip, sent -> sent.set8(ip.header() + 20 + 8, 99), false)),
        both(
            "RFC 2827 3",
            "to another port",
            ip -> probe(ip, sent -> sent.set16(ip.header() + 2, 4_755), false)),
        both(
            "RFC 2827 3",
            "cut short on its way",
            ip -> probe(ip, sent -> sent.resized(ip.header() + 20 + 31), false)),
        both(
            "RFC 2827 3",
            "of another protocol",
            ip -> probe(ip, sent -> sent.set8(ip == Ip.V4 ? 9 : 6, Packet.UDP), false)));
  }
}
