package dev.holdfast.golden;

import static dev.holdfast.golden.TcpPair.End.FAR;
import static dev.holdfast.golden.TcpPair.End.NEAR;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** A client that has said its last, and listens on. */
final class HalfCloseCase extends GoldenCase {
  private static final int QUESTION = 5_000;
  private static final int ANSWER = 40_000;
  private static final int PART = 2_000;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  HalfCloseCase() {
    super("extra-half-close");
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    try (TcpPair pair = TcpPair.connect(lab.client(), lab.guest(), GUEST, 7000)) {
      pair.carry(NEAR, QUESTION);
      pair.near().shutdownOutput();
      TcpPair.awaitEnd(pair.far());
      for (int sent = 0; sent < ANSWER; sent += PART) {
        pair.carry(FAR, PART);
        Thread.sleep(20);
      }
    }
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    SeenConnection half = capture.tcp(CLIENT, GUEST);
    assertThat(half.ends()).isEqualTo("FIN");
    assertThat(half.bytesThere()).isEqualTo(QUESTION);
    assertThat(half.bytesBack()).isEqualTo(ANSWER);
    SeenPacket fin = capture.first(each -> each.has(SeenPacket.FIN) && each.source.equals(CLIENT));
    SeenPacket middle = half.whenSent(GUEST, ANSWER / 2);
    assertThat(middle.number).as("most is sent after the FIN").isGreaterThan(fin.number);
    return new Reading(GUEST)
        .moment(middle, "one direction has ended, and the other has not: the connection lives")
        .moment(fin, "the client's FIN has just come")
        .comment(fin, "the client has said its last, and reads on");
  }

  @Override
  String how() {
    return """
    A client sends 5,000 bytes and shuts its sending side; the guest then answers with 40,000 bytes over half a second.
    In Wireshark: the client's FIN early, then data from the guest alone, acknowledged, and the guest's FIN at the end.
    A tracker that takes the first FIN for the end loses the second half.
    """;
  }
}
