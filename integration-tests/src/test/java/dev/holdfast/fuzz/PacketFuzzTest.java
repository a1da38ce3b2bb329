package dev.holdfast.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IcmpErrors;
import dev.holdfast.tunnel.packet.InferredOffload;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.OffloadCheck;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.Segmenter;
import dev.holdfast.tunnel.packet.Ttl;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever stands where an IP packet and its offload header should be. */
class PacketFuzzTest {
  private static final int VNET = VirtioNetHeader.LENGTH;
  private static final IpAddress GATEWAY = IpAddress.parse("10.1.0.1");
  private static final IpAddress GATEWAY_6 = IpAddress.parse("fd00:1::1");

  private final PacketView view = new PacketView();
  private final PacketView piece = new PacketView();
  private final Segmenter segmenter = new Segmenter();
  private final ByteBuf out = Bounded.room(70_000);

  @MethodSource("packets")
  @FuzzTest
  void packetView(byte[] data) {
    ByteBuf buf = Bounded.of(data);
    if (view.checkHeaders(buf, 0, data.length) == PacketFault.NONE) {
      assertThat(Accessors.all(view)).isNotEqualTo(Long.MIN_VALUE);
      assertThat(view.transportStart()).isBetween(20, data.length);
    }
    if (view.check(buf, 0, data.length) != PacketFault.NONE) {
      return;
    }
    assertThat(Accessors.all(view)).isNotEqualTo(Long.MIN_VALUE);
    assertThat(view.end()).isBetween(view.transportStart(), data.length);
    assertThat(view.tcpPayloadStart()).isBetween(view.transportStart(), view.end());
    Checksums.verifyTransport(view);
    if (view.isV4()) {
      int header = view.transportStart();
      boolean right = Checksums.verifyIpv4Header(buf, 0, header);
      if (Ttl.decrement(buf, view)) {
        assertThat(Checksums.verifyIpv4Header(buf, 0, header)).isEqualTo(right);
      }
    }
  }

  static Stream<byte[]> packets() {
    return Bytes.packets();
  }

  /** What OffloadCheck lets pass, the kernel or the segmenter is given. */
  @MethodSource("offloaded")
  @FuzzTest
  void offload(byte[] data) {
    ByteBuf buf = Bounded.of(data);
    if (view.check(buf, VNET, data.length - VNET) != PacketFault.NONE
        || OffloadCheck.check(buf, 0, view) != PacketFault.NONE) {
      return;
    }
    assertSegmentsAreSound(buf);
  }

  private void assertSegmentsAreSound(ByteBuf buf) {
    segmenter.begin(buf, 0, view);
    assertThat(segmenter.segmentCount()).isBetween(1, OffloadCheck.MAX_SEGMENTS);
    int headers =
        view.transportStart() - view.start() + (view.isTcp() ? view.tcpHeaderLength() : 8);
    int data = 0;
    int count = 0;
    out.clear();
    while (segmenter.next(out)) {
      assertThat(out.readableBytes()).isBetween(20, segmenter.maxSegmentLength());
      assertThat(piece.check(out, 0, out.readableBytes())).isEqualTo(PacketFault.NONE);
      data += piece.length() - headers;
      count++;
      out.clear();
    }
    assertThat(count).isEqualTo(segmenter.segmentCount());
    assertThat(data).isEqualTo(view.length() - headers);
  }

  static Stream<byte[]> offloaded() {
    var four = PacketBuilder.of("10.9.0.2", "10.1.0.10");
    var six = PacketBuilder.of("fd00:9::2", "fd00:1::10").extension(60);
    return Stream.concat(
        Bytes.kinds().stream().map(Bytes::withVnet),
        Stream.of(
            Bytes.withVnet(four.tcp(1, 2, 3, 4, 0x19, 5).payload(500).gso(100)),
            Bytes.withVnet(six.tcp(1, 2, 3, 4, 0x90, 5, new byte[12]).payload(300).gso(299)),
            Bytes.withVnet(PacketBuilder.of("10.9.0.2", "10.1.0.10").udp(1, 2).payload(99).gso(1)),
            Bytes.withVnet(PacketBuilder.of("fd00::2", "fd00::1").udp(1, 2).checksumLeft()),
            // A header that points into the addresses.
            Bytes.join(
                Bytes.hex("01000000000010000200"), Bytes.packet(four.tcp(1, 2, 3, 4, 0x10, 5)))));
  }

  /** What is inferred here, the remote host checks. */
  @MethodSource("captured")
  @FuzzTest
  void inferredOffload(byte[] data) {
    var input = new Bytes(data);
    int mtu = input.u16();
    byte[] packet = Bytes.join(new byte[VNET], input.rest());
    ByteBuf buf = Bounded.of(packet);
    if (view.check(buf, VNET, packet.length - VNET) != PacketFault.NONE) {
      return;
    }
    InferredOffload.write(buf, 0, view, mtu);
    assertThat(view.check(buf, VNET, packet.length - VNET)).isEqualTo(PacketFault.NONE);
    assertThat(OffloadCheck.check(buf, 0, view)).isEqualTo(PacketFault.NONE);
    assertSegmentsAreSound(buf);
  }

  static Stream<byte[]> captured() {
    var tcp = PacketBuilder.of("10.9.0.2", "10.1.0.10").tcp(1, 2, 3, 4, 0x10, 5);
    return Stream.concat(
        Bytes.packets().map(packet -> Bytes.join(Bytes.hex("0500"), packet)),
        Stream.of(
            Bytes.join(Bytes.hex("0500"), Bytes.packet(tcp.payload(3000))),
            Bytes.join(Bytes.hex("0029"), Bytes.packet(tcp.payload(2100))),
            Bytes.join(Bytes.hex("0500"), Bytes.packet(tcp.payload(90).checksumLeft()))));
  }

  @MethodSource("captured")
  @FuzzTest
  void icmpErrors(byte[] data) {
    var input = new Bytes(data);
    int mtu = input.u16();
    byte[] packet = input.rest();
    ByteBuf buf = Bounded.of(packet);
    if (view.check(buf, 0, packet.length) != PacketFault.NONE) {
      return;
    }
    out.clear();
    boolean isV4 = view.isV4();
    boolean answered = IcmpErrors.tooBig(out, view, isV4 ? GATEWAY : GATEWAY_6, mtu);
    assertThat(answered).isEqualTo(IcmpErrors.mayAnswer(view));
    if (!answered) {
      assertThat(out.readableBytes()).isZero();
      return;
    }
    assertThat(out.readableBytes()).isLessThanOrEqualTo(isV4 ? 576 : 1280);
    assertThat(piece.check(out, 0, out.readableBytes())).isEqualTo(PacketFault.NONE);
    assertThat(piece.length()).isEqualTo(out.readableBytes());
    assertThat(piece.isTo(view.source())).isTrue();
    assertThat(Checksums.verifyTransport(piece)).isTrue();
    assertThat(IcmpErrors.mayAnswer(piece)).as("an error is not answered").isFalse();
  }
}
