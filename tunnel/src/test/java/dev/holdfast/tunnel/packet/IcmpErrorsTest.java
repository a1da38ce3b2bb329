package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class IcmpErrorsTest {
  private static final IpAddress GATEWAY = IpAddress.parse("10.1.0.1");
  private static final IpAddress GATEWAY_6 = IpAddress.parse("fd00:1::1");

  @Test
  void fragmentationNeededByteForByte() {
    PacketBuilder builder = PacketBuilder.of("192.0.2.1", "10.1.0.10").udp(7, 9).payload(4);
    ByteBuf packet = Bytes.packet(builder);
    ByteBuf out = Bytes.empty(100);
    assertThat(IcmpErrors.tooBig(out, Bytes.view(packet), GATEWAY, 1480)).isTrue();
    assertThat(Bytes.hexOf(out))
        .isEqualTo(
            "45c0003c"
                + "00004000"
                + "4001"
                + "6dfe"
                + "0a010001"
                + "c0000201" // to the sender
                + "0304"
                + Bytes.hexOf(out.slice(22, 2))
                + "000005c8" // unused, next-hop MTU
                + Bytes.hexOf(packet));
    assertSound(out);
  }

  @Test
  void packetTooBigByteForByte() {
    ByteBuf packet = Bytes.packet(PacketBuilder.of("fd00:2::2", "fd00:1::10").udp(7, 9));
    ByteBuf out = Bytes.empty(100);
    assertThat(IcmpErrors.tooBig(out, Bytes.view(packet), GATEWAY_6, 1400)).isTrue();
    assertThat(Bytes.hexOf(out))
        .isEqualTo(
            "60000000"
                + "0038"
                + "3a"
                + "40"
                + "fd000001000000000000000000000001"
                + "fd000002000000000000000000000002"
                + "0200"
                + Bytes.hexOf(out.slice(42, 2))
                + "00000578"
                + Bytes.hexOf(packet));
    assertSound(out);
  }

  @Test
  void muchIsQuotedButNotAll() {
    ByteBuf out = Bytes.empty(3000);
    assertThat(IcmpErrors.tooBig(out, view(v4tcp().payload(3000)), GATEWAY, 1400)).isTrue();
    assertThat(out.readableBytes()).isEqualTo(576);
    assertSound(out);
    assertThat(IcmpErrors.tooBig(out.clear(), view(v6tcp().payload(3000)), GATEWAY_6, 1400))
        .isTrue();
    assertThat(out.readableBytes()).isEqualTo(1280);
    assertSound(out);
  }

  @Test
  void itIsAppendedToWhatIsThere() {
    ByteBuf out = Bytes.empty(700).writerIndex(13);
    assertThat(IcmpErrors.tooBig(out, view(v4tcp().payload(601)), GATEWAY, 1400)).isTrue();
    PacketView error = Bytes.viewAt(out, 13);
    assertThat(error.isTo(IpAddress.parse("192.0.2.1"))).isTrue();
    assertThat(Checksums.verifyTransport(error)).isTrue();
  }

  @Test
  void anMtuThatIpDoesNotAllowIsRaised() {
    ByteBuf out = Bytes.empty(3000);
    IcmpErrors.tooBig(out, view(v4tcp()), GATEWAY, 10);
    assertThat(out.getInt(24)).isEqualTo(68);
    IcmpErrors.tooBig(out.clear(), view(v4tcp()), GATEWAY, 70_000);
    assertThat(out.getInt(24)).isEqualTo(65_535);
    IcmpErrors.tooBig(out.clear(), view(v6tcp()), GATEWAY_6, 1000);
    assertThat(out.getInt(44)).isEqualTo(1280);
  }

  /** Description, packet, whether an error may be sent about it. */
  static Stream<Arguments> table() {
    return Stream.of(
        Arguments.of("TCP", v4tcp(), true),
        Arguments.of("TCP over IPv6", v6tcp(), true),
        Arguments.of("ESP", v4().raw(50).payload(9), true),
        Arguments.of("echo request", v4().icmp(8, 0, 1), true),
        Arguments.of("echo reply", v4().icmp(0, 0, 1), true),
        Arguments.of("unreachable", v4().icmp(3, 1, 1), false),
        Arguments.of("source quench", v4().icmp(4, 0, 1), false),
        Arguments.of("redirect", v4().icmp(5, 0, 1), false),
        Arguments.of("time exceeded", v4().icmp(11, 0, 1), false),
        Arguments.of("parameter problem", v4().icmp(12, 0, 1), false),
        Arguments.of("echo request of ICMPv6", v6().icmp(128, 0, 1), true),
        Arguments.of("unreachable of ICMPv6", v6().icmp(1, 0, 1), false),
        Arguments.of("packet too big", v6().icmp(2, 0, 1), false),
        Arguments.of("unknown error of ICMPv6", v6().icmp(127, 0, 1), false),
        Arguments.of("redirect of ICMPv6", v6().icmp(137, 0, 1), false),
        Arguments.of("ICMP's number over IPv6 is no ICMP", v6().raw(1).payload(new byte[8]), true),
        Arguments.of("may be fragmented", v4tcp().dontFragment(false), false),
        Arguments.of("first fragment over IPv6", v6tcp().payload(8).fragment(0, true), true),
        Arguments.of("later fragment over IPv6", v6tcp().payload(8).fragment(8, true), false),
        Arguments.of("to multicast", PacketBuilder.of("192.0.2.1", "224.0.0.5").raw(89), false),
        Arguments.of("to all", PacketBuilder.of("192.0.2.1", "255.255.255.255").udp(1, 2), false),
        Arguments.of("from nobody", PacketBuilder.of("0.0.0.0", "10.0.0.1").udp(1, 2), false),
        Arguments.of("later fragment", v4tcp().payload(8).fragment(8, true), false),
        Arguments.of("first fragment", v4tcp().payload(8).fragment(0, true), false),
        Arguments.of(
            "later fragment with Don't Fragment",
            v4tcp().payload(8).fragment(8, true).dontFragment(true),
            false),
        Arguments.of(
            "first fragment with Don't Fragment",
            v4tcp().payload(16).fragment(0, true).dontFragment(true),
            true),
        Arguments.of("from reserved", PacketBuilder.of("240.0.0.1", "10.0.0.1").udp(1, 2), false),
        Arguments.of("from :: ", PacketBuilder.of("::", "fd00::1").udp(1, 2), false),
        Arguments.of("to ff02::1", PacketBuilder.of("fd00::2", "ff02::1").udp(1, 2), false));
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("table")
  void whatMayBeAnswered(String name, PacketBuilder builder, boolean verdict) {
    PacketView packet = view(builder);
    IpAddress source = packet.isV4() ? GATEWAY : GATEWAY_6;
    ByteBuf out = Bytes.empty(3000);
    assertThat(IcmpErrors.mayAnswer(packet)).as(name).isEqualTo(verdict);
    assertThat(IcmpErrors.tooBig(out, packet, source, 1400)).isEqualTo(verdict);
    assertThat(out.isReadable()).isEqualTo(verdict);
  }

  @Test
  void noErrorIsAnsweredByAnError() {
    ByteBuf out = Bytes.empty(3000);
    for (PacketBuilder builder : new PacketBuilder[] {v4tcp(), v6tcp()}) {
      PacketView packet = view(builder);
      IcmpErrors.tooBig(out.clear(), packet, packet.isV4() ? GATEWAY : GATEWAY_6, 1400);
      assertThat(IcmpErrors.mayAnswer(Bytes.view(out))).isFalse();
    }
  }

  @Test
  void aSourceOfTheOtherFamilyIsAMistake() {
    assertThatThrownBy(() -> IcmpErrors.tooBig(Bytes.empty(99), view(v4tcp()), GATEWAY_6, 1400))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static void assertSound(ByteBuf out) {
    PacketView error = Bytes.view(out);
    assertThat(error.isIcmp()).isTrue();
    assertThat(Checksums.verifyTransport(error)).isTrue();
    assertThat(!error.isV4() || Checksums.verifyIpv4Header(out, 0, 20)).isTrue();
  }

  private static PacketView view(PacketBuilder builder) {
    return Bytes.view(Bytes.packet(builder));
  }

  private static PacketBuilder v4() {
    return PacketBuilder.of("192.0.2.1", "10.1.0.10");
  }

  private static PacketBuilder v4tcp() {
    return v4().tcp(1, 2, 3, 4, PacketView.ACK, 5);
  }

  private static PacketBuilder v6() {
    return PacketBuilder.of("fd00:2::2", "fd00:1::10");
  }

  private static PacketBuilder v6tcp() {
    return v6().tcp(1, 2, 3, 4, PacketView.ACK, 5);
  }
}
