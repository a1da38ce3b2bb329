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
    IpAddress from = IpAddress.parse("10.1.0.2");
    IpAddress to = IpAddress.parse("10.2.0.2");
    assertThat(IpInIp.writeOuter(packet, view, from, to, 64, 0x1234)).isTrue();
    return packet.writeBytes(inner);
  }

  @ParameterizedTest
  @CsvSource({"1472,1500,2", "3000,1500,3", "3000,1499,3", "500,68,11", "65000,1500,44"})
  void theFragmentsAreThePacketAgain(int payload, int mtu, int count) {
    ByteBuf packet = wrapped(payload);
    int length = packet.readableBytes() - AT;
    assertThat(OuterFragments.count(length, mtu)).isEqualTo(count);
    ByteBuf together = Unpooled.buffer();
    for (int i = 0; i < count; i++) {
      ByteBuf out = Unpooled.buffer().writeByte(0xa5);
      OuterFragments.write(packet, AT, length, mtu, i, out);
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

  @Test
  void aPathThatPassesLessThanAnyIsRefused() {
    assertThatThrownBy(() -> OuterFragments.count(100, 67))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
