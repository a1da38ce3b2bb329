package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** Sequence numbers that begin again at 0, from the client and from the guest. */
final class WrappedSequenceCase extends GoldenCase {
  private static final int TIMES = 12;
  private static final int BYTES = 2_000;
  private static final long INITIAL = (1L << 32) - 10_000;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  WrappedSequenceCase() {
    super("extra-wrapped-sequence");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    var talk = new TalkProgram(lab, "tcp", 1, TIMES, BYTES, "sequence=" + INITIAL);
    talk.run(lab.client(), lab.guest(), GUEST, 7000);
    talk.run(lab.guest(), lab.client(), CLIENT, 7001);
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    assertThat(capture.tcp()).hasSize(2);
    var reading = new Reading(GUEST);
    for (SeenConnection each : capture.tcp()) {
      assertThat(each.ends()).isEqualTo("FIN");
      assertThat(each.bytesThere()).isEqualTo((long) TIMES * BYTES);
      assertThat(each.bytesBack()).isEqualTo((long) TIMES * BYTES);
      List<SeenPacket> sent = each.packetsFrom(each.from());
      assertThat(sent.getFirst().sequence).isEqualTo((int) INITIAL);
      SeenPacket wrapped =
          sent.stream().filter(packet -> packet.sequence >= 0).findFirst().orElseThrow();
      SeenPacket before =
          sent.stream()
              .filter(packet -> packet.number < wrapped.number && packet.hasBytes())
              .reduce((one, next) -> next)
              .orElseThrow();
      reading
          .moment(before, "the numbers of %s are about to begin again".formatted(each.from()))
          .comment(wrapped, "past 2^32");
    }
    return reading;
  }

  @Override
  String how() {
    return """
    Two talks of twelve questions of 2,000 bytes, each sent back: one begun by the client, one by the guest. Whoever begins has
    4,294,957,296 (2^32 - 10,000) as its first sequence number: a Perl program asks its kernel for it while the socket is under
    repair (TCP_REPAIR, TCP_QUEUE_SEQ). All else is the kernels' own.
    In Wireshark, with relative numbers off: 4294967... and then small ones. Who compares numbers without regard to
    RFC 9293 section 3.4 takes what comes after for old, or for 4 GB of missing bytes.
    """;
  }
}
