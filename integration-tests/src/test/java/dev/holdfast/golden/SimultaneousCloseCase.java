package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Wan;
import dev.holdfast.tunnel.packet.IpAddress;
import java.time.Duration;
import java.util.List;

/**
 * Both ends say their last before either has heard the other's (RFC 9293 section 3.6, figure 13).
 */
final class SimultaneousCloseCase extends GoldenCase {
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  SimultaneousCloseCase() {
    super("extra-simultaneous-close");
  }

  /** So long that both surely close within it. */
  @Override
  Wan wan() {
    return Wan.delayed(Duration.ofMillis(60));
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    try (TcpPair pair = TcpPair.connect(lab.client(), lab.guest(), GUEST, 7000)) {
      pair.talk(3, 300, 500, 20);
      Thread.sleep(200); // all is acknowledged
      AtOnce.run(() -> pair.near().shutdownOutput(), () -> pair.far().shutdownOutput());
    }
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    SeenConnection closed = capture.tcp(CLIENT, GUEST);
    assertThat(closed.ends()).isEqualTo("FIN");
    SeenPacket fromGuest = fin(capture, GUEST);
    SeenPacket fromClient = fin(capture, CLIENT);
    assertThat(fromGuest.acknowledgement).isEqualTo(fromClient.sequence);
    assertThat(fromClient.acknowledgement)
        .as("neither has acknowledged the other's")
        .isEqualTo(fromGuest.sequence);
    return new Reading(GUEST)
        .moment(fromGuest, "the guest's FIN is on its way, and the client's comes within the hold")
        .moment(fromClient, "the two have crossed, and neither is acknowledged")
        .comment(fromClient, "sent before the guest's FIN was heard");
  }

  private static SeenPacket fin(Capture capture, IpAddress sender) {
    return capture.first(each -> each.has(SeenPacket.FIN) && each.source.equals(sender));
  }

  @Override
  String how() {
    return """
    Three questions and answers on a path of 60 ms each way; then both ends shut their sending side at the same time.
    The kernels' own: both go from FIN-WAIT-1 to CLOSING to TIME-WAIT.
    In Wireshark: two FINs that cross, with the same numbers as if the other had not been sent, and an ACK for each.
    """;
  }
}
