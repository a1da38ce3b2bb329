package dev.holdfast.tunnel.encap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.packet.Bytes;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import org.junit.jupiter.api.Test;

class OuterPolicyTest {
  private static final String[][] PAIRS = {{"192.0.2.1", "198.51.100.2"}, {"fd00::1", "fd00::2"}};

  @Test
  void aHopLimitAndADscpHaveTheirBits() {
    assertThat(new OuterPolicy(1, 0).hopLimit()).isOne();
    assertThat(new OuterPolicy(255, 63).dscp()).isEqualTo(63);
    for (int bad : new int[] {0, -1, 256}) {
      assertThatThrownBy(() -> new OuterPolicy(bad, 0)).hasMessageContaining("reaches nobody");
    }
    for (int bad : new int[] {-2, 64}) {
      assertThatThrownBy(() -> new OuterPolicy(64, bad)).hasMessageContaining("6 bits");
    }
  }

  /** RFC 2983: the DSCP is the policy's. RFC 6040 section 4.1: ECN is the inner packet's always. */
  @Test
  void dscpIsFixedOrCopiedAndEcnIsCopiedAlways() {
    for (int inner = 0; inner < 256; inner++) {
      assertThat(OuterPolicy.DEFAULT.trafficClass(inner)).isEqualTo(inner);
      for (int dscp : new int[] {0, 1, 10, 46, 63}) {
        int outer = new OuterPolicy(64, dscp).trafficClass(inner);
        assertThat(outer >> 2).isEqualTo(dscp);
        assertThat(outer & 3).isEqualTo(inner & 3);
      }
    }
  }

  @Test
  void theOuterHeaderHasBothAndTheInnerPacketIsLeftAsItIs() {
    for (String[] inner : PAIRS) {
      for (String[] outer : PAIRS) {
        for (int ecn = 0; ecn < 4; ecn++) {
          ByteBuf packet = Bytes.packet(packet(inner, 10 << 2 | ecn));
          String before = Bytes.hexOf(packet);
          ByteBuf out = Bytes.empty(100);
          assertThat(
                  IpInIp.writeOuter(
                      out,
                      Bytes.view(packet),
                      IpAddress.parse(outer[0]),
                      IpAddress.parse(outer[1]),
                      new OuterPolicy(7, 46),
                      1))
              .isTrue();
          out.writeBytes(packet, 0, packet.writerIndex());
          PacketView view = Bytes.view(out);
          assertThat(view.hopLimit()).isEqualTo(7);
          assertThat(view.trafficClass()).isEqualTo(46 << 2 | ecn);
          assertThat(!view.isV4() || Checksums.verifyIpv4Header(out, 0, 20)).isTrue();
          assertThat(Bytes.hexOf(packet)).isEqualTo(before);
          // Pipe model (RFC 2983 section 3.1): what comes out has the DSCP that went in.
          var unwrapping = new Unwrapping();
          assertThat(unwrapping.check(out, 0, out.writerIndex())).isEqualTo(Unwrapping.Verdict.OK);
          assertThat(unwrapping.inner().trafficClass()).isEqualTo(10 << 2 | ecn);
        }
      }
    }
  }

  private static PacketBuilder packet(String[] pair, int trafficClass) {
    return PacketBuilder.of(pair[0], pair[1])
        .trafficClass(trafficClass)
        .tcp(1, 2, 3, 4, PacketView.ACK, 5);
  }
}
