package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is told of packets of a guest whose new address is mapped to its old one. */
class MappedGuestTest {
  private static final IpAddress OLD = IpAddress.parse("10.1.0.10");
  private static final IpAddress NEW = IpAddress.parse("10.2.0.10");
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final IpAddress NEIGHBOUR = IpAddress.parse("10.1.0.20");

  private static byte[] packet(String what, IpAddress from, IpAddress to) {
    PacketBuilder builder = new PacketBuilder(from, to);
    PacketBuilder built =
        switch (what) {
          case "syn" -> builder.tcp(40_000, 80, 1, 0, PacketView.SYN, 1_000);
          case "syn-ack" -> builder.tcp(80, 40_000, 1, 2, PacketView.SYN | PacketView.ACK, 1_000);
          case "ack" -> builder.tcp(80, 40_000, 1, 2, PacketView.ACK, 1_000);
          case "udp" -> builder.udp(5_000, 53).payload(8);
          case "dhcp" -> builder.udp(68, 67).payload(8);
          case "ping" -> builder.icmp(8, 0, 1);
          case "pong" -> builder.icmp(0, 0, 1);
          default -> throw new IllegalArgumentException(what);
        };
    ByteBuf out = Unpooled.buffer();
    built.write(out);
    byte[] bytes = new byte[out.readableBytes()];
    out.readBytes(bytes);
    return bytes;
  }

  private static Explanation explained(byte[] packet, boolean tunnelled) {
    var guest =
        new MappedGuest(
            "web1", Map.of(OLD, NEW), List.of(IpPrefix.parse("10.1.0.0/24")), tunnelled);
    var explainer =
        new Explainer(
            new PathTable(),
            path -> {
              throw new AssertionError("there is no path");
            },
            List.of(guest));
    return explainer.fromLan(packet, 0);
  }

  @ParameterizedTest
  @CsvSource({
    "syn,     out,       true,  It leaves at this site as 10.2.0.10.",
    "udp,     out,       true,  It leaves at this site as 10.2.0.10.",
    "ping,    out,       true,  It leaves at this site as 10.2.0.10.",
    "syn,     neighbour, false, It leaves at this site as 10.2.0.10.",
    "ack,     out,       false, 'It is dropped, since the tunnel is gone, unless its connection began with 10.2.0.10.'",
    "syn,     in,        true,  'It is delivered to the guest, whose address is 10.1.0.10.'",
    "ack,     in,        false, 'It is delivered to the guest, whose address is 10.1.0.10.'",
  })
  void theKernelMaps(String what, String way, boolean tunnelled, String outcome) {
    byte[] packet =
        way.equals("in")
            ? packet(what, PEER, NEW)
            : packet(what, OLD, way.equals("out") ? PEER : NEIGHBOUR);
    assertThat(explained(packet, tunnelled).outcome()).isEqualTo(outcome);
  }

  /** Here no migration has a path, so that the tunnel's part knows nothing of it. */
  @ParameterizedTest
  @CsvSource({"ack, out", "syn-ack, out", "pong, out", "dhcp, out", "syn, neighbour"})
  void theTunnelHasTheRest(String what, String way) {
    byte[] packet = packet(what, OLD, way.equals("out") ? PEER : NEIGHBOUR);
    Explanation explained = explained(packet, true);
    assertThat(explained.verdict()).isEqualTo("not-captured");
    assertThat(explained.steps().get(1).step()).isEqualTo("mapping");
    assertThat(explained.steps().get(1).why()).contains("began with 10.2.0.10");
  }
}
