package dev.holdfast.redirector.capturefile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.CapturedPacket.Shape;
import dev.holdfast.tunnel.packet.PacketBuilder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CapturedPacketTest {
  private final CapturedPacket packet = new CapturedPacket();

  private static PacketBuilder four() {
    return PacketBuilder.of("10.9.0.2", "10.1.0.10");
  }

  private static PacketBuilder six() {
    return PacketBuilder.of("fd00:9::2", "fd00:1::10");
  }

  private Shape lay(byte[] bytes) {
    return packet.lay(bytes, 0, bytes.length, bytes.length);
  }

  @Test
  void headersAreFound() {
    byte[] bytes = Trace.bytes(four().tcp(40_000, 80, 7, 9, 0x12, 512, (byte) 1).payload(5));
    byte[] behind = Arrays.copyOf(bytes, bytes.length + 3);
    System.arraycopy(bytes, 0, behind, 3, bytes.length);
    assertThat(packet.lay(behind, 3, behind.length - 3, behind.length - 3)).isEqualTo(Shape.SOUND);
    assertThat(packet.start()).isEqualTo(3);
    assertThat(packet.transport()).isEqualTo(23);
    assertThat(packet.transportLength()).isEqualTo(24);
    assertThat(packet.payload()).isEqualTo(47);
    assertThat(packet.end()).isEqualTo(52).isEqualTo(packet.limit());
    assertThat(packet.sourcePort()).isEqualTo(40_000);
    assertThat(packet.destinationPort()).isEqualTo(80);
    assertThat(packet.sourceLow()).isEqualTo(0xffff_0a09_0002L);
    assertThat(packet.isFragment()).isFalse();
  }

  @Test
  void extensionHeadersArePassed() {
    byte[] bytes = Trace.bytes(six().extension(0).extension(60, new byte[14]).udp(1, 2).payload(3));
    assertThat(lay(bytes)).isEqualTo(Shape.SOUND);
    assertThat(packet.extensions()).isEqualTo(2);
    assertThat(packet.extensionType(1)).isEqualTo(60);
    assertThat(packet.extensionAt(1)).isEqualTo(48);
    assertThat(packet.extensionSize(1)).isEqualTo(16);
    assertThat(packet.transport()).isEqualTo(64);
    assertThat(packet.protocol()).isEqualTo(CapturedPacket.UDP);
  }

  @Test
  void fragmentsOfBothFamilies() {
    assertThat(lay(Trace.bytes(four().identification(77).raw(17).payload(16).fragment(1480, true))))
        .isEqualTo(Shape.SOUND);
    assertThat(packet.fragmentOffset()).isEqualTo(1480);
    assertThat(packet.moreFragments()).isTrue();
    assertThat(packet.fragmentId()).isEqualTo(77);
    assertThat(packet.hasTransport()).isFalse();
    assertThat(
            lay(
                Trace.bytes(
                    six().identification(0x12345678).udp(1, 2).payload(8).fragment(0, true))))
        .isEqualTo(Shape.SOUND);
    assertThat(packet.isFragment()).isTrue();
    assertThat(packet.fragmentId()).isEqualTo(0x12345678);
    assertThat(packet.hasTransport()).isTrue();
  }

  @Test
  void whatNoHostMaySendIsTaken() {
    assertThat(lay(Trace.bytes(PacketBuilder.of("127.0.0.1", "127.0.0.1").udp(1, 2))))
        .isEqualTo(Shape.SOUND);
    assertThat(lay(Trace.bytes(PacketBuilder.of("::1", "::1").udp(1, 2)))).isEqualTo(Shape.SOUND);
  }

  @Test
  void anEndThatWasNotCapturedIsKnown() {
    byte[] bytes = Trace.bytes(six().extension(60).tcp(1, 2, 3, 4, 16, 5).payload(100));
    for (int captured = 0; captured <= bytes.length; captured++) {
      byte[] cut = Arrays.copyOf(bytes, captured);
      Shape shape = packet.lay(cut, 0, captured, bytes.length);
      assertThat(shape).isEqualTo(captured < 48 ? Shape.CUT_OFF : Shape.SOUND);
      if (shape == Shape.SOUND) {
        assertThat(packet.end()).isEqualTo(bytes.length);
        assertThat(packet.limit()).isEqualTo(captured);
        assertThat(packet.hasTransport()).isEqualTo(captured >= 68);
        assertThat(packet.hasPorts()).isEqualTo(captured >= 52);
      }
    }
  }

  @Test
  void lengthsThatCannotBeAreMalformed() {
    byte[] four = Trace.bytes(four().udp(1, 2));
    four[0] = 0x44; // 16 bytes of header
    assertThat(lay(four)).isEqualTo(Shape.MALFORMED);
    byte[] zero = Trace.bytes(four().udp(1, 2));
    zero[0] = 0x40;
    assertThat(lay(zero)).isEqualTo(Shape.MALFORMED);
    byte[] total = Trace.bytes(four().udp(1, 2));
    total[3] = 19;
    assertThat(lay(total)).isEqualTo(Shape.MALFORMED);
    byte[] six = Trace.bytes(six().extension(0).udp(1, 2));
    six[41] = 9; // the extension header is longer than the packet
    assertThat(lay(six)).isEqualTo(Shape.MALFORMED);
    assertThat(packet.lay(new byte[] {0x50}, 0, 1, 1)).isEqualTo(Shape.MALFORMED);
    byte[] endless = Trace.bytes(four().udp(1, 2));
    endless[2] = 0;
    endless[3] = 0; // all that was on the wire, which is said to be two GiB
    assertThat(packet.lay(endless, 0, endless.length, Integer.MAX_VALUE))
        .isEqualTo(Shape.MALFORMED);
  }

  @Test
  void tcpThatIsTooShortHasNoHeader() {
    byte[] bytes = Trace.bytes(four().tcp(1, 2, 3, 4, 16, 5));
    bytes[32] = 0x40; // 16 bytes
    assertThat(lay(bytes)).isEqualTo(Shape.SOUND);
    assertThat(packet.transportLength()).isZero();
    bytes[32] = (byte) 0xf0; // 60 bytes, more than there are
    assertThat(lay(bytes)).isEqualTo(Shape.SOUND);
    assertThat(packet.hasTransport()).isFalse();
  }

  @Test
  void noBytesLeadPastTheEnd() {
    var random = new Random(1);
    List<byte[]> seeds =
        List.of(
            Trace.bytes(four().ipOptions((byte) 1).tcp(1, 2, 3, 4, 16, 5, (byte) 1).payload(9)),
            Trace.bytes(six().extension(0).extension(43, new byte[22]).udp(1, 2).payload(9)),
            Trace.bytes(six().icmp(1, 0, 0).payload(40).fragment(0, true)));
    for (int round = 0; round < 60_000; round++) {
      byte[] bytes = seeds.get(round % seeds.size()).clone();
      for (int i = random.nextInt(4); i >= 0; i--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      byte[] cut = Arrays.copyOf(bytes, random.nextInt(bytes.length + 1));
      if (packet.lay(cut, 0, cut.length, bytes.length) == Shape.SOUND) {
        assertThat(packet.limit()).isLessThanOrEqualTo(cut.length);
        assertThat(packet.transport()).isBetween(20, packet.limit());
        assertThat(packet.payload()).isLessThanOrEqualTo(packet.end());
        int unused = packet.sourcePort() + packet.destinationPort();
        if (packet.hasTransport()) {
          assertThat(packet.payload()).isLessThanOrEqualTo(packet.limit());
        }
      }
    }
  }
}
