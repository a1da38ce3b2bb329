package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OwnConnectionsTest {
  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "::1"})
  void theKernelsListIsRead(String address) throws IOException {
    IpAddress here = IpAddress.parse(address);
    long before = OwnConnections.to(here);
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getByName(address));
        Socket client = new Socket(server.getInetAddress(), server.getLocalPort());
        Socket accepted = server.accept()) {
      assertThat(client.isConnected() && accepted.isConnected()).isTrue();
      assertThat(OwnConnections.to(here)).isGreaterThanOrEqualTo(before + 2);
    }
    assertThat(OwnConnections.to(IpAddress.parse("192.0.2.77"))).isZero();
  }

  @Test
  void onlyWhatStillLivesCounts() {
    List<String> lines =
        List.of(
            "  sl  local_address rem_address   st tx_queue rx_queue ...",
            "   0: 0200010A:9C40 0A00010A:0050 01 00000000:00000000",
            "   1: 0200010A:9C41 0A00010A:0050 06 00000000:00000000",
            "   2: 0200010A:9C42 0B00010A:0050 01 00000000:00000000",
            "garbage");
    assertThat(OwnConnections.count(lines, IpAddress.parse("10.1.0.10"))).isEqualTo(1);
    assertThat(OwnConnections.count(lines, IpAddress.parse("10.1.0.12"))).isZero();
  }
}
