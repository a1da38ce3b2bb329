package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Two people who type at a terminal, one of them over IPv6. */
final class InteractiveCase extends GoldenCase {
  private static final int KEYS = 45;
  private static final List<LabAddresses> FAMILIES = List.of(LabAddresses.V4, LabAddresses.V6);

  InteractiveCase() {
    super("interactive");
  }

  @Override
  Form form() {
    return Form.PCAP_NANOSECONDS;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    AtOnce.run(() -> type(lab, LabAddresses.V4, 4), () -> type(lab, LabAddresses.V6, 6));
    return List.of(recording);
  }

  /** A key is one byte, or three for an arrow; every ninth is Enter, and something is printed. */
  private static void type(GoldenLab lab, LabAddresses family, long seed) throws Exception {
    var random = new SplittableRandom(seed);
    try (TcpPair pair = TcpPair.connect(lab.client(), lab.guest(), family.guestOld(), 23)) {
      for (int i = 1; i <= KEYS; i++) {
        int key = random.nextInt(8) == 0 ? 3 : 1;
        pair.carry(TcpPair.End.NEAR, key);
        pair.carry(TcpPair.End.FAR, key);
        if (i % 9 == 0) {
          for (int line = random.nextInt(1, 4); line > 0; line--) {
            pair.carry(TcpPair.End.FAR, random.nextInt(20, 400));
          }
        }
        Thread.sleep(random.nextInt(20, 200));
      }
    }
  }

  @Override
  Reading read(Capture capture) {
    var reading = new Reading(LabAddresses.V4.guestOld(), LabAddresses.V6.guestOld());
    for (LabAddresses family : FAMILIES) {
      IpAddress client = family.client();
      SeenConnection typing = capture.tcp(client, family.guestOld());
      assertThat(typing.hasSyn()).isTrue();
      assertThat(typing.ends()).isEqualTo("FIN");
      List<SeenPacket> keys =
          typing.packetsFrom(client).stream().filter(SeenPacket::hasBytes).toList();
      assertThat(keys).as("keys").hasSizeGreaterThanOrEqualTo(KEYS);
      assertThat(keys).allMatch(each -> each.payload.length <= 3);
      assertThat(typing.bytesBack()).as("echo and lines").isGreaterThan(typing.bytesThere());
      List<Long> gaps = new ArrayList<>();
      for (int i = 1; i < keys.size(); i++) {
        gaps.add((keys.get(i).epochNanos - keys.get(i - 1).epochNanos) / 1_000_000);
      }
      assertThat(gaps.stream().filter(gap -> gap >= 20 && gap <= 400).count())
          .as("gaps of a person's: %s", gaps)
          .isGreaterThan(gaps.size() * 9L / 10);
      reading.moment(
          keys.get(KEYS / 2),
          "a key of the "
              + (client.isV4() ? "IPv4" : "IPv6")
              + " connection has come, and its echo has not been sent");
    }
    return reading;
  }

  @Override
  String how() {
    return """
    Two connections at a time, of IPv4 and IPv6: a client types 45 keys with 20 to 200 ms between them, one byte each or
    three for an arrow key, and the guest echoes each; after every ninth it prints up to three lines. TCP_NODELAY is set.
    The kernels' own: acknowledgements ride on the echo, or come alone after it. Nothing is lost.
    In Wireshark: segments of 1 or 3 bytes, there and back, in a steady rhythm. A move costs at most the echo of the keys
    that were under way; one that is given twice or left out is a byte at the wrong place.
    """;
  }
}
