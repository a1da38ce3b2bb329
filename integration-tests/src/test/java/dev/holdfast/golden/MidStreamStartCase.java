package dev.holdfast.golden;

import static dev.holdfast.golden.TcpPair.End.FAR;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** Connections that are older than the capture, and of which two go on when it has ended. */
final class MidStreamStartCase extends GoldenCase {
  private static final int PART = 4_000;
  private static final IpAddress CLIENT4 = LabAddresses.V4.client();
  private static final IpAddress CLIENT6 = LabAddresses.V6.client();
  private static final IpAddress GUEST4 = LabAddresses.V4.guestOld();
  private static final IpAddress GUEST6 = LabAddresses.V6.guestOld();
  private static final int TRANSFER = 5001;
  private static final int IDLE = 7000;
  private static final int TALK = 7001;

  MidStreamStartCase() {
    super("mid-stream-start");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    try (TcpPair transfer = TcpPair.connect(lab.client(), lab.guest(), GUEST4, TRANSFER);
        TcpPair talk = TcpPair.connect(lab.client(), lab.guest(), GUEST6, TALK)) {
      TcpPair idle = TcpPair.connect(lab.client(), lab.guest(), GUEST4, IDLE);
      idle.talk(3, 100, 200, 10);
      talk.talk(3, 100, 200, 10);
      transfer.carry(FAR, 200_000);
      var isOver = new CountDownLatch(1);
      Recording[] recording = new Recording[1];
      AtOnce.run(
          () -> {
            while (isOver.getCount() > 0) {
              transfer.carry(FAR, PART);
              Thread.sleep(40);
            }
          },
          () -> {
            while (isOver.getCount() > 0) {
              talk.talk(1, 120, 240, 70);
            }
          },
          () -> {
            Thread.sleep(300);
            recording[0] = lab.record(lab.guest(), "eth0");
            Thread.sleep(1_500);
            idle.talk(1, 100, 200, 0);
            idle.close();
            Thread.sleep(500);
            recording[0].stop();
            isOver.countDown();
          });
      return List.of(recording[0]);
    }
  }

  @Override
  Reading read(Capture capture) {
    assertThat(capture.tcp()).hasSize(3);
    assertThat(capture.packets()).noneMatch(each -> each.has(SeenPacket.SYN));
    SeenConnection transfer = at(capture, TRANSFER);
    SeenConnection idle = at(capture, IDLE);
    SeenConnection talk = at(capture, TALK);
    assertThat(transfer.ends()).isEqualTo("open");
    assertThat(talk.ends()).isEqualTo("open");
    assertThat(idle.ends()).isEqualTo("FIN");
    assertThat(transfer.stream(GUEST4).bytes()).isGreaterThan(20L * PART);
    assertThat(talk.stream(CLIENT6).bytes()).isGreaterThan(1_000);
    assertThat(idle.stream(CLIENT4).bytes()).isEqualTo(100);
    assertThat(idle.stream(GUEST4).bytes()).isEqualTo(200);
    SeenPacket first = idle.packets().getFirst();
    assertThat(first.epochNanos - capture.packets().getFirst().epochNanos)
        .as("how long nothing is seen of the idle one")
        .isGreaterThan(1_000_000_000L);
    SeenPacket middle = transfer.whenSent(GUEST4, 10L * PART);
    return new Reading(GUEST4, GUEST6)
        .moment(middle, "two connections of unknown age are known, and the idle one is not")
        .moment(
            capture.packets().getFirst(),
            "nothing is known: all three are adopted while they are held")
        .moment(first, "the idle one is heard of for the first time, after the move has begun")
        .comment(middle, "the idle connection (port 7000) has not been seen yet")
        .comment(first, "the first packet of a connection that is older than the capture");
  }

  private static SeenConnection at(Capture capture, int port) {
    return capture.tcp().stream()
        .filter(each -> each.fromPort() == port || each.toPort() == port)
        .findFirst()
        .orElseThrow();
  }

  @Override
  String how() {
    return """
    Three connections that stood before the capture began: on port 5001 the guest sends 4,000 bytes every 60 ms and has sent
    200,000 before; on 7001 (IPv6) a client asks and the guest answers; on 7000 nothing is said for 1.5 s, then one question
    is asked and answered, and it is closed. The other two go on when the capture has ended.
    The kernels' own: all of TCP. No SYN is in it, so who reads it knows neither the first sequence numbers nor by how much
    windows are scaled (by 10 bits, or what tcp_rmem asks for), and has to guess who began.
    In Wireshark: "window size scaling factor: -1 (unknown)"; tcp.flags.syn == 1 finds nothing.
    """;
  }
}
