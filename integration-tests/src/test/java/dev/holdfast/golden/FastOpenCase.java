package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** Bytes in the SYN (RFC 7413). */
final class FastOpenCase extends GoldenCase {
  private static final int CONNECTIONS = 3;
  private static final int TIMES = 4;
  private static final int BYTES = 800;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  FastOpenCase() {
    super("extra-fast-open");
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    lab.client().sysctl("net/ipv4/tcp_fastopen", "3");
    lab.guest().sysctl("net/ipv4/tcp_fastopen", "3");
    Recording recording = lab.record(lab.guest(), "eth0");
    new TalkProgram(lab, "tcp", CONNECTIONS, TIMES, BYTES, "fast-open")
        .run(lab.client(), lab.guest(), GUEST, 7000);
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    assertThat(capture.tcp()).hasSize(CONNECTIONS);
    for (SeenConnection each : capture.tcp()) {
      assertThat(each.from()).isEqualTo(CLIENT);
      assertThat(each.ends()).isEqualTo("FIN");
      assertThat(each.bytesThere()).isEqualTo((long) TIMES * BYTES);
      assertThat(each.bytesBack()).isEqualTo((long) TIMES * BYTES);
    }
    List<SeenPacket> syns =
        capture.where(each -> each.has(SeenPacket.SYN) && each.source.equals(CLIENT));
    assertThat(syns).allMatch(each -> each.tcpOptions.contains(SeenPacket.FAST_OPEN));
    assertThat(syns.getFirst().hasBytes()).as("it has no cookie yet").isFalse();
    SeenPacket second = syns.get(1);
    assertThat(second.payload).hasSize(BYTES);
    return new Reading(GUEST)
        .moment(second, "a SYN with bytes has come, and has not been answered")
        .moment(
            capture.tcp().getLast().whenSent(GUEST, TIMES * BYTES / 2),
            "in the middle of a connection that began with bytes")
        .comment(second, "the question is in the SYN");
  }

  @Override
  String how() {
    return """
    Three connections, one after the other, with TCP Fast Open (two Perl programs; the kernels' sysctl is 3): the first one asks
    for a cookie, the others send their first question of 800 bytes in the SYN, and it is answered in the first round trip.
    In Wireshark: tcp.options.tfo, "TCP Fast Open"; tcp.flags.syn == 1 && tcp.len > 0.
    A stream's first byte is the SYN's number plus one, whether there are bytes in the SYN or not.
    """;
  }
}
