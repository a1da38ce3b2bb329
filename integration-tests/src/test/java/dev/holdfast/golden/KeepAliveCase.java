package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.net.StandardSocketOptions;
import java.util.List;
import jdk.net.ExtendedSocketOptions;

/** A connection on which nothing is said, but that both ends ask whether the other still lives. */
final class KeepAliveCase extends GoldenCase {
  private static final long IDLE_MILLIS = 4_300;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  KeepAliveCase() {
    super("extra-keep-alive");
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    try (TcpPair pair = TcpPair.connect(lab.client(), lab.guest(), GUEST, 7000)) {
      pair.set(ExtendedSocketOptions.TCP_KEEPIDLE, 1);
      pair.set(ExtendedSocketOptions.TCP_KEEPINTERVAL, 1);
      pair.set(StandardSocketOptions.SO_KEEPALIVE, true);
      pair.talk(2, 100, 200, 0);
      Thread.sleep(IDLE_MILLIS);
      pair.talk(2, 100, 200, 0);
    }
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    SeenConnection idle = capture.tcp(CLIENT, GUEST);
    assertThat(idle.ends()).isEqualTo("FIN");
    assertThat(idle.bytesThere()).isEqualTo(400);
    SeenPacket spoken = idle.whenSent(CLIENT, 200);
    List<SeenPacket> probes =
        idle.packets().stream()
            .filter(each -> each.number > spoken.number && !each.hasBytes())
            .filter(each -> each.sequence == spoken.sequence + 99 || isOfGuest(idle, each))
            .toList();
    assertThat(probes).hasSizeGreaterThan(3);
    return new Reading(GUEST)
        .moment(probes.getFirst(), "all that passes for two seconds is the question who lives")
        .moment(probes.get(2), "a probe that comes in the hold and is not answered, to be held")
        .comment(probes.getFirst(), "a keep-alive: an old sequence number, so that it is answered");
  }

  /** One below what the guest has sent so far. */
  private static boolean isOfGuest(SeenConnection idle, SeenPacket packet) {
    SeenPacket last = idle.whenSent(GUEST, 400);
    return packet.source.equals(GUEST) && packet.sequence == last.sequence + 199;
  }

  @Override
  String how() {
    return """
    Two questions and answers, 4.3 s of silence, and two more. Both ends ask after one second, and each second again, whether
    the other is alive (SO_KEEPALIVE, TCP_KEEPIDLE and TCP_KEEPINTVL of 1 s). All of it is the kernels' own.
    In Wireshark: tcp.analysis.keep_alive: segments without bytes, one below the next sequence number; each is answered.
    """;
  }
}
