package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SegmenterTest {
  private static final int CWR = 0x80;
  private static final int ECE = 0x40;

  private final Segmenter segmenter = new Segmenter();

  @Test
  void tcpIsCutAsLinuxDoes() {
    int flags = PacketView.ACK | PacketView.PSH | PacketView.FIN | PacketView.URG | CWR | ECE;
    List<PacketView> out =
        cut(
            v4().identification(0xffff)
                .trafficClass(0x2e << 2 | 2)
                .ttl(17)
                .tcp(40000, 443, 0xffff_ff00L, 77, flags, 5000, timestamps())
                .payload(2500)
                .gso(1000));
    assertThat(out).hasSize(3);
    int kept = PacketView.ACK | PacketView.URG | ECE;
    assertSegment(out.get(0), 0xffff, 0xffff_ff00L, kept | CWR, 1000);
    assertSegment(out.get(1), 0, 0xffff_ff00L + 1000 - (1L << 32), kept, 1000);
    assertSegment(out.get(2), 1, 744 + 1000, kept | PacketView.PSH | PacketView.FIN, 500);
    for (PacketView segment : out) {
      assertThat(segment.hopLimit()).isEqualTo(17);
      assertThat(segment.trafficClass()).isEqualTo(0x2e << 2 | 2);
      assertThat(segment.dontFragment()).isTrue();
      assertThat(segment.tcpHeaderLength()).isEqualTo(32);
      assertThat(segment.tcpAcknowledgment()).isEqualTo(77);
      assertThat(segment.tcpWindow()).isEqualTo(5000);
    }
  }

  private static void assertSegment(PacketView view, int id, long sequence, int flags, int data) {
    assertThat(view.buffer().getUnsignedShort(view.start() + 4)).isEqualTo(id);
    assertThat(view.tcpSequence()).isEqualTo(sequence);
    assertThat(view.tcpFlags()).isEqualTo(flags);
    assertThat(view.tcpPayloadLength()).isEqualTo(data);
  }

  @Test
  void aFullSegmentAtTheEndIsTheLast() {
    List<PacketView> out = cut(v6().tcp(1, 2, 3, 4, PacketView.PSH, 5).payload(3000).gso(1000));
    assertThat(out).hasSize(3);
    assertThat(out.get(1).tcpFlags()).isZero();
    assertThat(out.get(2).tcpFlags()).isEqualTo(PacketView.PSH);
    assertThat(out.get(2).tcpPayloadLength()).isEqualTo(1000);
  }

  @Test
  void udpIsCutIntoDatagrams() {
    for (PacketBuilder builder : List.of(v4().ipOptions((byte) 1), v6().extension(60))) {
      List<PacketView> out = cut(builder.udp(5353, 53).payload(2100).gso(1000));
      assertThat(out).hasSize(3);
      assertThat(out.stream().map(PacketView::udpLength)).containsExactly(1008, 1008, 108);
      assertThat(out.stream().map(PacketView::hasOptionsOrExtensions)).containsOnly(true);
      assertThat(out.stream().map(PacketView::destinationPort)).containsOnly(53);
    }
  }

  @Test
  void whatFitsIntoOneSegmentComesOutOnceAndComplete() {
    for (int payload : new int[] {0, 1, 1000}) {
      List<PacketView> out = cut(v4().udp(1, 2).payload(payload).gso(1000));
      assertThat(out).hasSize(1);
      assertThat(out.getFirst().udpLength()).isEqualTo(8 + payload);
    }
  }

  @Test
  void aPlainPacketComesOutAsItIs() {
    ByteBuf in = Bytes.empty(2000);
    int start = v4().tcp(1, 2, 3, 4, PacketView.ACK, 5).payload(700).writeWithVnet(in);
    in.setShort(start + 20 + 16, 0xdead); // a wrong checksum is for the receiver to find
    ByteBuf out = Bytes.empty(2000);
    segmenter.begin(in, 0, Bytes.viewAt(in, start));
    assertThat(segmenter.segmentCount()).isEqualTo(1);
    assertThat(segmenter.maxSegmentLength()).isEqualTo(740);
    assertThat(segmenter.next(out)).isTrue();
    assertThat(segmenter.next(out)).isFalse();
    assertThat(Bytes.hexOf(out)).isEqualTo(Bytes.hexOf(in.slice(start, 740)));
  }

  @Test
  void paddingBehindThePacketIsLeftBehind() {
    ByteBuf in = Bytes.empty(2000);
    int start = v4().udp(1, 2).payload(3).writeWithVnet(in);
    in.writeZero(20);
    ByteBuf out = Bytes.empty(2000);
    segmenter.begin(in, 0, Bytes.viewAt(in, start));
    assertThat(segmenter.next(out)).isTrue();
    assertThat(out.readableBytes()).isEqualTo(31);
  }

  @Test
  void aChecksumLeftIsCompletedInTheCopyAlone() {
    for (PacketBuilder builder :
        List.of(
            v4().tcp(1, 2, 3, 4, PacketView.ACK, 5),
            v6().tcp(1, 2, 3, 4, PacketView.ACK, 5),
            v4().udp(1, 2),
            v6().udp(1, 2))) {
      List<PacketView> out = cut(builder.payload(101).checksumLeft());
      assertThat(out).hasSize(1);
    }
  }

  @Test
  void theChecksumInsideOfTheGuestsOwnTunnelIsCompleted() {
    ByteBuf inner =
        Bytes.packet(v4().tcp(1, 2, 3, 4, PacketView.ACK, 5).payload(55).checksumLeft());
    byte[] content = new byte[inner.writerIndex()];
    inner.getBytes(0, content);
    ByteBuf in = Bytes.empty(2000);
    int start = v6().raw(4).payload(content).writeWithVnet(in);
    VirtioNetHeader.set(in, 0, VirtioNetHeader.FLAG_NEEDS_CHECKSUM, 0, 0, 0, 40 + 20, 16);
    PacketView view = Bytes.viewAt(in, start);
    assertThat(OffloadCheck.check(in, 0, view)).isEqualTo(PacketFault.NONE);
    segmenter.begin(in, 0, view);
    ByteBuf out = Bytes.empty(2000);
    assertThat(segmenter.next(out)).isTrue();
    assertThat(Checksums.verifyTransport(Bytes.viewAt(out, 40))).isTrue();
  }

  /** Any super-packet: segments in order carry its data, and each is whole and right. */
  @Test
  void theSegmentsTogetherAreThePacket() {
    var random = new Random(8);
    for (int round = 0; round < 150; round++) {
      PacketBuilder builder = random.nextBoolean() ? v4() : v6();
      boolean tcp = random.nextBoolean();
      if (tcp) {
        byte[] options = new byte[4 * random.nextInt(11)];
        Arrays.fill(options, (byte) 1);
        builder.tcp(1, 2, random.nextInt() & 0xffff_ffffL, 4, PacketView.ACK, 5, options);
      } else {
        builder.udp(1, 2);
      }
      int payload = random.nextInt(65_000);
      byte[] data = new byte[payload];
      random.nextBytes(data);
      int size = 30 + random.nextInt(3000);
      List<PacketView> out = cut(builder.payload(data).gso(size));
      assertThat(out).hasSize(Math.max(1, (payload + size - 1) / size));
      int at = 0;
      for (PacketView segment : out) {
        int from = tcp ? segment.tcpPayloadStart() : segment.transportStart() + 8;
        byte[] piece = new byte[segment.end() - from];
        segment.buffer().getBytes(from, piece);
        assertThat(piece).isEqualTo(Arrays.copyOfRange(data, at, at + piece.length));
        at += piece.length;
      }
      assertThat(at).isEqualTo(payload);
    }
  }

  /** Whatever passes the check comes out in packets that are packets. */
  @Test
  void noCheckedHeaderMakesItFail() {
    var random = new Random(9);
    ByteBuf in = Bytes.empty(1000);
    ByteBuf out = Bytes.empty(1_000_000);
    int[] kinds = {0, 1, 4, 5, 0x81, 0x84};
    int passed = 0;
    for (int i = 0; i < 30_000; i++) {
      PacketBuilder builder = random.nextBoolean() ? v4() : v6();
      builder = random.nextBoolean() ? builder.udp(1, 2) : builder.tcp(1, 2, 3, 4, 0, 5);
      int start = builder.payload(random.nextInt(300)).gso(1).writeWithVnet(in.clear());
      in.setByte(1, kinds[random.nextInt(kinds.length)]);
      in.setShortLE(4, 1 + random.nextInt(400));
      in.setByte(start + random.nextInt(60), random.nextInt());
      var view = new PacketView();
      if (view.check(in, start, in.writerIndex() - start) != PacketFault.NONE
          || OffloadCheck.check(in, 0, view) != PacketFault.NONE) {
        continue;
      }
      passed++;
      segmenter.begin(in, 0, view);
      out.clear();
      int longest = 0;
      int count = 0;
      for (int at = 0; segmenter.next(out); at = out.writerIndex()) {
        longest = Math.max(longest, out.writerIndex() - at);
        count++;
        assertThat(new PacketView().check(out, at, out.writerIndex() - at))
            .isEqualTo(PacketFault.NONE);
      }
      assertThat(count).isEqualTo(segmenter.segmentCount());
      assertThat(longest).isEqualTo(segmenter.maxSegmentLength());
    }
    assertThat(passed).isGreaterThan(3000);
  }

  /** Cuts the packet, and checks what is true of every segment. */
  private List<PacketView> cut(PacketBuilder builder) {
    ByteBuf in = Bytes.empty(70_000);
    int start = builder.writeWithVnet(in);
    PacketView whole = Bytes.viewAt(in, start);
    assertThat(OffloadCheck.check(in, 0, whole)).isEqualTo(PacketFault.NONE);
    String before = Bytes.hexOf(in);
    segmenter.begin(in, 0, whole);
    var out = new ArrayList<PacketView>();
    while (true) {
      ByteBuf segment = Bytes.empty(segmenter.maxSegmentLength() + 3).writerIndex(3);
      if (!segmenter.next(segment)) {
        assertThat(segment.writerIndex()).isEqualTo(3);
        break;
      }
      PacketView view = Bytes.viewAt(segment, 3);
      assertThat(view.end()).isEqualTo(segment.writerIndex());
      assertThat(Checksums.verifyTransport(view)).as("transport checksum").isTrue();
      if (view.isV4()) {
        int header = view.transportStart() - view.start();
        assertThat(Checksums.verifyIpv4Header(segment, 3, header)).isTrue();
      }
      out.add(view);
    }
    assertThat(out).hasSize(segmenter.segmentCount());
    assertThat(Bytes.hexOf(in)).as("the super-packet is left as it was").isEqualTo(before);
    return out;
  }

  private static byte[] timestamps() {
    return new byte[] {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
  }

  private static PacketBuilder v4() {
    return PacketBuilder.of("192.0.2.1", "198.51.100.2");
  }

  private static PacketBuilder v6() {
    return PacketBuilder.of("2001:db8::1", "2001:db8::2");
  }
}
