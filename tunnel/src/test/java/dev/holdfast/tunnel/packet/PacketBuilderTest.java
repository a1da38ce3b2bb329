package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import org.junit.jupiter.api.Test;

/** The builder is what other tests trust, so it is held to bytes that were worked out by hand. */
class PacketBuilderTest {

  @Test
  void udpOverIpv4() {
    ByteBuf out = Bytes.empty(100).writerIndex(1);
    int start =
        PacketBuilder.of("10.0.0.1", "10.0.0.2")
            .identification(0x0102)
            .udp(0x1234, 0x0035)
            .payload(new byte[] {(byte) 0xab, (byte) 0xcd, (byte) 0xef})
            .write(out);
    assertThat(start).isEqualTo(1);
    // header: 4500+001f+0102+4000+4011+0a00+0001+0a00+0002 = da35, so 25ca
    // UDP: 0a00+0001+0a00+0002+0011+000b + 1234+0035+000b + abcd+ef00 = c161, so 3e9e
    assertThat(Bytes.hexOf(out))
        .isEqualTo(
            "a5"
                + "4500001f010240004011"
                + "25ca"
                + "0a0000010a000002"
                + "12340035000b"
                + "3e9e"
                + "abcdef");
  }

  @Test
  void tcpOverIpv4WithOptions() {
    ByteBuf out = Bytes.empty(100);
    PacketBuilder.of("10.0.0.1", "10.0.0.2")
        .ttl(1)
        .trafficClass(0xff)
        .dontFragment(false)
        .ipOptions((byte) 1)
        .tcp(
            1,
            2,
            0xfffffffeL,
            0x01020304,
            PacketView.SYN | PacketView.ACK,
            0xffff,
            (byte) 2,
            (byte) 4,
            (byte) 5,
            (byte) 0xb4)
        .write(out);
    assertThat(Bytes.hexOf(out.slice(0, 10))).isEqualTo("46ff0030000000000106");
    assertThat(Bytes.hexOf(out.slice(20, 20)))
        .isEqualTo("01000000" + "00010002" + "fffffffe" + "01020304" + "6012ffff");
    assertThat(Bytes.hexOf(out.slice(42, 6))).isEqualTo("0000" + "020405b4");
    assertThat(out.readableBytes()).isEqualTo(48);
    assertThat(Checksums.verifyIpv4Header(out, 0, 24)).isTrue();
    assertThat(Checksums.verifyTransport(Bytes.view(out))).isTrue();
  }

  @Test
  void aFragmentOverIpv6BehindAnExtension() {
    ByteBuf out = Bytes.empty(100);
    PacketBuilder.of("fd00::1", "fd00::2")
        .trafficClass(0x12)
        .flowLabel(0x34567)
        .extension(60, (byte) 1, (byte) 4)
        .udp(1, 2)
        .fragment(16, true)
        .identification(0x01020304)
        .payload(new byte[] {(byte) 0xaa})
        .write(out);
    assertThat(Bytes.hexOf(out))
        .isEqualTo(
            "61234567"
                + "0011"
                + "3c"
                + "40"
                + "fd000000000000000000000000000001"
                + "fd000000000000000000000000000002"
                + "2c00010400000000"
                + "1100001101020304"
                + "aa");
  }

  @Test
  void aFragmentOverIpv4() {
    ByteBuf out = Bytes.empty(100);
    PacketBuilder.of("10.0.0.1", "10.0.0.2").raw(17).fragment(1480, true).payload(1).write(out);
    assertThat(Bytes.hexOf(out.slice(6, 2))).isEqualTo("20b9");
  }

  @Test
  void aPlainPacketHasAnIdleVnetHeader() {
    ByteBuf out = Bytes.empty(100);
    int start = PacketBuilder.of("10.0.0.1", "10.0.0.2").udp(1, 2).writeWithVnet(out);
    assertThat(start).isEqualTo(10);
    assertThat(Bytes.hexOf(out.slice(0, 11))).isEqualTo("00".repeat(10) + "45");
  }

  @Test
  void aSuperPacketSaysSoInItsVnetHeader() {
    ByteBuf out = Bytes.empty(5000);
    int start =
        PacketBuilder.of("fd00::1", "fd00::2")
            .extension(60)
            .tcp(1, 2, 3, 4, 0, 5)
            .payload(3000)
            .gso(0x0123)
            .writeWithVnet(out);
    // flags, type TCPV6, headers 68, size, start 48, offset 16
    assertThat(Bytes.hexOf(out.slice(0, 10))).isEqualTo("0104" + "4400" + "2301" + "3000" + "1000");
    PacketView view = Bytes.viewAt(out, start);
    assertThat(out.getUnsignedShort(view.transportStart() + 16))
        .isEqualTo(Checksums.pseudoHeader(view, PacketView.TCP, 3020));
  }

  @Test
  void oneBuilderMakesASeries() {
    PacketBuilder builder = PacketBuilder.of("10.0.0.1", "10.0.0.2").udp(1, 2).payload(4);
    String first = Bytes.hexOf(Bytes.packet(builder));
    builder.payload(9);
    assertThat(Bytes.hexOf(Bytes.packet(builder.payload(4)))).isEqualTo(first);
  }

  @Test
  void twoFamiliesInOnePacketAreAMistake() {
    assertThatThrownBy(() -> PacketBuilder.of("10.0.0.1", "::1"))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
