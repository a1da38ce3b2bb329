package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.StringReader;
import java.util.List;
import org.junit.jupiter.api.Test;

class ConntrackFlowsTest {
  private static final IpAddress V4 = IpAddress.parse("10.1.0.10");
  private static final IpAddress V6 = IpAddress.parse("fd00:1::10");

  private static List<FlowKey> parse(String text) throws IOException {
    return ConntrackFlows.parse(new BufferedReader(new StringReader(text)), List.of(V4, V6));
  }

  @Test
  void readsWhatTheKernelWrites() throws IOException {
    String text =
        """
        ipv4     2 tcp      6 431999 ESTABLISHED src=10.9.0.2 dst=10.1.0.10 sport=40000 dport=7000 \
        src=10.1.0.10 dst=10.9.0.2 sport=7000 dport=40000 [ASSURED] mark=0 zone=0 use=2
        ipv4     2 tcp      6 86400 CLOSE_WAIT src=10.1.0.10 dst=10.9.0.3 sport=5000 dport=25 packets=3 bytes=180 \
        src=10.9.0.3 dst=10.1.0.2 sport=25 dport=5000 packets=2 bytes=120 [ASSURED] mark=0 use=1
        ipv4     2 tcp      6 300 ESTABLISHED src=10.9.0.4 dst=192.0.2.1 sport=40001 dport=80 \
        src=10.1.0.10 dst=10.9.0.4 sport=8080 dport=40001 [ASSURED] use=1
        ipv6     10 tcp      6 300 ESTABLISHED src=fd00:9::2 dst=fd00:1::10 sport=40002 dport=443 \
        src=fd00:1::10 dst=fd00:9::2 sport=443 dport=40002 [ASSURED] mark=0 use=2
        ipv4     2 udp      17 120 src=10.1.0.10 dst=10.9.0.53 sport=5353 dport=53 \
        src=10.9.0.53 dst=10.1.0.10 sport=53 dport=5353 [ASSURED] mark=0 use=1
        """;
    assertThat(parse(text))
        .containsExactly(
            new FlowKey(6, V4, 7000, IpAddress.parse("10.9.0.2"), 40_000),
            new FlowKey(6, V4, 5000, IpAddress.parse("10.9.0.3"), 25), // its source is translated
            new FlowKey(6, V4, 8080, IpAddress.parse("10.9.0.4"), 40_001), // so is its destination
            new FlowKey(6, V6, 443, IpAddress.parse("fd00:9::2"), 40_002),
            new FlowKey(17, V4, 5353, IpAddress.parse("10.9.0.53"), 53));
  }

  @Test
  void leavesOutWhatIsNoOpenConnectionOfTheGuest() throws IOException {
    String text =
        """
        ipv4 2 tcp 6 119 TIME_WAIT src=10.9.0.2 dst=10.1.0.10 sport=1 dport=2 src=10.1.0.10 dst=10.9.0.2 sport=2 dport=1
        ipv4 2 tcp 6 119 SYN_SENT src=10.9.0.2 dst=10.1.0.10 sport=1 dport=2 [UNREPLIED] src=10.1.0.10 dst=10.9.0.2 sport=2 dport=1
        ipv4 2 tcp 6 119 ESTABLISHED src=10.9.0.2 dst=10.1.0.99 sport=1 dport=2 src=10.1.0.99 dst=10.9.0.2 sport=2 dport=1
        ipv4 2 udp 17 30 src=10.9.0.2 dst=10.1.0.10 sport=1 dport=2 [UNREPLIED] src=10.1.0.10 dst=10.9.0.2 sport=2 dport=1
        ipv4 2 icmp 1 29 src=10.9.0.2 dst=10.1.0.10 type=8 code=0 id=3 src=10.1.0.10 dst=10.9.0.2 type=0 code=0 id=3
        ipv4 2 tcp 6 119 ESTABLISHED src=10.9.0.2 dst=10.1.0.10 sport=99999 dport=2 src=10.1.0.10 dst=10.9.0.2 sport=2 dport=99999
        ipv4 2 tcp 6 119 ESTABLISHED src=garbage dst=10.1.0.10 sport=1 dport=2 src=10.1.0.10 dst=x sport=2 dport=1
        garbage

        """;
    assertThat(parse(text)).isEmpty();
  }

  @Test
  void whereNothingIsTrackedThereIsNothing() {
    assertThat(ConntrackFlows.read(List.of(IpAddress.parse("192.0.2.77")))).isEmpty();
  }
}
