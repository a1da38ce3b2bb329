package dev.holdfast.redirector.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AddressTranslationTest {
  private static final IpAddress A4 = IpAddress.parse("10.9.0.2");
  private static final IpAddress B4 = IpAddress.parse("10.1.0.10");
  private static final IpAddress A6 = IpAddress.parse("fd00:9::2");
  private static final IpAddress B6 = IpAddress.parse("fd00:1::10");
  private static final IpAddress TO4 = IpAddress.parse("172.16.255.1");
  private static final IpAddress TO6 = IpAddress.parse("fd77:1234:5678:9abc::ffff");
  private final AddressTranslation map = new AddressTranslation(Map.of(A4, TO4, A6, TO6));

  private static PacketView laid(PacketBuilder packet) {
    ByteBuf bytes = Unpooled.buffer();
    int start = packet.write(bytes);
    var view = new PacketView();
    assertThat(view.check(bytes, start, bytes.readableBytes())).isEqualTo(PacketFault.NONE);
    return view;
  }

  private static PacketBuilder kind(PacketBuilder packet, String kind) {
    return switch (kind) {
      case "tcp" -> packet.tcp(1, 2, 3, 4, PacketView.ACK, 5).payload(101);
      case "udp" -> packet.udp(1, 2).payload(100);
      default -> packet.icmp(8, 0, 77).payload(10);
    };
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp", "udp", "icmp"})
  void checksumsFollowTheAddressesBothWays(String kind) {
    for (boolean there : new boolean[] {true, false}) {
      PacketView v4 = laid(kind(new PacketBuilder(there ? A4 : B4, there ? B4 : A4), kind));
      map.apply(v4);
      assertThat(there ? v4.source() : v4.destination()).isEqualTo(TO4);
      assertThat(there ? v4.destination() : v4.source()).isEqualTo(B4);
      assertThat(Checksums.verifyIpv4Header(v4.buffer(), 0, 20)).isTrue();
      assertThat(Checksums.verifyTransport(v4)).isTrue();
      int icmpV6 = kind.equals("icmp") ? 128 : 0;
      var builder = new PacketBuilder(there ? A6 : B6, there ? B6 : A6);
      PacketView v6 =
          laid(icmpV6 > 0 ? builder.icmp(icmpV6, 0, 77).payload(9) : kind(builder, kind));
      map.apply(v6);
      assertThat(there ? v6.source() : v6.destination()).isEqualTo(TO6);
      assertThat(Checksums.verifyTransport(v6)).isTrue();
    }
  }

  @Test
  void aWrongChecksumStaysWrongAndNoneStaysNone() {
    PacketView wrong = laid(kind(new PacketBuilder(A4, B4), "udp"));
    wrong.buffer().setShort(26, wrong.buffer().getShort(26) ^ 0x0100);
    map.apply(wrong);
    assertThat(Checksums.verifyTransport(wrong)).isFalse();
    PacketView none = laid(kind(new PacketBuilder(A4, B4), "udp"));
    none.buffer().setShort(26, 0);
    map.apply(none);
    assertThat(none.buffer().getShort(26)).isZero();
  }

  @Test
  void aChecksumThatWasLeftIsCompleted() {
    PacketView left = laid(kind(new PacketBuilder(A4, B4), "udp").checksumLeft());
    assertThat(Checksums.verifyTransport(left)).isFalse();
    AddressTranslation.complete(left);
    map.apply(left);
    assertThat(Checksums.verifyTransport(left)).isTrue();
  }

  @Test
  void twoCannotBecomeOneNorAnotherFamily() {
    Map<IpAddress, IpAddress> pairs = new LinkedHashMap<>();
    pairs.put(A4, TO4);
    pairs.put(B4, TO4);
    assertThatThrownBy(() -> new AddressTranslation(pairs))
        .hasMessage("two addresses would both be " + TO4);
    assertThatThrownBy(() -> new AddressTranslation(Map.of(A4, TO6)))
        .hasMessageContaining("not of one address family");
  }
}
