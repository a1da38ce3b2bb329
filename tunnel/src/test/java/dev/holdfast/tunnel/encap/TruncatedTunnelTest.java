package dev.holdfast.tunnel.encap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.Cut;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** IP-in-IP, each family in each, at every length and with every field of both headers lying. */
class TruncatedTunnelTest {
  private static final int PAYLOAD = 5;

  private final Unwrapping unwrapping = new Unwrapping();

  private static byte[] wrapped(int inside, int outside) {
    byte[] inner =
        Cut.bytes(
            new PacketBuilder(address(inside, 7), address(inside, 8))
                .tcp(1, 2, 3, 4, PacketView.ACK, 5)
                .payload(PAYLOAD));
    return Cut.bytes(
        new PacketBuilder(address(outside, 1), address(outside, 2))
            .raw(inside == 4 ? IpInIp.IPV4 : IpInIp.IPV6)
            .payload(inner));
  }

  private static IpAddress address(int version, int host) {
    return IpAddress.parse(version == 4 ? "10.1.0." + host : "fd00:1::" + host);
  }

  @ParameterizedTest(name = "IPv{0} in IPv{1}")
  @CsvSource({"4,4", "4,6", "6,4", "6,6"})
  void cut(int inside, int outside) {
    byte[] packet = wrapped(inside, outside);
    for (int length = 0; length < packet.length; length++) {
      int there = length;
      Cut.show(
          packet,
          length,
          buf ->
              assertThat(unwrapping.check(buf, 0, there))
                  .as("%d bytes", there)
                  .isEqualTo(Unwrapping.Verdict.BAD_OUTER));
    }
    Cut.show(
        packet,
        packet.length,
        buf ->
            assertThat(unwrapping.check(buf, 0, packet.length)).isEqualTo(Unwrapping.Verdict.OK));
  }

  /** Without its outer header, as it comes over IPv6, and as an outer header that says less. */
  @ParameterizedTest(name = "IPv{0} in IPv{1}")
  @CsvSource({"4,4", "4,6", "6,4", "6,6"})
  void theInnerPacketCut(int inside, int outside) {
    byte[] packet = wrapped(inside, outside);
    int outer = outside == 4 ? IpInIp.V4_OUTER : IpInIp.V6_OUTER;
    int protocol = inside == 4 ? IpInIp.IPV4 : IpInIp.IPV6;
    for (int length = 0; length < packet.length - outer; length++) {
      int there = length;
      Cut.show(
          packet,
          outer + length,
          buf ->
              assertThat(unwrapping.checkInner(buf, outer, there, protocol, 0))
                  .as("%d bytes", there)
                  .isEqualTo(Unwrapping.Verdict.BAD_INNER));
    }
  }

  @ParameterizedTest(name = "IPv{0} in IPv{1}")
  @CsvSource({"4,4", "4,6", "6,4", "6,6"})
  void lying(int inside, int outside) {
    byte[] packet = wrapped(inside, outside);
    for (int width = 1; width <= 2; width++) {
      for (int index = 0; index + width <= packet.length - PAYLOAD; index++) {
        for (long lie : Cut.lies(packet, index, width)) {
          byte[] lying = Cut.with(packet, index, width, lie);
          if (java.util.Arrays.equals(lying, packet)) {
            continue;
          }
          Cut.show(
              lying,
              lying.length,
              buf -> {
                if (unwrapping.check(buf, 0, lying.length) == Unwrapping.Verdict.OK) {
                  PacketView inner = unwrapping.inner();
                  assertThat(inner.end()).isLessThanOrEqualTo(unwrapping.outer().end());
                }
              });
        }
      }
    }
  }
}
