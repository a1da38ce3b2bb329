package dev.holdfast.tunnel.encap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.Bytes;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** RFC 2003 section 3.2 and RFC 2473 section 4.1.1, as {@link LoopGuard} reads them. */
class LoopGuardTest {
  @ParameterizedTest
  @CsvSource({
    "10.1.0.2,  10.2.0.2,  4,  true,  our outer packet",
    "10.1.0.2,  10.2.0.2,  41, true,  our outer packet with IPv6 inside",
    "10.2.0.2,  10.1.0.2,  4,  true,  the other end's",
    "10.1.0.2,  10.2.0.2,  17, false, of another protocol between the ends",
    "10.1.0.2,  10.1.0.10, 4,  false, a tunnel of the guest with this host",
    "10.1.0.2,  10.1.0.10, 6,  false, a program of this host talks to the guest",
    "10.2.0.2,  10.1.0.10, 6,  false, a program of the tunnel's exit talks to the guest",
    "10.1.0.10, 10.9.0.2,  4,  false, the guest's own tunnel with a peer",
  })
  void whatHasBeenInTheTunnelIsNotPutIntoItAgain(
      String from, String to, int protocol, boolean forbidden, String what) {
    for (boolean ipv6 : new boolean[] {false, true}) {
      PacketBuilder packet = new PacketBuilder(address(from, ipv6), address(to, ipv6));
      packet.raw(protocol).payload(40);
      assertThat(
              LoopGuard.forbids(
                  Bytes.view(Bytes.packet(packet)),
                  address("10.1.0.2", ipv6),
                  address("10.2.0.2", ipv6)))
          .as(what)
          .isEqualTo(forbidden);
    }
  }

  private static IpAddress address(String v4, boolean ipv6) {
    return IpAddress.parse(ipv6 ? "fd00::" + v4.replace('.', ':') : v4);
  }

  @Test
  void nothingIsEncapsulatedMoreOftenThanItAllows() {
    for (int limit : new int[] {0, 1}) {
      PacketBuilder packet =
          PacketBuilder.of("fd00::1", "fd00::2")
              .extension(60, new byte[] {4, 1, (byte) limit, 1, 1, 0});
      boolean forbidden =
          LoopGuard.forbids(
              Bytes.view(Bytes.packet(packet.udp(1, 2).payload(1))),
              IpAddress.parse("10.1.0.2"),
              IpAddress.parse("10.2.0.2"));
      assertThat(forbidden).isEqualTo(limit == 0);
    }
  }
}
