package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SegmentLengthTest {
  private static final int LAN = 1_400;

  private static PacketBuilder v4(int flags, byte... options) {
    return PacketBuilder.of("192.0.2.1", "198.51.100.2")
        .dontFragment(true)
        .tcp(1, 2, 3, 4, flags, 5, options);
  }

  private static PacketBuilder v6(int flags) {
    return PacketBuilder.of("fd00::1", "fd00::2").tcp(1, 2, 3, 4, flags, 5);
  }

  private static ByteBuf written(PacketBuilder packet) {
    ByteBuf buf = Bytes.empty(70_000);
    packet.writeWithVnet(buf);
    return buf;
  }

  private static PacketView view(ByteBuf buf) {
    return Bytes.viewAt(buf, VirtioNetHeader.LENGTH);
  }

  /** What a device makes of it, where that may be. */
  private static List<Integer> lengths(ByteBuf buf) {
    PacketView view = view(buf);
    assertThat(SegmentLength.shorten(buf, 0, view, LAN)).isTrue();
    assertThat(OffloadCheck.check(buf, 0, view)).isEqualTo(PacketFault.NONE);
    var segmenter = new Segmenter();
    segmenter.begin(buf, 0, view);
    List<Integer> lengths = new ArrayList<>();
    ByteBuf out = Bytes.empty(70_000);
    for (int at = 0; segmenter.next(out); at = out.writerIndex()) {
      PacketView segment = Bytes.viewAt(out, at);
      assertThat(Checksums.verifyTransport(segment)).isTrue();
      lengths.add(segment.length());
    }
    return lengths;
  }

  @Test
  void eachSegmentFits() {
    int ack = PacketView.ACK;
    assertThat(lengths(written(v4(ack).payload(1_460)))).containsExactly(1_400, 140);
    assertThat(lengths(written(v6(ack).payload(1_440)))).containsExactly(1_400, 160);
    assertThat(lengths(written(v4(ack).payload(1_460).checksumLeft()))).containsExactly(1_400, 140);
    assertThat(lengths(written(v4(ack).payload(4_380).gso(1_460))))
        .containsExactly(1_400, 1_400, 1_400, 340);
  }

  @Test
  void someAreNotDivided() {
    byte[] noneOfThese = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    assertThat(lengths(written(v4(PacketView.ACK, noneOfThese).payload(1_448)))).hasSize(2);
    byte[] signature = new byte[20];
    signature[0] = 1;
    signature[1] = 1;
    signature[2] = 19;
    signature[3] = 18;
    byte[] authentication = {29, 16, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    byte[] lying = {8, 0, 1, 1};
    byte[] cut = {1, 1, 1, 8};
    for (PacketBuilder packet :
        List.of(
            v4(PacketView.ACK, signature).payload(1_440),
            v4(PacketView.ACK, authentication).payload(1_440),
            v4(PacketView.ACK, lying).payload(1_440),
            v4(PacketView.ACK, cut).payload(1_440),
            v4(PacketView.SYN).payload(1_460),
            v4(PacketView.RST | PacketView.ACK).payload(1_460),
            v4(PacketView.URG | PacketView.ACK).payload(1_460),
            v6(PacketView.SYN).payload(1_440),
            v6(PacketView.ACK).extension(60, new byte[6]).payload(1_440),
            v4(PacketView.ACK).fragment(0, true).payload(1_460),
            PacketBuilder.of("192.0.2.1", "198.51.100.2").udp(1, 2).payload(1_472))) {
      ByteBuf buf = written(packet);
      String before = Bytes.hexOf(buf);
      assertThat(SegmentLength.shorten(buf, 0, view(buf), LAN)).isFalse();
      assertThat(Bytes.hexOf(buf)).isEqualTo(before);
    }
  }

  @Test
  void aReducedWindowIsToldOnce() {
    ByteBuf buf = written(v4(PacketView.ACK | 0x80).payload(1_460));
    assertThat(SegmentLength.shorten(buf, 0, view(buf), LAN)).isTrue();
    assertThat(VirtioNetHeader.gsoType(buf, 0))
        .isEqualTo(VirtioNetHeader.GSO_TCPV4 | VirtioNetHeader.GSO_ECN);
  }

  @Test
  void aWrongChecksumIsNotMadeRight() {
    ByteBuf buf = written(v4(PacketView.ACK).payload(1_460));
    int last = view(buf).end() - 1;
    buf.setByte(last, buf.getByte(last) ^ 0x10);
    assertThat(SegmentLength.shorten(buf, 0, view(buf), LAN)).isFalse();
    assertThat(Checksums.verifyTransport(view(buf))).isFalse();
  }

  @Test
  void lessThanTheHeadersIsNoLength() {
    ByteBuf buf = written(v4(PacketView.ACK).payload(1_460));
    assertThat(SegmentLength.shorten(buf, 0, view(buf), 40)).isFalse();
  }
}
