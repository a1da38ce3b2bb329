package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ChecksumsTest {

  @Test
  void theExampleOfRfc1071Section3() {
    ByteBuf bytes = Bytes.hex("0001 f203 f4f5 f6f7");
    assertThat(Checksums.sum(bytes, 0, 8, 0)).isEqualTo(0xddf2);
  }

  @Test
  void theExampleOfRfc1624Section4() {
    assertThat(Checksums.update16(0xdd2f, 0x5555, 0x3285)).isEqualTo(0x0000);
  }

  @Test
  void aKnownIpv4Header() {
    ByteBuf header = Bytes.hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
    assertThat(Checksums.ipv4Header(header, 0, 20)).isEqualTo(0xb861);
    assertThat(Checksums.verifyIpv4Header(header, 0, 20)).isTrue();
    header.setByte(8, 0x3f);
    assertThat(Checksums.verifyIpv4Header(header, 0, 20)).isFalse();
  }

  @Test
  void anOddByteCountsAsTheHighHalfOfAWord() {
    assertThat(Checksums.sum(Bytes.hex("01 02 03"), 0, 3, 0)).isEqualTo(0x0102 + 0x0300);
    assertThat(Checksums.sum(Bytes.hex("ff"), 0, 0, 0x12345)).isEqualTo(0x2346);
  }

  @Test
  void everyLengthAtEveryAlignmentIsTheSameAsWordByWord() {
    var random = new Random(1);
    for (ByteBuf buf : List.of(Bytes.empty(300), Unpooled.buffer(300))) {
      byte[] bytes = new byte[300];
      random.nextBytes(bytes);
      buf.writeBytes(bytes);
      for (int length = 0; length < 140; length++) {
        int index = random.nextInt(300 - length);
        int seed = random.nextInt(0x10000);
        assertThat(Checksums.sum(buf, index, length, seed))
            .as("%d bytes at %d", length, index)
            .isEqualTo(wordByWord(bytes, index, length, seed));
      }
    }
  }

  @Test
  void allOnesOf64KilobytesDoNotOverflow() {
    ByteBuf buf = Bytes.empty(65_536);
    for (int i = 0; i < 65_536; i++) {
      buf.writeByte(0xff);
    }
    assertThat(Checksums.sum(buf, 0, 65_536, -1)).isEqualTo(0xffff);
  }

  @Test
  void bytesOutsideOfTheBufferAreRefused() {
    ByteBuf buf = Bytes.empty(16);
    assertThatThrownBy(() -> Checksums.sum(buf, 10, 7, 0))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void anIncrementIsTheSameAsAllOverAgain() {
    var random = new Random(2);
    ByteBuf header = Bytes.hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
    for (int i = 0; i < 2000; i++) {
      int at = random.nextInt(2) == 0 ? 4 : 8; // both leave the checksum field alone
      int before = header.getUnsignedShort(at);
      int after = random.nextInt(4) == 0 ? 0xffff * random.nextInt(2) : random.nextInt(0x10000);
      int checksum = header.getUnsignedShort(10);
      header.setShort(at, after);
      header.setShort(10, Checksums.update16(checksum, before, after));
      assertThat(Checksums.verifyIpv4Header(header, 0, 20)).isTrue();

      int address = header.getInt(12);
      int other = random.nextInt();
      checksum = header.getUnsignedShort(10);
      header.setInt(12, other);
      header.setShort(10, Checksums.update32(checksum, address, other));
      assertThat(Checksums.ipv4Header(header, 0, 20)).isEqualTo(header.getUnsignedShort(10));
    }
  }

  /** The SYN that scapy makes of IP()/TCP(); from loopback, so no view is laid over it. */
  @Test
  void aKnownTcpChecksum() {
    ByteBuf syn =
        Bytes.hex(
            "45000028 00010000 40067ccd 7f000001 7f000001"
                + "00140050 00000000 00000000 50022000 917c0000");
    assertThat(Checksums.verifyIpv4Header(syn, 0, 20)).isTrue();
    int pseudo = Checksums.fold((long) Checksums.sum(syn, 12, 8, 0) + 6 + 20);
    assertThat(Checksums.sum(syn, 20, 20, pseudo)).isEqualTo(0xffff);
  }

  @Test
  void whatTheBuilderWritesVerifies() {
    for (PacketBuilder builder : everyKind()) {
      for (int payload : new int[] {0, 1, 2, 7, 1459}) {
        ByteBuf buf = Bytes.packet(builder.payload(payload));
        PacketView view = Bytes.view(buf);
        assertThat(Checksums.verifyTransport(view)).as(Bytes.hexOf(buf)).isTrue();
        int field = Checksums.fieldIndex(view);
        assertThat(Checksums.transport(view)).isEqualTo(buf.getUnsignedShort(field));
        buf.setByte(view.end() - 1, buf.getByte(view.end() - 1) ^ 1);
        assertThat(Checksums.verifyTransport(view)).isFalse();
        Checksums.setTransport(view);
        assertThat(Checksums.verifyTransport(view)).isTrue();
      }
    }
  }

  @Test
  void udpWithoutAChecksumIsRightOverIpv4Alone() {
    for (String[] pair : new String[][] {{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}}) {
      ByteBuf buf = Bytes.packet(PacketBuilder.of(pair[0], pair[1]).udp(1, 2).payload(5));
      PacketView view = Bytes.view(buf);
      buf.setShort(Checksums.fieldIndex(view), 0);
      assertThat(Checksums.verifyTransport(view)).isEqualTo(view.isV4());
    }
  }

  @Test
  void aUdpChecksumOfZeroIsWrittenAsAllOnes() {
    int met = 0;
    ByteBuf buf = Bytes.empty(28);
    for (int port = 0; port < 0x10000; port++) {
      PacketBuilder.of("10.0.0.1", "10.0.0.2").udp(port, 2).write(buf.clear());
      PacketView view = Bytes.view(buf);
      int checksum = Checksums.transport(view);
      assertThat(checksum).isNotZero().isEqualTo(buf.getUnsignedShort(26));
      if (checksum == 0xffff) {
        met++;
        assertThat(Checksums.verifyTransport(view)).isTrue();
      }
    }
    assertThat(met).as("ports for which the sum comes out as zero").isPositive();
  }

  @Test
  void bytesBehindTheUdpLengthAreNotSummed() {
    ByteBuf buf = Bytes.packet(PacketBuilder.of("10.0.0.1", "10.0.0.2").udp(1, 2).payload(20));
    buf.setShort(20 + 4, 8 + 10);
    Checksums.setTransport(Bytes.view(buf));
    buf.setByte(45, 0x77);
    assertThat(Checksums.verifyTransport(Bytes.view(buf))).isTrue();
    buf.setByte(30, 0x77);
    assertThat(Checksums.verifyTransport(Bytes.view(buf))).isFalse();
  }

  @Test
  void aChecksumLeftToTheDeviceIsCompleted() {
    for (boolean tcp : new boolean[] {true, false}) {
      for (String[] pair : new String[][] {{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}}) {
        var builder = PacketBuilder.of(pair[0], pair[1]).payload(333).checksumLeft();
        ByteBuf buf =
            Bytes.packet(tcp ? builder.tcp(1, 2, 3, 4, PacketView.ACK, 5) : builder.udp(1, 2));
        PacketView view = Bytes.view(buf);
        assertThat(Checksums.verifyTransport(view)).isFalse();
        Checksums.complete(buf, view.transportStart(), tcp ? 16 : 6, view.end());
        assertThat(Checksums.verifyTransport(view)).isTrue();
      }
    }
  }

  @Test
  void aFragmentAndAnUnknownProtocolHaveNoChecksumToBeWrong() {
    var esp = Bytes.view(Bytes.packet(PacketBuilder.of("10.0.0.1", "10.0.0.2").raw(50).payload(9)));
    var first =
        Bytes.view(
            Bytes.packet(
                PacketBuilder.of("10.0.0.1", "10.0.0.2").udp(1, 2).payload(8).fragment(0, true)));
    assertThat(Checksums.verifyTransport(esp)).isTrue();
    assertThat(Checksums.verifyTransport(first)).isTrue();
    assertThatThrownBy(() -> Checksums.transport(esp)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Checksums.transport(first))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static List<PacketBuilder> everyKind() {
    return List.of(
        PacketBuilder.of("10.0.0.1", "10.0.0.2").tcp(1, 2, 3, 4, PacketView.ACK, 5),
        PacketBuilder.of("fd00::1", "fd00::2").tcp(1, 2, 3, 4, PacketView.ACK, 5, (byte) 1),
        PacketBuilder.of("10.0.0.1", "10.0.0.2").udp(1, 2).ipOptions((byte) 1),
        PacketBuilder.of("fd00::1", "fd00::2").udp(1, 2).extension(60, new byte[14]),
        PacketBuilder.of("10.0.0.1", "10.0.0.2").icmp(8, 0, 0x00010002),
        PacketBuilder.of("fd00::1", "fd00::2").icmp(128, 0, 0x00010002));
  }

  private static int wordByWord(byte[] bytes, int index, int length, int seed) {
    int sum = seed;
    for (int i = 0; i < length; i += 2) {
      int low = i + 1 < length ? bytes[index + i + 1] & 0xff : 0;
      sum += (bytes[index + i] & 0xff) << 8 | low;
      sum = (sum & 0xffff) + (sum >>> 16);
    }
    return sum;
  }
}
