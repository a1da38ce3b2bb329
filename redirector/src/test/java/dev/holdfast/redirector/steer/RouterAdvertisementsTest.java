package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which packets are advertisements that a host may take (RFC 4861 section 6.1.2). */
class RouterAdvertisementsTest {
  private static byte[] packet(String source, int ttl, int type, int code, int lifetime) {
    ByteBuf out = Unpooled.buffer();
    new PacketBuilder(IpAddress.parse(source), IpAddress.parse("ff02::1"))
        .ttl(ttl)
        .icmp(type, code, 64 << 24 | lifetime)
        .payload(8)
        .write(out);
    byte[] bytes = new byte[out.readableBytes()];
    out.readBytes(bytes);
    return bytes;
  }

  @ParameterizedTest
  @CsvSource({
    "fe80::1,   255, 134, 0, true",
    "fd00:1::1, 255, 134, 0, false", // not of a router's own link
    "fe80::1,   254, 134, 0, false", // it came from elsewhere
    "fe80::1,   255, 133, 0, false",
    "fe80::1,   255, 134, 1, false",
  })
  void onlySoundOnesAreRepeated(String source, int ttl, int type, int code, boolean sound) {
    assertThat(RouterAdvertisements.isSound(packet(source, ttl, type, code, 1800)))
        .isEqualTo(sound);
  }

  @Test
  void whatIsCutOrTooLongIsNone() {
    byte[] whole = packet("fe80::1", 255, 134, 0, 1800);
    for (int length = 0; length < whole.length; length++) {
      assertThat(RouterAdvertisements.isSound(Arrays.copyOf(whole, length))).isFalse();
    }
    ByteBuf out = Unpooled.buffer();
    new PacketBuilder(IpAddress.parse("fe80::1"), IpAddress.parse("ff02::1"))
        .ttl(255)
        .icmp(134, 0, 0)
        .payload(1280)
        .write(out);
    byte[] longer = new byte[out.readableBytes()];
    out.readBytes(longer);
    assertThat(RouterAdvertisements.isSound(longer)).isFalse();
  }

  @Test
  void theyAreRepeatedThreeTimesInTheirLife() {
    byte[] usual = packet("fe80::1", 255, 134, 0, 1800);
    byte[] brief = packet("fe80::2", 255, 134, 0, 9);
    byte[] none = packet("fe80::3", 255, 134, 0, 0);
    assertThat(RouterAdvertisements.secondsBetween(List.of(usual, none))).isEqualTo(60);
    assertThat(RouterAdvertisements.secondsBetween(List.of(usual, brief))).isEqualTo(3);
    assertThat(RouterAdvertisements.secondsBetween(List.of())).isEqualTo(60);
  }
}
