package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** TCP and UDP behind hop-by-hop and destination options (RFC 8200 sections 4.3 and 4.6). */
final class V6ExtensionHeadersCase extends GoldenCase {
  private static final int TIMES = 10;
  private static final int BYTES = 3_000;
  private static final int DATAGRAM = 500;
  private static final IpAddress CLIENT = LabAddresses.V6.client();
  private static final IpAddress GUEST = LabAddresses.V6.guestOld();

  V6ExtensionHeadersCase() {
    super("v6-extension-headers");
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    new TalkProgram(lab, "tcp", 1, TIMES, BYTES, "extension-headers")
        .run(lab.client(), lab.guest(), GUEST, 7000);
    new TalkProgram(lab, "udp", 1, TIMES, DATAGRAM, "extension-headers")
        .run(lab.client(), lab.guest(), GUEST, 7001);
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    SeenConnection tcp = capture.tcp(CLIENT, GUEST);
    assertThat(tcp.hasSyn()).isTrue();
    assertThat(tcp.ends()).isEqualTo("FIN");
    assertThat(tcp.bytesThere()).isEqualTo((long) TIMES * BYTES);
    assertThat(tcp.bytesBack()).isEqualTo((long) TIMES * BYTES);
    SeenConnection udp = capture.udp().getFirst();
    assertThat(udp.datagramsThere()).isEqualTo(TIMES);
    assertThat(udp.bytesBack()).isEqualTo((long) TIMES * DATAGRAM);
    for (SeenConnection each : List.of(tcp, udp)) {
      assertThat(each.packets())
          .allMatch(packet ->
              packet.extensions.equals(
                  List.of(SeenPacket.HOP_BY_HOP, SeenPacket.DESTINATION_OPTIONS)))
          .allMatch(packet -> packet.isSumRight);
    }
    SeenPacket middle = tcp.whenSent(GUEST, (TIMES * BYTES) / 2);
    return new Reading(GUEST)
        .moment(middle, "in the middle of an answer: the old address is found behind two headers")
        .moment(udp.packetsFrom(CLIENT).get(TIMES / 2), "a datagram that has not been answered")
        .comment(middle, "TCP begins at byte 64 of the packet, and not at byte 40");
  }

  @Override
  String how() {
    return """
    A talk over TCP (ten questions of 3,000 bytes, each sent back) and one over UDP (500 bytes), by two Perl programs whose
    sockets have sticky options (IPV6_HOPOPTS, IPV6_DSTOPTS): the kernels put both headers into every packet, SYN and FIN too.
    Hop-by-hop options of 8 bytes and destination options of 16, each with an option of type 0x1e, for experiments, which
    whoever does not know it skips. The kernels take the 24 bytes off the segments: 1,404 bytes and the timestamps are left.
    In Wireshark: ipv6.hopopts && ipv6.dstopts, then TCP or UDP. The kernels' own ACKs have the headers as well.
    """;
  }
}
