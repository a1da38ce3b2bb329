package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import org.junit.jupiter.api.Test;

class TtlTest {

  @Test
  void everyTtlGoesDownByOneAndNothingElseChanges() {
    for (PacketBuilder builder : new PacketBuilder[] {v4(), v6()}) {
      for (int ttl = 2; ttl <= 255; ttl++) {
        ByteBuf buf = Bytes.packet(builder.ttl(ttl));
        assertThat(Ttl.decrement(buf, Bytes.view(buf))).isTrue();
        // The header of a packet that was built with one less, its checksum included.
        assertThat(Bytes.hexOf(buf)).isEqualTo(Bytes.hexOf(Bytes.packet(builder.ttl(ttl - 1))));
      }
    }
  }

  @Test
  void theLastHopIsReportedAndThePacketLeftAlone() {
    for (PacketBuilder builder : new PacketBuilder[] {v4(), v6()}) {
      for (int ttl = 0; ttl <= 1; ttl++) {
        ByteBuf buf = Bytes.packet(builder.ttl(ttl));
        String before = Bytes.hexOf(buf);
        assertThat(Ttl.decrement(buf, Bytes.view(buf))).isFalse();
        assertThat(Bytes.hexOf(buf)).isEqualTo(before);
      }
    }
  }

  @Test
  void everyTtlGoesUpByOneUpToTheLongest() {
    for (PacketBuilder builder : new PacketBuilder[] {v4(), v6()}) {
      for (int ttl = 0; ttl <= 255; ttl++) {
        ByteBuf buf = Bytes.packet(builder.ttl(ttl));
        Ttl.increment(buf, Bytes.view(buf));
        assertThat(Bytes.hexOf(buf))
            .isEqualTo(Bytes.hexOf(Bytes.packet(builder.ttl(Math.min(ttl + 1, 255)))));
      }
    }
  }

  private static PacketBuilder v4() {
    return PacketBuilder.of("192.0.2.1", "198.51.100.2").udp(1, 2).ipOptions((byte) 1).payload(9);
  }

  private static PacketBuilder v6() {
    return PacketBuilder.of("fd00::1", "fd00::2").udp(1, 2).payload(9);
  }
}
