package dev.holdfast.golden;

import static dev.holdfast.golden.TcpPair.End.FAR;
import static dev.holdfast.golden.TcpPair.End.NEAR;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** A path that loses packets both ways. */
final class RetransmissionsCase extends GoldenCase {
  private static final int BYTES = 250_000;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  RetransmissionsCase() {
    super("retransmissions");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    // Not the first of a direction: a SYN that is lost costs a second, and shows nothing more.
    lab.filter(
        lab.site(),
        """
        table ip golden {
          chain forward {
            type filter hook forward priority filter;
            iifname "wan0" meta length > 500 numgen inc mod 23 == 11 drop
            oifname "wan0" meta length > 500 numgen inc mod 19 == 9 drop
            oifname "wan0" meta length < 100 numgen inc mod 7 == 5 drop
          }
        }
        """);
    Recording recording = lab.record(lab.guest(), "eth0");
    try (TcpPair pair = TcpPair.connect(lab.client(), lab.guest(), GUEST, 5001)) {
      pair.carry(FAR, BYTES);
      pair.carry(NEAR, BYTES);
      pair.talk(10, 600, 700, 30);
    }
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    SeenConnection lossy = capture.tcp(CLIENT, GUEST);
    assertThat(lossy.hasSyn()).isTrue();
    assertThat(lossy.ends()).isEqualTo("FIN");
    assertThat(lossy.bytesThere()).isEqualTo(BYTES + 6_000);
    assertThat(lossy.bytesBack()).isEqualTo(BYTES + 7_000);
    assertThat(lossy.there().hasHole() || lossy.back().hasHole()).isFalse();
    assertThat(lossy.back().repeats()).as("segments that the guest has repeated").isGreaterThan(5);
    List<SeenPacket> sacks = lossy.packets().stream().filter(each -> each.sackBlocks > 0).toList();
    assertThat(sacks).extracting(each -> each.source).contains(CLIENT, GUEST);
    SeenPacket fromClient = sack(sacks, CLIENT);
    SeenPacket fromGuest = sack(sacks, GUEST);
    return new Reading(GUEST)
        .moment(fromGuest, "the guest misses a segment of the client's and has said so by SACK")
        .moment(fromClient, "the client misses one of the guest's, and the guest has to repeat it")
        .comment(fromGuest, "a segment was lost before it came here")
        .comment(fromClient, "a segment that is seen above has not reached the client");
  }

  /** Some way into the transfer. */
  private static SeenPacket sack(List<SeenPacket> sacks, IpAddress sender) {
    List<SeenPacket> own = sacks.stream().filter(each -> each.source.equals(sender)).toList();
    return own.get(own.size() / 2);
  }

  @Override
  String how() {
    return """
    250,000 bytes from the guest, 250,000 to it, and ten short questions, on one connection. A rule of nft at the site's router
    drops each 23rd long packet to the guest, each 19th from it, and each 7th acknowledgement; the way takes 10 ms each way.
    Recorded at the guest, on the near side of the loss: what it repeats is seen twice, what the client repeats once.
    The kernels' own: SACK blocks in both directions, fast retransmission, RACK and tail loss probes, a smaller window after.
    In Wireshark: tcp.analysis.retransmission (the guest's), tcp.analysis.lost_segment (the client's), tcp.options.sack.
    """;
  }
}
