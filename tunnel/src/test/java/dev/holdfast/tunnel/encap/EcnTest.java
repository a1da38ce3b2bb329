package dev.holdfast.tunnel.encap;

import static dev.holdfast.tunnel.encap.Ecn.CE;
import static dev.holdfast.tunnel.encap.Ecn.DROP;
import static dev.holdfast.tunnel.encap.Ecn.ECT_0;
import static dev.holdfast.tunnel.encap.Ecn.ECT_1;
import static dev.holdfast.tunnel.encap.Ecn.NOT_ECT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.Bytes;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import org.junit.jupiter.api.Test;

class EcnTest {
  private static final int[] OUTER = {NOT_ECT, ECT_0, ECT_1, CE};

  /** RFC 6040 figure 4, row by row: the inner header, then what comes out for each of OUTER. */
  private static final int[][] FIGURE_4 = {
    {NOT_ECT, NOT_ECT, NOT_ECT, NOT_ECT, DROP},
    {ECT_0, ECT_0, ECT_0, ECT_1, CE},
    {ECT_1, ECT_1, ECT_1, ECT_1, CE},
    {CE, CE, CE, CE, CE},
  };

  @Test
  void theCodepointsAreThoseOfRfc3168() {
    assertThat(new int[] {NOT_ECT, ECT_1, ECT_0, CE}).containsExactly(0b00, 0b01, 0b10, 0b11);
  }

  @Test
  void figure4OfRfc6040() {
    for (int[] row : FIGURE_4) {
      for (int i = 0; i < OUTER.length; i++) {
        assertThat(Ecn.decapsulated(row[0], OUTER[i]))
            .as("inner %d, outer %d", row[0], OUTER[i])
            .isEqualTo(row[i + 1]);
      }
    }
  }

  /** RFC 6040 figure 4: the cells with (!!!) or (!), by the same rows and columns. */
  private static final boolean[][] MARKED = {
    {false, true, true, true},
    {false, false, false, false},
    {false, true, false, false},
    {false, false, true, false},
  };

  @Test
  void thePairsThatNobodyMakesAreToldApart() {
    for (int row = 0; row < 4; row++) {
      for (int i = 0; i < OUTER.length; i++) {
        assertThat(Ecn.isUnused(FIGURE_4[row][0], OUTER[i]))
            .as("inner %s, outer %s", Ecn.name(FIGURE_4[row][0]), Ecn.name(OUTER[i]))
            .isEqualTo(MARKED[row][i]);
      }
    }
  }

  /** Each cell as a packet, in each family: what goes in is what figure 4 says, or nothing. */
  @Test
  void figure4OnTheWayOutOfATunnel() {
    String[][] pairs = {{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}};
    var unwrapping = new Unwrapping();
    for (String[] inside : pairs) {
      for (String[] outside : pairs) {
        for (int[] row : FIGURE_4) {
          for (int i = 0; i < OUTER.length; i++) {
            ByteBuf inner = Bytes.packet(tcp(inside, 0xb8 | row[0]));
            ByteBuf packet = Bytes.empty(200);
            IpInIp.writeOuter(
                packet,
                Bytes.view(inner),
                IpAddress.parse(outside[0]),
                IpAddress.parse(outside[1]),
                OuterPolicy.DEFAULT,
                1);
            packet.writeBytes(inner);
            Ecn.set(Bytes.view(packet), OUTER[i]);
            Unwrapping.Verdict verdict = unwrapping.check(packet, 0, packet.writerIndex());
            if (row[i + 1] == DROP) {
              assertThat(verdict).isEqualTo(Unwrapping.Verdict.CONGESTED);
            } else {
              assertThat(verdict).isEqualTo(Unwrapping.Verdict.OK);
              assertThat(unwrapping.inner().trafficClass()).isEqualTo(0xb8 | row[i + 1]);
            }
            assertThat(unwrapping.isEcnUnused()).isEqualTo(Ecn.isUnused(row[0], OUTER[i]));
          }
        }
      }
    }
  }

  @Test
  void theBitsAreSetAndNothingElse() {
    for (String[] pair : new String[][] {{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}}) {
      for (int before = 0; before < 4; before++) {
        for (int after = 0; after < 4; after++) {
          ByteBuf buf = Bytes.packet(tcp(pair, 0xb8 | before));
          PacketView view = Bytes.view(buf);
          Ecn.set(view, after);
          assertThat(Bytes.hexOf(buf))
              .isEqualTo(Bytes.hexOf(Bytes.packet(tcp(pair, 0xb8 | after))));
          if (view.isV4()) {
            assertThat(Checksums.verifyIpv4Header(buf, 0, 20)).isTrue();
          }
        }
      }
    }
  }

  private static PacketBuilder tcp(String[] pair, int trafficClass) {
    return PacketBuilder.of(pair[0], pair[1])
        .trafficClass(trafficClass)
        .flowLabel(0xfffff)
        .tcp(1, 2, 3, 4, PacketView.ACK, 5);
  }
}
