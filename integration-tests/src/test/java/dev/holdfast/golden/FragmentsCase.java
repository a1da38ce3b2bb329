package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Tool;
import java.util.List;

/** Datagrams and pings that are longer than a packet may be, of both families, both ways. */
final class FragmentsCase extends GoldenCase {
  private static final int ROUNDS = 4;
  private static final int QUESTION = 4_000;
  private static final int ANSWER = 9_000;
  private static final List<LabAddresses> FAMILIES = List.of(LabAddresses.V4, LabAddresses.V6);

  FragmentsCase() {
    super("fragments");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.site(), GoldenLab.WAN);
    for (LabAddresses family : FAMILIES) {
      try (UdpPair pair = UdpPair.open(lab.client(), lab.guest(), family.guestOld(), 2049)) {
        for (int i = 0; i < ROUNDS; i++) {
          pair.carry(true, Pattern.of("question", (long) i * QUESTION, QUESTION));
          pair.carry(false, Pattern.of("answer", (long) i * ANSWER, ANSWER));
          pair.carry(true, Pattern.of("short one", i * 64L, 64)); // not a fragment, between them
          Thread.sleep(60);
        }
      }
      Tool.run(
          lab.client()
              .within("ping", "-c2", "-i0.2", "-W5", "-s3000", "-n", family.guestOld().toString()));
    }
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    assertThat(capture.linkTypes()).containsExactly(LinkLayer.RAW);
    var reading = new Reading(LabAddresses.V4.guestOld(), LabAddresses.V6.guestOld());
    for (LabAddresses family : FAMILIES) {
      SeenConnection datagrams =
          capture.udp().stream()
              .filter(each -> each.from().equals(family.client()))
              .findFirst()
              .orElseThrow();
      assertThat(datagrams.bytesThere()).isEqualTo(ROUNDS * (QUESTION + 64L));
      assertThat(datagrams.bytesBack()).isEqualTo(ROUNDS * (long) ANSWER);
      for (boolean there : new boolean[] {true, false}) {
        List<SeenPacket> fragments =
            capture.where(each ->
                each.isFragment && each.source.equals(there ? family.client() : family.guestOld()));
        assertThat(fragments).anyMatch(each -> each.fragmentOffset == 0);
        assertThat(fragments).anyMatch(each -> each.fragmentOffset > 0 && each.hasMoreFragments);
        assertThat(fragments).anyMatch(each -> !each.hasMoreFragments);
        assertThat(fragments).as("of pings too").anyMatch(each -> each.protocol != SeenPacket.UDP);
        SeenPacket within =
            fragments.stream()
                .filter(SeenPacket::isLaterFragment)
                .skip(2)
                .findFirst()
                .orElseThrow();
        reading
            .moment(
                within,
                "%s has passed, and its first fragment before the move"
                    .formatted(there ? "half of a datagram to the guest" : "half of an answer"))
            .comment(within, "one without ports: only its first fragment tells whose it is");
      }
    }
    return reading;
  }

  @Override
  String how() {
    return """
    Datagrams of 4,000 bytes from the client and of 9,000 from the guest, four each way and family, with short ones between
    them, and pings of 3,000 bytes. Recorded on a TUN at the site's router: raw IP, no link layer.
    The kernels' own: the sender cuts (IPv4: no DF, an identification of its own; IPv6: fragment header), the receiver puts
    together, and the router passes fragments on as they are. Behind the first fragment there are no ports.
    In Wireshark: "Fragmented IP protocol", reassembled in the last one; ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr.
    """;
  }
}
