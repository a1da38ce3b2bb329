package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.fuzz.Bytes;
import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Lists of connections, as the kernel, conntrack(8) and ss(8) print them. */
class FlowListFuzzTest {
  private static final List<IpAddress> OLDS =
      List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00:1::10"));

  @MethodSource("tables")
  @FuzzTest
  void conntrack(byte[] data) throws IOException {
    var lines = new BufferedReader(new StringReader(new String(data, StandardCharsets.UTF_8)));
    assertAreGuests(ConntrackFlows.parse(lines, OLDS));
  }

  static Stream<byte[]> tables() {
    return Stream.of(
            "ipv4     2 tcp      6 431999 ESTABLISHED src=10.9.0.2 dst=10.1.0.10 sport=40000"
                + " dport=443 src=10.1.0.10 dst=10.9.0.2 sport=443 dport=40000 [ASSURED] mark=0 use=1\n"
                + "ipv6     10 udp      17 29 src=fd00:1::10 dst=fd00:9::2 sport=53 dport=53"
                + " src=fd00:9::2 dst=fd00:1::10 sport=53 dport=53 [ASSURED] mark=0 use=1\n",
            "ipv4 2 tcp 6 1 CLOSE_WAIT src=10.1.0.10 dst= sport=x dport=99999 src=10.1.0.10 dst=1\n",
            "ipv4 2 tcp 6 1 ESTABLISHED sport=-1 dport=-1 src=10.1.0.10 dst=10.9.0.2\n")
        .map(Bytes::text);
  }

  @MethodSource("lists")
  @FuzzTest
  void guestList(byte[] data) {
    assertAreGuests(GuestFlowList.parse(new String(data, StandardCharsets.UTF_8), OLDS));
  }

  static Stream<byte[]> lists() {
    return Stream.of(
            "ESTAB 0 0 10.1.0.10:443 10.9.0.2:40000\nESTAB 0 0 [fd00:1::10]:22 [fd00:9::2]:1\n",
            "ESTAB 0 0 10.1.0.10%eth0:443 [::ffff:10.9.0.2]:40000\nLISTEN 0 9 *:22 *:*\n",
            "ESTAB 0 0 10.1.0.10:99999 10.9.0.2:-1\nESTAB 0 0 : :\n")
        .map(Bytes::text);
  }

  private static void assertAreGuests(List<FlowKey> flows) {
    for (FlowKey flow : flows) {
      assertThat(OLDS).contains(flow.guest());
      assertThat(flow.guestPort()).isBetween(0, 65_535);
      assertThat(flow.peerPort()).isBetween(0, 65_535);
      assertThat(flow.peer().isV4()).isEqualTo(flow.guest().isV4());
    }
  }
}
