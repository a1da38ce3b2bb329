package dev.holdfast.golden;

import static dev.holdfast.golden.TcpPair.End.FAR;
import static dev.holdfast.golden.TcpPair.End.NEAR;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.net.StandardSocketOptions;
import java.util.List;

/** A client that throws its connection away while the guest sends. */
final class ResetCase extends GoldenCase {
  private static final int BYTES = 60_000;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  ResetCase() {
    super("extra-reset");
  }

  @Override
  Form form() {
    return Form.PCAP_MICROSECONDS;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    TcpPair pair = TcpPair.connect(lab.client(), lab.guest(), GUEST, 7000);
    pair.talk(3, 100, 200, 20);
    AtOnce.run(
        () -> {
          try {
            for (int i = 0; i < 100; i++) {
              pair.send(FAR, BYTES);
            }
            throw new AssertionError("the guest has never heard of the reset");
          } catch (IOException e) {
            pair.far().close(); // as it must be
          }
        },
        () -> {
          pair.receive(NEAR, BYTES / 2);
          pair.near().setOption(StandardSocketOptions.SO_LINGER, 0);
          pair.near().close();
        });
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    SeenConnection cut = capture.tcp(CLIENT, GUEST);
    assertThat(cut.ends()).isEqualTo("RST by " + CLIENT);
    assertThat(cut.back().bytes()).isGreaterThan(BYTES / 2);
    SeenPacket reset = capture.first(each -> each.has(SeenPacket.RST));
    assertThat(cut.packetsFrom(GUEST)).noneMatch(each -> each.has(SeenPacket.RST));
    SeenPacket before = cut.whenSent(GUEST, 600 + BYTES / 4);
    return new Reading(GUEST)
        .moment(
            before, "the client's reset comes within the hold, and is nobody's but the client's")
        .moment(reset, "the reset has just come: nothing is left that could be reset by a move");
  }

  @Override
  String how() {
    return """
    A client asks three times, then reads 30,000 of the bytes that the guest sends without end, and closes with SO_LINGER 0:
    its kernel sends RST, and another for each segment that comes after it. Classic pcap with microseconds.
    In Wireshark: tcp.flags.reset == 1, from 10.9.0.2 alone. A verdict has to say who reset it: the client, and not the move.
    """;
  }
}
