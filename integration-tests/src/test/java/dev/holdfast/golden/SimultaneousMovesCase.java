package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** Two guests of one bridge that talk to each other and to a client: both are to move at once. */
final class SimultaneousMovesCase extends GoldenCase {
  private static final int TIMES = 30;
  private static final int QUESTION = 200;
  private static final int ANSWER = 600;
  private static final long PAUSE_MILLIS = 30;
  private static final LabAddresses V4 = LabAddresses.V4;
  private static final LabAddresses V6 = LabAddresses.V6;

  SimultaneousMovesCase() {
    super("simultaneous-moves");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.site(), GoldenLab.BRIDGE);
    AtOnce.run(
        () -> talk(lab.guest(), lab.second(), V4.peer(), 7001),
        () -> talk(lab.second(), lab.guest(), V6.guestOld(), 7002),
        () -> talk(lab.client(), lab.guest(), V4.guestOld(), 7003),
        () -> talk(lab.client(), lab.second(), V6.peer(), 7004),
        () -> datagrams(lab.guest(), lab.second(), V4.peer(), 7005));
    return List.of(recording);
  }

  private static void talk(Namespace from, Namespace to, IpAddress address, int port)
      throws Exception {
    try (TcpPair pair = TcpPair.connect(from, to, address, port)) {
      pair.talk(TIMES, QUESTION, ANSWER, PAUSE_MILLIS);
    }
  }

  private static void datagrams(Namespace from, Namespace to, IpAddress address, int port)
      throws Exception {
    try (UdpPair pair = UdpPair.open(from, to, address, port)) {
      for (int i = 0; i < TIMES; i++) {
        pair.carry(true, Pattern.of("guest", (long) i * QUESTION, QUESTION));
        pair.carry(false, Pattern.of("second guest", (long) i * ANSWER, ANSWER));
        Thread.sleep(PAUSE_MILLIS);
      }
    }
  }

  @Override
  Reading read(Capture capture) {
    assertThat(capture.tcp()).hasSize(4);
    List<SeenConnection> all =
        List.of(
            capture.tcp(V4.guestOld(), V4.peer()),
            capture.tcp(V6.guestOld(), V6.peer()),
            capture.tcp(V4.client(), V4.guestOld()),
            capture.tcp(V6.client(), V6.peer()));
    for (SeenConnection each : all) {
      assertThat(each.hasSyn()).isTrue();
      assertThat(each.ends()).isEqualTo("FIN");
      assertThat(each.bytesThere()).isEqualTo((long) TIMES * QUESTION);
      assertThat(each.bytesBack()).isEqualTo((long) TIMES * ANSWER);
      assertThat(each.there().repeats() + each.back().repeats())
          .as("each packet is seen once")
          .isZero();
    }
    SeenConnection datagrams = capture.udp().getFirst();
    assertThat(datagrams.datagramsThere()).isEqualTo(TIMES);
    assertThat(datagrams.datagramsBack()).isEqualTo(TIMES);
    SeenPacket between = all.getFirst().whenSent(V4.peer(), (long) TIMES * ANSWER / 2);
    SeenPacket other = all.get(1).whenSent(V6.peer(), (long) TIMES * QUESTION / 3);
    return new Reading(V4.guestOld(), V6.guestOld(), V4.peer(), V6.peer())
        .moment(between, "both guests move at once, in the middle of four talks")
        .moment(
            other,
            "where one moves here and the other at the moment above, their packets cross two tunnels")
        .comment(between, "from one guest to the other: neither of them is a client");
  }

  @Override
  String how() {
    return """
    Two guests on one bridge, 10.1.0.10 and 10.1.0.20 (fd00:1::10 and ::20), which ask and answer each other over TCP of both
    families, each beginning one connection, and over UDP; a client talks to the first over IPv4 and to the second over IPv6.
    Recorded on the bridge of the old host, where a packet from guest to guest passes once, as one from outside does; it does
    not cross the router, so its TTL is untouched. Source and destination are old addresses at the same time.
    The kernels' own: all of it. In Wireshark: ip.addr == 10.1.0.10 && ip.addr == 10.1.0.20 is the talk between the two.
    """;
  }
}
