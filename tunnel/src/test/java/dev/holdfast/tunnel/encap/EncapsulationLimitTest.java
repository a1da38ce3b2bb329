package dev.holdfast.tunnel.encap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.Bytes;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import org.junit.jupiter.api.Test;

/** RFC 2473 section 4.1.1. */
class EncapsulationLimitTest {
  private static final IpAddress HERE = IpAddress.parse("fd00:a::1");
  private static final IpAddress THERE = IpAddress.parse("fd00:b::1");
  private static final int HOP_BY_HOP = 0;
  private static final int DESTINATION_OPTIONS = 60;

  private static PacketBuilder plain() {
    return PacketBuilder.of("fd00::1", "fd00::2");
  }

  private static PacketBuilder limited(int limit) {
    return plain().extension(DESTINATION_OPTIONS, option(limit));
  }

  /** The option, and padding up to 8 bytes with the two that begin the header. */
  private static byte[] option(int limit) {
    return new byte[] {4, 1, (byte) limit, 1, 1, 0};
  }

  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  private static int limitOf(PacketBuilder packet) {
    return EncapsulationLimit.of(Bytes.view(Bytes.packet(packet.udp(1, 2).payload(9))));
  }

  @Test
  void isFoundWhereverItStandsInTheHeaderChain() {
    for (int limit : new int[] {0, 1, 4, 255}) {
      assertThat(limitOf(limited(limit))).isEqualTo(limit);
      assertThat(
              limitOf(
                  plain()
                      .extension(HOP_BY_HOP, bytes(1, 4, 0, 0, 0, 0))
                      .extension(60, option(limit))))
          .isEqualTo(limit);
      assertThat(limitOf(plain().extension(60, new byte[] {0, 0, 0, 4, 1, (byte) limit})))
          .as("behind Pad1")
          .isEqualTo(limit);
      assertThat(
              limitOf(plain().extension(60, bytes(1, 4, 0, 0, 0, 0)).extension(60, option(limit))))
          .as("in the second of two")
          .isEqualTo(limit);
    }
  }

  @Test
  void isNotFoundWhereThereIsNone() {
    assertThat(limitOf(plain())).isEqualTo(EncapsulationLimit.NONE);
    assertThat(limitOf(plain().extension(60, bytes(1, 4, 0, 0, 0, 0))))
        .isEqualTo(EncapsulationLimit.NONE);
    assertThat(limitOf(plain().extension(HOP_BY_HOP, option(0))))
        .as("in a hop-by-hop header it means nothing")
        .isEqualTo(EncapsulationLimit.NONE);
    assertThat(limitOf(plain().extension(60, bytes(4, 0, 1, 2, 0, 0))))
        .as("of another length")
        .isEqualTo(EncapsulationLimit.NONE);
    assertThat(limitOf(plain().extension(60, bytes(1, 2, 0, 0, 4, 1))))
        .as("cut off by the header's end")
        .isEqualTo(EncapsulationLimit.NONE);
    assertThat(limitOf(plain().extension(60, bytes(1, 250, 0, 0, 0, 0))))
        .as("an option that is longer than its header")
        .isEqualTo(EncapsulationLimit.NONE);
    assertThat(limitOf(PacketBuilder.of("192.0.2.1", "192.0.2.2")))
        .isEqualTo(EncapsulationLimit.NONE);
  }

  @Test
  void isPassedOnLessOne() {
    ByteBuf inner = Bytes.packet(limited(4).udp(1, 2).payload(9));
    PacketView view = Bytes.view(inner);
    assertThat(IpInIp.outerLength(THERE, view)).isEqualTo(48);
    assertThat(IpInIp.outerLength(THERE)).isEqualTo(40);
    assertThat(IpInIp.outerLength(IpAddress.parse("192.0.2.1"), view)).isEqualTo(20);
    ByteBuf out = Bytes.empty(200);
    assertThat(IpInIp.writeOuter(out, view, HERE, THERE, OuterPolicy.DEFAULT, 1)).isTrue();
    assertThat(out.writerIndex()).isEqualTo(48);
    assertThat(out.getUnsignedByte(6)).isEqualTo((short) DESTINATION_OPTIONS);
    assertThat(out.getUnsignedShort(4)).isEqualTo(8 + view.length());
    assertThat(Bytes.hexOf(out.slice(40, 8))).isEqualTo("2900" + "040103" + "010100");
    out.writeBytes(inner, 0, inner.writerIndex());
    assertThat(EncapsulationLimit.of(Bytes.view(out))).as("as the next one reads it").isEqualTo(3);
    var unwrapping = new Unwrapping();
    assertThat(unwrapping.check(out, 0, out.writerIndex())).isEqualTo(Unwrapping.Verdict.OK);
    assertThat(unwrapping.inner().start()).isEqualTo(48);
    assertThat(unwrapping.inner().length()).isEqualTo(view.length());
  }

  @Test
  void noneMakesNone() {
    ByteBuf inner = Bytes.packet(plain().udp(1, 2).payload(9));
    ByteBuf out = Bytes.empty(200);
    PacketView view = Bytes.view(inner);
    assertThat(IpInIp.writeOuter(out, view, HERE, THERE, OuterPolicy.DEFAULT, 1)).isTrue();
    assertThat(out.writerIndex()).isEqualTo(40);
    assertThat(out.getUnsignedByte(6)).isEqualTo((short) IpInIp.IPV6);
  }

  @Test
  void tooLongWithTheOptionIsNoPacket() {
    ByteBuf inner = Bytes.packet(limited(2).udp(1, 2).payload(65_535 - 40 - 8 - 8 - 7));
    PacketView view = Bytes.view(inner);
    assertThat(view.length()).isEqualTo(65_528);
    assertThat(IpInIp.writeOuter(Bytes.empty(100), view, HERE, THERE, OuterPolicy.DEFAULT, 1))
        .isFalse();
  }
}
