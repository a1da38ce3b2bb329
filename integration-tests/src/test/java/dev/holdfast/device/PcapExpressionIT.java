package dev.holdfast.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.device.PcapExpression;
import dev.holdfast.tunnel.packet.FilterProgram;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pcap4j.core.BpfProgram;
import org.pcap4j.core.BpfProgram.BpfCompileMode;
import org.pcap4j.core.PcapHandle;
import org.pcap4j.core.Pcaps;
import org.pcap4j.packet.namednumber.DataLinkType;

/** Our run of libpcap's programs has the results of libpcap's own, over packets and over noise. */
class PcapExpressionIT {
  private static final IpAddress A = IpAddress.parse("10.1.0.10");
  private static final IpAddress B = IpAddress.parse("10.9.0.2");
  private static final IpAddress A6 = IpAddress.parse("fd00:1::10");
  private static final IpAddress B6 = IpAddress.parse("fd00:9::2");

  private static List<byte[]> packets() {
    List<PacketBuilder> built = new ArrayList<>();
    for (IpAddress[] ends : new IpAddress[][] {{A, B}, {B, A}, {A6, B6}, {B6, A6}}) {
      for (int length : new int[] {0, 1, 700}) {
        built.add(
            new PacketBuilder(ends[0], ends[1])
                .tcp(443, 50_123, 7, 8, PacketView.SYN, 100)
                .payload(length));
        built.add(
            new PacketBuilder(ends[0], ends[1])
                .identification(100 * length)
                .tcp(50_123, 443, 1_448L * length, 8, PacketView.ACK, 100)
                .payload(length));
        built.add(new PacketBuilder(ends[0], ends[1]).udp(53, 5_353).payload(length));
        built.add(
            new PacketBuilder(ends[0], ends[1])
                .icmp(ends[0].isV4() ? 8 : 128, 0, 1)
                .payload(length));
      }
    }
    List<byte[]> packets = new ArrayList<>();
    Random random = new Random(7);
    for (PacketBuilder each : built) {
      ByteBuf bytes = Unpooled.buffer();
      int unused = each.write(bytes);
      byte[] packet = ByteBufUtil.getBytes(bytes);
      packets.add(packet);
      for (int i = 0; i < 20; i++) { // damaged, and cut off
        byte[] noisy = Arrays.copyOf(packet, 1 + random.nextInt(packet.length));
        noisy[random.nextInt(noisy.length)] = (byte) random.nextInt();
        packets.add(noisy);
      }
    }
    return packets;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "ip",
        "ip6",
        "tcp",
        "udp port 53",
        "tcp port 443 and host 10.1.0.10",
        "src host fd00:1::10 and not udp",
        "net 10.0.0.0/8 or net fd00:1::/64",
        "portrange 50000-50200",
        "icmp or icmp6",
        "less 100",
        "greater 500",
        "tcp[tcpflags] & (tcp-syn|tcp-rst) != 0",
        "ip[4:2] % 100 = 0",
        "(tcp[4:4] / 1448) % 7 = 0",
        "ip[2:2] - ((ip[0] & 0xf) << 2) > 100",
        "ip proto 6 or ip6 proto 17",
        "ip6[6] ^ 6 = 0 and ip6[40:2] * 2 >= 886",
        "len <= 60 || ip[8] >> 6 = 1",
        "dst 10.9.0.2 and (tcp dst port 443 or udp src port 53) and not ip[6:2] & 0x1fff != 0",
      })
  void theResultIsLibpcaps(String expression) throws Exception {
    FilterProgram ours = PcapExpression.compile(expression);
    int matches = 0;
    List<byte[]> packets = packets();
    try (PcapHandle dead = Pcaps.openDead(DataLinkType.RAW, 65_535)) {
      BpfProgram theirs =
          dead.compileFilter(expression, BpfCompileMode.OPTIMIZE, PcapHandle.PCAP_NETMASK_UNKNOWN);
      for (byte[] packet : packets) {
        ByteBuf bytes = Unpooled.buffer().writeZero(10).writeBytes(packet);
        boolean expected = theirs.applyFilter(packet, packet.length, packet.length);
        assertThat(ours.matches(bytes, 10, packet.length))
            .as("%s of %s", expression, HexFormat.of().formatHex(packet))
            .isEqualTo(expected);
        matches += expected ? 1 : 0;
      }
      theirs.free();
    }
    assertThat(matches).as("packets that match").isPositive();
    if (!expression.isEmpty()) {
      assertThat(matches).as("packets that match").isLessThan(packets.size());
    }
  }

  @Test
  void whatIsNoFilterForAnIpPacketIsRefused() {
    for (String wrong :
        List.of("tcp port", "nonsense", "ether host 52:54:00:10:00:10", "vlan 7", "port 99999")) {
      assertThatThrownBy(() -> PcapExpression.compile(wrong))
          .as(wrong)
          .isInstanceOf(PcapExpression.Malformed.class);
    }
    assertThatThrownBy(() -> PcapExpression.compile("tcp\0")).hasMessageContaining("null");
  }
}
