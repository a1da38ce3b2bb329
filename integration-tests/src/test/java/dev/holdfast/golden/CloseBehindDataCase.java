package dev.holdfast.golden;

import static dev.holdfast.golden.TcpPair.End.FAR;
import static dev.holdfast.golden.TcpPair.End.NEAR;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** A client that says all that it has to say and closes, before it has heard a word. */
final class CloseBehindDataCase extends GoldenCase {
  private static final int PARTS = 24;
  private static final int PART = 500;
  private static final int ANSWER = 10_000;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  CloseBehindDataCase() {
    super("extra-close-behind-data");
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    try (TcpPair pair = TcpPair.connect(lab.client(), lab.guest(), GUEST, 7000)) {
      for (int i = 0; i < PARTS; i++) {
        pair.carry(NEAR, PART);
      }
      pair.near().shutdownOutput();
      TcpPair.awaitEnd(pair.far());
      pair.carry(FAR, ANSWER);
    }
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    SeenConnection one = capture.tcp(CLIENT, GUEST);
    assertThat(one.ends()).isEqualTo("FIN");
    assertThat(one.bytesThere()).isEqualTo(PARTS * PART);
    assertThat(one.bytesBack()).isEqualTo(ANSWER);
    SeenPacket first = one.whenSent(CLIENT, 1);
    SeenPacket fin = capture.first(each -> each.has(SeenPacket.FIN) && each.source.equals(CLIENT));
    assertThat(fin.number - first.number).as("packets in front of the FIN").isGreaterThan(PARTS);
    return new Reading(GUEST)
        .moment(first, "all of the question, and the FIN behind it, come while the guest is paused")
        .moment(
            one.whenSent(CLIENT, 10L * PART),
            "what follows fills a hold queue of 16 KiB, and then the FIN comes")
        .moment(fin, "the client's FIN has just come")
        .comment(fin, "nothing was answered yet");
  }

  @Override
  String how() {
    return """
    A client sends 12,000 bytes in 24 parts and shuts its sending side at once; the guest reads to the end and answers with 10,000 bytes.
    In Wireshark: two dozen small segments of the client, its FIN, and only then data of the guest.
    A hold queue that is full of data must keep the FIN, or the guest waits for it longer than for the data.
    """;
  }
}
