package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** TCP behind IPv4 options, which every router on the way writes into. */
final class Ipv4OptionsCase extends GoldenCase {
  private static final int TIMES = 8;
  private static final int BYTES = 2_500;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  Ipv4OptionsCase() {
    super("extra-ipv4-options");
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    new TalkProgram(lab, "tcp", 1, TIMES, BYTES, "record-route")
        .run(lab.client(), lab.guest(), GUEST, 7000);
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    SeenConnection talk = capture.tcp(CLIENT, GUEST);
    assertThat(talk.ends()).isEqualTo("FIN");
    assertThat(talk.bytesThere()).isEqualTo((long) TIMES * BYTES);
    assertThat(talk.bytesBack()).isEqualTo((long) TIMES * BYTES);
    assertThat(talk.packets().stream().filter(each -> each.hasIpv4Options).map(each -> each.source))
        .contains(CLIENT, GUEST);
    SeenPacket middle = talk.whenSent(GUEST, TIMES * BYTES / 2);
    return new Reading(GUEST)
        .moment(middle, "in the middle of an answer: TCP begins behind the options");
  }

  @Override
  String how() {
    return """
    Eight questions of 2,500 bytes, each sent back, by two Perl programs whose sockets ask for record route (RFC 791) with room
    for four addresses. The kernels put it into every packet, and both routers on the way write their address into it.
    In Wireshark: ip.opt.type == 7; an IP header of 40 bytes. The options are part of the packet and must come out as they
    came in: a host of the tunnel adds no address of its own.
    """;
  }
}
