package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import java.util.List;

/**
 * Traffic as QUIC's (RFC 9000) would look from outside: long datagrams of which none is cut, short
 * acknowledgements, a pace, and silence in the midst.
 */
final class QuicLikeUdpCase extends GoldenCase {
  private static final int PORT = 4433;
  private static final String VERSION = "GOLD"; // nobody's, so that nobody tries to decrypt it
  private static final int LONG = 1_200;
  private static final int SHORT = 40;
  private static final int DOWN = 90;
  private static final int UP = 30;
  private static final long SILENCE_MILLIS = 2_500;
  private static final List<LabAddresses> FAMILIES = List.of(LabAddresses.V4, LabAddresses.V6);

  QuicLikeUdpCase() {
    super("quic-like-udp");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    AtOnce.run(
        () -> session(lab, LabAddresses.V4, PORT), () -> session(lab, LabAddresses.V6, PORT));
    return List.of(recording);
  }

  private static void session(GoldenLab lab, LabAddresses family, int port) throws Exception {
    try (UdpPair pair = UdpPair.open(lab.client(), lab.guest(), family.guestOld(), port)) {
      pair.carry(true, datagram(true, true, 0, LONG)); // as Initial packets: filled up
      pair.carry(false, datagram(false, true, 0, LONG));
      transfer(pair, false, 1, DOWN);
      Thread.sleep(SILENCE_MILLIS);
      transfer(pair, true, 1_000, UP);
      transfer(pair, false, 1_000, UP);
    }
  }

  /** A datagram every 3 ms; the receiver acknowledges every other one. */
  private static void transfer(UdpPair pair, boolean there, int from, int count) throws Exception {
    AtOnce.run(
        () -> {
          for (int i = 0; i < count; i++) {
            pair.send(there, datagram(there, false, from + i, LONG));
            Thread.sleep(3);
          }
        },
        () -> {
          for (int i = 0; i < count; i++) {
            pair.receive(there, datagram(there, false, from + i, LONG));
            if (i % 2 == 1) {
              pair.send(!there, acknowledgement(!there, from + i));
            }
          }
        },
        () -> {
          for (int i = 1; i < count; i += 2) {
            pair.receive(!there, acknowledgement(!there, from + i));
          }
        });
  }

  private static byte[] acknowledgement(boolean there, int number) {
    return datagram(there, false, 100_000 + number, SHORT);
  }

  /**
   * Header form and fixed bit, a connection ID of 8 bytes, a number; a version that is nobody's.
   */
  private static byte[] datagram(boolean there, boolean isLong, int number, int length) {
    byte[] bytes = Pattern.of(there ? "client" : "guest", (long) number * LONG, length);
    int at = 0;
    bytes[at++] = (byte) (isLong ? 0xc3 : 0x43);
    if (isLong) {
      for (char each : VERSION.toCharArray()) {
        bytes[at++] = (byte) each;
      }
      bytes[at++] = 8;
    }
    for (int i = 0; i < 8; i++) {
      bytes[at++] = (byte) (there ? 0x70 + i : 0x90 + i);
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes[at++] = (byte) (number >> shift);
    }
    return bytes;
  }

  @Override
  Reading read(Capture capture) {
    var reading = new Reading(LabAddresses.V4.guestOld(), LabAddresses.V6.guestOld());
    assertThat(capture.packets()).noneMatch(each -> each.isFragment);
    for (LabAddresses family : FAMILIES) {
      SeenConnection session =
          capture.udp().stream()
              .filter(each -> each.from().equals(family.client()))
              .findFirst()
              .orElseThrow();
      List<SeenPacket> packets = session.packets();
      assertThat(packets)
          .allMatch(each -> each.payload.length == LONG || each.payload.length == SHORT);
      assertThat(session.datagramsThere()).isEqualTo(1 + DOWN / 2 + UP + UP / 2);
      assertThat(session.datagramsBack()).isEqualTo(1 + DOWN + UP / 2 + UP);
      int longest = 1;
      for (int i = 2; i < packets.size(); i++) {
        if (gap(packets, i) > gap(packets, longest)) {
          longest = i;
        }
      }
      assertThat(gap(packets, longest)).isGreaterThan((SILENCE_MILLIS - 300) * 1_000_000);
      List<SeenPacket> after = packets.subList(longest, packets.size());
      assertThat(after)
          .extracting(each -> each.source)
          .contains(family.client(), family.guestOld());
      SeenPacket last = packets.get(longest - 1);
      String which = family.client().isV4() ? "IPv4" : "IPv6";
      reading
          .moment(packets.get(longest / 2), "in the middle of the guest's transfer, " + which)
          .moment(
              last,
              "before the silence: nobody speaks for 2.5 s, so nothing shows the move, " + which)
          .comment(last, "silence of 2.5 s begins")
          .comment(packets.get(longest), "the first datagram after the silence");
    }
    return reading;
  }

  private static long gap(List<SeenPacket> packets, int before) {
    return packets.get(before).epochNanos - packets.get(before - 1).epochNanos;
  }

  @Override
  String how() {
    return """
    Not QUIC, but as QUIC looks from outside, by both families at a time: a datagram of 1,200 bytes each way with a long
    header, 90 from the guest every 3 ms, each second one acknowledged by 40 bytes; 2.5 s of silence; then 30 each way.
    The datagrams are made by the test, the UDP and IP headers and their sums by the kernels. Nothing is cut (DF, 1,200 bytes).
    In Wireshark: plain UDP, since the version in the long header is nobody's ("GOLD"); udp.length == 1208 is data.
    UDP has no FIN: a move within the silence must not end the flow, and nothing repeats what is lost.
    """;
  }
}
