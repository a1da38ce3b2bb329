package dev.holdfast.golden;

import static dev.holdfast.golden.TcpPair.End.FAR;
import static dev.holdfast.golden.TcpPair.End.NEAR;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Wan;
import dev.holdfast.tunnel.packet.IpAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A path on which some packets overtake others. */
final class ReorderedCase extends GoldenCase {
  private static final int BYTES = 80_000;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  ReorderedCase() {
    super("extra-reordered");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    lab.addSecondWay(Wan.delayed(Duration.ofMillis(13)));
    Recording recording = lab.record(lab.guest(), "eth0");
    try (TcpPair pair = TcpPair.connect(lab.client(), lab.guest(), GUEST, 7000)) {
      pair.carry(NEAR, BYTES);
      pair.carry(FAR, BYTES);
    }
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    SeenConnection mixed = capture.tcp(CLIENT, GUEST);
    assertThat(mixed.ends()).isEqualTo("FIN");
    assertThat(mixed.bytesThere()).isEqualTo(BYTES);
    assertThat(mixed.bytesBack()).isEqualTo(BYTES);
    List<SeenPacket> data =
        mixed.packetsFrom(CLIENT).stream().filter(SeenPacket::hasBytes).toList();
    List<SeenPacket> late = new ArrayList<>();
    for (int i = 1; i < data.size(); i++) {
      if (data.get(i).sequence - data.get(i - 1).sequence < 0) {
        late.add(data.get(i));
      }
    }
    assertThat(late).as("overtaken").hasSizeGreaterThan(5);
    assertThat(mixed.packetsFrom(GUEST)).anyMatch(each -> each.sackBlocks > 0);
    SeenPacket overtaken = late.get(late.size() / 2);
    return new Reading(GUEST)
        .moment(
            overtaken,
            "a late segment has just closed a gap; the one before it was ahead of its time")
        .comment(overtaken, "overtaken on its way");
  }

  @Override
  String how() {
    return """
    80,000 bytes each way. Every fifth packet between the two routers takes another way (policy routing by a mark of nft), on
    which it is 13 ms under way and not 10: it comes after some that were sent later. Nothing is lost.
    In Wireshark: tcp.analysis.out_of_order from the client, and SACK from the guest; the kernels take it for loss at first
    (tcp.analysis.spurious_retransmission, then DSACK), and learn. What is held has to come out in the order that it had.
    """;
  }
}
