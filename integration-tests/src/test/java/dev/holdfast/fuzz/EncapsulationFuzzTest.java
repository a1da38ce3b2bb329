package dev.holdfast.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.encap.OuterFragments;
import dev.holdfast.tunnel.encap.Unwrapping;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever comes with protocol 4 or 41, and whatever is to be sent so. */
class EncapsulationFuzzTest {
  private static final IpAddress[][] ENDS = {
    {IpAddress.parse("192.0.2.1"), IpAddress.parse("198.51.100.2")},
    {IpAddress.parse("2001:db8::1"), IpAddress.parse("2001:db8:1::2")}
  };

  private final PacketView view = new PacketView();
  private final Unwrapping unwrapping = new Unwrapping();
  private final ByteBuf wire = Bounded.room(70_000);
  private final ByteBuf out = Bounded.room(70_000);

  @MethodSource("wrapped")
  @FuzzTest
  void unwrapping(byte[] data) {
    ByteBuf buf = Bounded.of(data);
    if (unwrapping.check(buf, 0, data.length) == Unwrapping.Verdict.OK) {
      assertThat(Accessors.all(unwrapping.outer())).isNotEqualTo(Long.MIN_VALUE);
      assertInnerIsSound(buf, unwrapping.outer().end());
      assertThat(unwrapping.inner().start()).isEqualTo(unwrapping.outer().transportStart());
    }
  }

  /** Congestion that was told to the inner header has left it sound. */
  private void assertInnerIsSound(ByteBuf buf, int end) {
    PacketView inner = unwrapping.inner();
    assertThat(inner.end()).isLessThanOrEqualTo(end);
    assertThat(Accessors.all(inner)).isNotEqualTo(Long.MIN_VALUE);
    assertThat(view.check(buf, inner.start(), inner.length())).isEqualTo(PacketFault.NONE);
    if (inner.isV4()) {
      int header = inner.transportStart() - inner.start();
      assertThat(Checksums.verifyIpv4Header(buf, inner.start(), header)).isTrue();
    }
  }

  /** The same where the kernel has taken the outer header off: protocol, traffic class, inner. */
  @MethodSource("inner")
  @FuzzTest
  void unwrappingInner(byte[] data) {
    var input = new Bytes(data);
    int protocol = input.u8();
    int trafficClass = input.u8();
    byte[] inner = input.rest();
    ByteBuf buf = Bounded.of(inner);
    Unwrapping.Verdict verdict =
        unwrapping.checkInner(buf, 0, inner.length, protocol, trafficClass);
    if (verdict == Unwrapping.Verdict.OK) {
      assertInnerIsSound(buf, inner.length);
    }
  }

  static Stream<byte[]> inner() {
    return Bytes.packets()
        .map(packet -> Bytes.join(Bytes.hex(packet[0] >> 4 == 4 ? "0403" : "2903"), packet));
  }

  static Stream<byte[]> wrapped() {
    return Stream.of(0, 1)
        .flatMap(outer ->
            Stream.concat(
                Bytes.packets().map(packet -> wrap(packet, outer)),
                Stream.of(wrap(new byte[20], outer), wrap(new byte[0], outer))));
  }

  private static byte[] wrap(byte[] packet, int outer) {
    IpAddress[] ends = ENDS[outer];
    int protocol = packet.length > 0 && packet[0] >> 4 == 6 ? IpInIp.IPV6 : IpInIp.IPV4;
    return Bytes.packet(new PacketBuilder(ends[0], ends[1]).raw(protocol).payload(packet));
  }

  /** Family, MTU, packet: what is wrapped and cut comes out as it went in. */
  @MethodSource("fragmented")
  @FuzzTest
  void outerFragments(byte[] data) {
    var input = new Bytes(data);
    boolean v4 = input.u8() % 2 == 0;
    int mtu = input.u16();
    byte[] inner = input.rest();
    ByteBuf buf = Bounded.of(inner);
    if (view.check(buf, 0, inner.length) != PacketFault.NONE
        || mtu < OuterFragments.smallestMtu(v4)) {
      return;
    }
    IpAddress[] ends = ENDS[v4 ? 0 : 1];
    wire.clear();
    assertThat(IpInIp.writeOuter(wire, view, ends[0], ends[1], 64, 0x1234)).isTrue();
    int header = wire.readableBytes();
    wire.writeBytes(buf, view.start(), view.length());
    int length = wire.readableBytes();
    if (v4) {
      wire.setShort(6, wire.getShort(6) & 0xbfff); // only without Don't Fragment
    }
    byte[] whole = new byte[length - header];
    int filled = 0;
    int count = OuterFragments.count(length, mtu, v4);
    var piece = new PacketView();
    for (int i = 0; i < count; i++) {
      out.clear();
      OuterFragments.write(wire, 0, length, mtu, i, 7, out);
      assertThat(out.readableBytes()).isLessThanOrEqualTo(mtu);
      assertThat(piece.check(out, 0, out.readableBytes())).isEqualTo(PacketFault.NONE);
      int from = piece.transportStart();
      // Offsets count from the basic header; an encapsulation limit behind it is in the first
      // piece.
      int before = i == 0 ? 0 : header - (v4 ? 20 : 40);
      assertThat(piece.fragmentOffset()).isEqualTo(before + filled);
      out.getBytes(from, whole, filled, piece.end() - from);
      filled += piece.end() - from;
    }
    assertThat(filled).isEqualTo(whole.length);
    assertThat(whole).isEqualTo(Arrays.copyOf(inner, view.length()));
  }

  static Stream<byte[]> fragmented() {
    byte[] large = Bytes.packet(PacketBuilder.of("10.9.0.2", "10.1.0.10").udp(1, 2).payload(1300));
    return Stream.concat(
        Bytes.packets().map(packet -> Bytes.join(Bytes.hex("000044"), packet)),
        Stream.of(Bytes.join(Bytes.hex("010500"), large), Bytes.join(Bytes.hex("0005dc"), large)));
  }
}
