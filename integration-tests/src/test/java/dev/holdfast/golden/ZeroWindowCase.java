package dev.holdfast.golden;

import static dev.holdfast.golden.TcpPair.End.FAR;
import static dev.holdfast.golden.TcpPair.End.NEAR;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/** A program that does not read: in the guest first, then at the client. */
final class ZeroWindowCase extends GoldenCase {
  private static final int BYTES = 60_000;
  private static final int BUFFER = 8_192;
  private static final long UNREAD_MILLIS = 2_500;
  private static final IpAddress CLIENT = LabAddresses.V4.client();
  private static final IpAddress GUEST = LabAddresses.V4.guestOld();

  ZeroWindowCase() {
    super("zero-window");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Recording recording = lab.record(lab.guest(), "eth0");
    Namespace client = lab.client();
    try (TcpPair up = TcpPair.connect(client, lab.guest(), GUEST, 5001, BUFFER);
        TcpPair down = TcpPair.connect(client, lab.guest(), GUEST, 5002, BUFFER)) {
      AtOnce.run(
          () -> up.send(NEAR, BYTES),
          () -> {
            Thread.sleep(UNREAD_MILLIS);
            up.receive(FAR, BYTES);
          },
          () -> down.send(FAR, BYTES),
          () -> {
            Thread.sleep(UNREAD_MILLIS);
            down.receive(NEAR, BYTES);
          });
    }
    return List.of(recording);
  }

  @Override
  Reading read(Capture capture) {
    var reading = new Reading(GUEST);
    for (int port : new int[] {5001, 5002}) {
      SeenConnection connection =
          capture.tcp().stream().filter(each -> each.toPort() == port).findFirst().orElseThrow();
      IpAddress reader = port == 5001 ? GUEST : CLIENT;
      IpAddress writer = port == 5001 ? CLIENT : GUEST;
      assertThat(connection.ends()).isEqualTo("FIN");
      assertThat(connection.stream(writer).bytes()).isEqualTo(BYTES);
      List<SeenPacket> of = connection.packetsFrom(reader);
      SeenPacket closed = first(of, 0, true);
      SeenPacket open = first(of, closed.number, false);
      assertThat(open.epochNanos - closed.epochNanos)
          .as("how long the window is closed")
          .isGreaterThan(1_000_000_000L);
      long probes =
          connection.packetsFrom(writer).stream()
              .filter(each -> each.number > closed.number && each.number < open.number)
              .filter(each -> !each.hasBytes())
              .count();
      assertThat(probes).as("probes of the closed window").isGreaterThanOrEqualTo(3);
      assertThat(connection.packetsFrom(writer))
          .anyMatch(each -> each.number > open.number && each.hasBytes());
      String whose = reader.equals(GUEST) ? "guest" : "client";
      reading
          .moment(closed, "the " + whose + "'s window has just closed")
          .moment(
              open,
              "the " + whose + "'s window has just opened: if this is lost, only a probe helps")
          .comment(closed, "the " + whose + "'s window is closed from here")
          .comment(open, "and open again");
    }
    return reading;
  }

  private static SeenPacket first(List<SeenPacket> packets, long after, boolean isClosed) {
    return packets.stream()
        .filter(each -> each.number > after && (each.window == 0) == isClosed)
        .filter(each -> !each.has(SeenPacket.SYN))
        .findFirst()
        .orElseThrow();
  }

  @Override
  String how() {
    return """
    Two connections at a time with receive buffers of 8 KiB: on port 5001 the client sends 60,000 bytes that nobody in the guest
    reads for 2.5 s; on 5002 the guest sends as many that nobody at the client reads. Then both are read to their end.
    The kernels' own: the window closes, the writer probes with segments of no bytes and an old sequence number, and waits
    twice as long after each; the reader answers, and says at once when there is room again.
    In Wireshark: "TCP ZeroWindow", the probes as "TCP Keep-Alive", which they look like, and "TCP Window Update".
    Whoever holds packets has to keep the newest window, or the connection waits for a probe.
    """;
  }
}
