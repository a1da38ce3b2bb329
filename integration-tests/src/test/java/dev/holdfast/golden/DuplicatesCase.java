package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** The same packets at two interfaces of one host, in one file. */
final class DuplicatesCase extends GoldenCase {
  private static final int TIMES = 12;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  DuplicatesCase() {
    super("extra-duplicates");
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording port = lab.record(lab.site(), GoldenLab.PORT);
    Recording wan = lab.record(lab.site(), GoldenLab.WAN);
    try (TcpPair pair = TcpPair.connect(lab.client(), lab.guest(), GUEST, 7000)) {
      pair.talk(TIMES, 400, 1_200, 30);
    }
    return List.of(port, wan);
  }

  @Override
  Reading read(Capture capture) {
    assertThat(capture.linkTypes()).containsExactly(LinkLayer.ETHERNET, LinkLayer.RAW);
    SeenConnection twice = capture.tcp(CLIENT, GUEST);
    assertThat(twice.bytesThere()).isEqualTo(TIMES * 400L);
    assertThat(twice.bytesBack()).isEqualTo(TIMES * 1_200L);
    assertThat(twice.there().repeatedBytes()).as("each is there twice").isEqualTo(TIMES * 400L);
    assertThat(twice.back().repeatedBytes()).isEqualTo(TIMES * 1_200L);
    long first = twice.packets().stream().filter(each -> each.interfaceNumber == 0).count();
    assertThat(twice.packets()).hasSize((int) (2 * first));
    SeenPacket middle = twice.whenSent(GUEST, TIMES * 600);
    return new Reading(GUEST)
        .moment(
            middle, "an answer was seen at the guest's port, and has yet to be seen at the uplink");
  }

  @Override
  String how() {
    return """
    Twelve questions and answers, recorded at two interfaces of the site's router at once and put into one file in the order of
    time: at the guest's port (Ethernet) and at the uplink, a TUN (raw IP). Two interfaces with two link types, as pcapng can.
    Every packet is there twice, one hop apart in TTL: no retransmission, though Wireshark's analysis takes it for one
    (frame.interface_id == 0 shows one of the two). A replay must not take the copy for traffic of its own.
    """;
  }
}
