package dev.holdfast.tunnel.encap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OuterFragmentsTest {
  private static final int AT = 7; // nothing may depend on where the packet begins

  private static ByteBuf wrapped(int innerPayload) {
    return wrapped(innerPayload, "10.1.0.2", "10.2.0.2");
  }

  private static ByteBuf wrapped(int innerPayload, String source, String destination) {
    ByteBuf inner = Unpooled.buffer();
    PacketBuilder.of("10.1.0.10", "10.9.0.2")
        .dontFragment(false)
        .identification(77)
        .udp(1, 2)
        .payload(innerPayload)
        .write(inner);
    PacketView view = new PacketView();
    assertThat(view.check(inner, 0, inner.readableBytes())).isEqualTo(PacketFault.NONE);
    ByteBuf packet = Unpooled.buffer().writeZero(AT);
    IpAddress from = IpAddress.parse(source);
    IpAddress to = IpAddress.parse(destination);
    assertThat(IpInIp.writeOuter(packet, view, from, to, 64, 0x1234)).isTrue();
    return packet.writeBytes(inner);
  }

  @ParameterizedTest
  @CsvSource({"1472,1500,2", "3000,1500,3", "3000,1499,3", "500,68,11", "65000,1500,44"})
  void theFragmentsAreThePacketAgain(int payload, int mtu, int count) {
    ByteBuf packet = wrapped(payload);
    int length = packet.readableBytes() - AT;
    assertThat(OuterFragments.count(length, mtu, true)).isEqualTo(count);
    ByteBuf together = Unpooled.buffer();
    for (int i = 0; i < count; i++) {
      ByteBuf out = Unpooled.buffer().writeByte(0xa5);
      OuterFragments.write(packet, AT, length, mtu, i, 99, out);
      ByteBuf fragment = out.slice(1, out.readableBytes() - 1);
      assertThat(fragment.readableBytes()).isLessThanOrEqualTo(mtu);
      assertThat(fragment.getUnsignedShort(2)).isEqualTo(fragment.readableBytes());
      assertThat(fragment.getUnsignedShort(4)).isEqualTo(0x1234);
      assertThat(Checksums.verifyIpv4Header(fragment, 0, 20)).isTrue();
      int flags = fragment.getUnsignedShort(6);
      assertThat((flags & 0x2000) != 0).as("more, %s", i).isEqualTo(i < count - 1);
      assertThat(flags & 0x4000).isZero();
      assertThat((flags & 0x1fff) * 8).isEqualTo(together.readableBytes());
      together.writeBytes(fragment, 20, fragment.readableBytes() - 20);
    }
    assertThat(ByteBufUtil.equals(together, packet.slice(AT + 20, length - 20))).isTrue();
  }

  /** RFC 8200 section 4.5: a fragment header of 8 bytes, offsets in units of 8 above 3 bits. */
  @ParameterizedTest
  @CsvSource({"1433,1500,2", "3000,1500,3", "3000,1280,3", "65000,1500,45"})
  void overIpv6EachHasAFragmentHeader(int payload, int mtu, int count) {
    ByteBuf packet = wrapped(payload, "2001:db8::1", "2001:db8::2");
    int length = packet.readableBytes() - AT;
    assertThat(OuterFragments.count(length, mtu, false)).isEqualTo(count);
    ByteBuf together = Unpooled.buffer();
    for (int i = 0; i < count; i++) {
      ByteBuf out = Unpooled.buffer().writeByte(0xa5);
      OuterFragments.write(packet, AT, length, mtu, i, 0x8899_aabb, out);
      ByteBuf fragment = out.slice(1, out.readableBytes() - 1);
      assertThat(fragment.readableBytes()).isLessThanOrEqualTo(mtu);
      assertThat(fragment.getInt(0)).isEqualTo(packet.getInt(AT));
      assertThat(fragment.getUnsignedShort(4)).isEqualTo(fragment.readableBytes() - 40);
      assertThat(fragment.getUnsignedByte(6)).as("next header: fragment").isEqualTo((short) 44);
      assertThat(fragment.getUnsignedByte(7)).as("hop limit").isEqualTo((short) 64);
      assertThat(ByteBufUtil.equals(fragment, 8, packet, AT + 8, 32)).as("addresses").isTrue();
      assertThat(fragment.getUnsignedShort(40)).as("inside: IPv4").isEqualTo(4 << 8);
      int offset = fragment.getUnsignedShort(42);
      assertThat(offset & 7).as("more, %s", i).isEqualTo(i < count - 1 ? 1 : 0);
      assertThat(offset & ~7).isEqualTo(together.readableBytes());
      assertThat(fragment.getInt(44)).isEqualTo(0x8899_aabb);
      together.writeBytes(fragment, 48, fragment.readableBytes() - 48);
    }
    assertThat(ByteBufUtil.equals(together, packet.slice(AT + 40, length - 40))).isTrue();
  }

  @Test
  void aPathThatPassesLessThanAnyIsRefused() {
    assertThatThrownBy(() -> OuterFragments.count(100, 67, true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("68 bytes");
    assertThatThrownBy(() -> OuterFragments.count(100, 1279, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1280 bytes");
  }
}
