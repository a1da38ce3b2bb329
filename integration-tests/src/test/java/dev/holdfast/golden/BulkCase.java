package dev.holdfast.golden;

import static dev.holdfast.golden.TcpPair.End.FAR;
import static dev.holdfast.golden.TcpPair.End.NEAR;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** A download and an upload, as fast as the kernels go, over interfaces with all offloads. */
final class BulkCase extends GoldenCase {
  private static final int DOWN = 1_500_000;
  private static final int UP = 300_000;
  private static final int SEGMENT = 1_460;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  BulkCase() {
    super("bulk");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  boolean hasOffloads() {
    return true;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    try (TcpPair pair = TcpPair.connect(lab.client(), lab.guest(), GUEST, 5001)) {
      pair.carry(FAR, DOWN);
      pair.carry(NEAR, UP);
    }
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    SeenConnection bulk = capture.tcp(CLIENT, GUEST);
    assertThat(bulk.hasSyn()).isTrue();
    assertThat(bulk.ends()).isEqualTo("FIN");
    assertThat(bulk.bytesBack()).isEqualTo(DOWN);
    assertThat(bulk.bytesThere()).isEqualTo(UP);
    List<SeenPacket> merged =
        bulk.packets().stream().filter(each -> each.payload.length > SEGMENT).toList();
    assertThat(merged).as("super-packets").hasSizeGreaterThan(20);
    assertThat(merged).extracting(each -> each.source).contains(CLIENT, GUEST);
    assertThat(merged).as("partial checksums").anyMatch(each -> !each.isSumRight);
    List<Integer> windows =
        bulk.packetsFrom(CLIENT).stream()
            .filter(each -> !each.has(SeenPacket.SYN))
            .map(each -> each.window)
            .toList();
    assertThat(windows.stream().max(Integer::compare).orElseThrow())
        .as("the client's window grows")
        .isGreaterThan(2 * windows.getFirst());
    SeenPacket start = bulk.whenSent(GUEST, 30_000);
    SeenPacket middle = bulk.whenSent(GUEST, DOWN / 2);
    SeenPacket up = bulk.whenSent(CLIENT, UP / 2);
    return new Reading(GUEST)
        .moment(middle, "in the middle of the download, with a full window under way to the client")
        .moment(start, "in slow start, when little is known of the path")
        .moment(up, "in the upload: what is under way has to be held for the guest")
        .comment(merged.getFirst(), "a super-packet: the interface would cut it, and make the sums")
        .comment(middle, "half of the download has been sent");
  }

  @Override
  String how() {
    return """
    One connection: the guest sends 1,500,000 bytes to the client, which reads as fast as it can, and then the client
    sends 300,000 bytes to the guest. The way takes 10 ms each way and loses nothing.
    The kernels' own: slow start, the growth of the congestion window and of the client's receive window (autotuning).
    The interfaces have all offloads, so Wireshark shows what no wire carries: segments of up to 64 KiB, and checksums
    that are "incorrect" since only the pseudo-header is in them yet. A replay has to cut and complete both.
    """;
  }
}
