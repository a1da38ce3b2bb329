package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class InferredOffloadTest {
  private static final int MTU = 1500;
  private static final String PLAIN = "00000000000000000000";

  /** Description, packet, the virtio_net_hdr that is written (little-endian). */
  static Stream<Arguments> table() {
    return Stream.of(
        Arguments.of("a whole TCP packet", tcp(100), PLAIN),
        Arguments.of(
            "TCP that a device was to finish", tcp(100).checksumLeft(), "01002800000014001000"),
        Arguments.of("TCP over IPv6 likewise", tcp6(100).checksumLeft(), "01003c00000028001000"),
        Arguments.of("UDP likewise", udp(100).checksumLeft(), "01001c00000014000600"),
        Arguments.of("TCP as long as the MTU", tcp(1460).checksumLeft(), "01002800000014001000"),
        Arguments.of("TCP merged on receipt", tcp(1461).checksumLeft(), "01012800b40514001000"),
        Arguments.of("TCP over IPv6 merged", tcp6(9000).checksumLeft(), "01043c00a00528001000"),
        Arguments.of(
            "merged by the network card, checksum right", tcp(9000), "01012800b40514001000"),
        Arguments.of("a SYN, which no device merges", syn(9000), PLAIN),
        Arguments.of("signed as a whole (RFC 2385)", signed().payload(9000), PLAIN),
        Arguments.of("UDP longer than the MTU is left whole", udp(9000), PLAIN),
        Arguments.of("ICMP", v4().icmp(8, 0, 1).payload(9000), PLAIN),
        Arguments.of("another protocol", v4().raw(50).payload(9000), PLAIN),
        Arguments.of("a fragment", udp(100).fragment(0, true), PLAIN));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("table")
  void theTable(String name, PacketBuilder packet, String header) {
    ByteBuf buf = Bytes.empty(10_000);
    packet.write(buf.writerIndex(10));
    PacketView view = Bytes.viewAt(buf, 10);
    String before = Bytes.hexOf(buf.slice(10, view.length()));
    InferredOffload.write(buf, 0, view, MTU);
    assertThat(Bytes.hexOf(buf.slice(0, 10))).as(name).isEqualTo(header);
    assertThat(OffloadCheck.check(buf, 0, view)).isEqualTo(PacketFault.NONE);
    if (header.equals(PLAIN)) {
      assertThat(Bytes.hexOf(buf.slice(10, view.length()))).isEqualTo(before);
    }
    var segmenter = new Segmenter();
    segmenter.begin(buf, 0, view);
    ByteBuf out = Bytes.empty(10_000);
    for (int at = 0; segmenter.next(out); at = out.writerIndex()) {
      assertThat(Checksums.verifyTransport(Bytes.viewAt(out, at))).isTrue();
    }
  }

  @Test
  void moreSegmentsThanAnotherHostTakesAreNotMade() {
    ByteBuf buf = Bytes.empty(10_000);
    tcp(OffloadCheck.MAX_SEGMENTS + 1).write(buf.writerIndex(10));
    PacketView view = Bytes.viewAt(buf, 10);
    InferredOffload.write(buf, 0, view, 41); // one byte of data each
    assertThat(Bytes.hexOf(buf.slice(0, 10))).isEqualTo(PLAIN);
    InferredOffload.write(buf, 0, view, 42);
    assertThat(VirtioNetHeader.gsoSize(buf, 0)).isEqualTo(2);
    assertThat(OffloadCheck.check(buf, 0, view)).isEqualTo(PacketFault.NONE);
  }

  @Test
  void aWrongChecksumStaysWrong() {
    for (PacketBuilder builder : List.of(tcp(100), tcp(9000), udp(100))) {
      ByteBuf buf = Bytes.empty(10_000);
      builder.write(buf.writerIndex(10));
      PacketView view = Bytes.viewAt(buf, 10);
      int last = view.end() - 1;
      buf.setByte(last, buf.getByte(last) ^ 0x10);
      InferredOffload.write(buf, 0, view, MTU);
      assertThat(Bytes.hexOf(buf.slice(0, 10))).isEqualTo(PLAIN);
      assertThat(Checksums.verifyTransport(view)).isFalse();
    }
  }

  @Test
  void udpWithoutAChecksumStaysWithout() {
    ByteBuf buf = Bytes.empty(200);
    udp(100).write(buf.writerIndex(10));
    PacketView view = Bytes.viewAt(buf, 10);
    buf.setShort(36, 0);
    InferredOffload.write(buf, 0, view, MTU);
    assertThat(Bytes.hexOf(buf.slice(0, 10))).isEqualTo(PLAIN);
    assertThat(buf.getShort(36)).isZero();
  }

  private static PacketBuilder signed() {
    return v4().tcp(
            1, 2, 3, 4, PacketView.ACK, 5, HexFormat.of().parseHex("01011312" + "ab".repeat(16)));
  }

  private static PacketBuilder v4() {
    return PacketBuilder.of("192.0.2.1", "198.51.100.2");
  }

  private static PacketBuilder tcp(int payload) {
    return v4().tcp(1, 2, 3, 4, PacketView.ACK, 5).payload(payload);
  }

  private static PacketBuilder syn(int payload) {
    return v4().tcp(1, 2, 3, 4, PacketView.SYN, 5).payload(payload);
  }

  private static PacketBuilder tcp6(int payload) {
    return PacketBuilder.of("fd00::1", "fd00::2")
        .tcp(1, 2, 3, 4, PacketView.ACK, 5)
        .payload(payload);
  }

  private static PacketBuilder udp(int payload) {
    return v4().udp(1, 2).payload(payload);
  }
}
