package dev.holdfast.redirector.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FlowTermTest {
  private static final IpAddress GUEST = IpAddress.parse("10.1.0.10");
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final IpAddress GUEST6 = IpAddress.parse("fd00:1::10");
  private static final IpAddress PEER6 = IpAddress.parse("fd00:9::2");

  private static boolean matches(String term, PacketBuilder packet) {
    ByteBuf bytes = Unpooled.buffer();
    int unused = packet.write(bytes);
    PacketView view = new PacketView();
    assertThat(view.check(bytes, 0, bytes.readableBytes())).isEqualTo(PacketFault.NONE);
    return FlowTerm.parse(term).matches(view);
  }

  private static PacketBuilder tcp(IpAddress from, int fromPort, IpAddress to, int toPort) {
    return new PacketBuilder(from, to).tcp(fromPort, toPort, 1, 1, PacketView.ACK, 100);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tcp 10.1.0.10:443 10.9.0.2:50123",
        "tcp 10.9.0.2:50123 10.1.0.10:443",
        "tcp 10.1.0.10:443 - 10.9.0.2:50123",
        "  tcp  10.1.0.10:443 > 10.9.0.2:50123 ",
        "tcp 10.1.0.10 10.9.0.2:50123",
        "6 10.1.0.10:443 10.9.0.2"
      })
  void aFlowIsBothDirections(String term) {
    assertThat(matches(term, tcp(GUEST, 443, PEER, 50_123))).isTrue();
    assertThat(matches(term, tcp(PEER, 50_123, GUEST, 443))).isTrue();
    assertThat(matches(term, tcp(PEER, 50_124, GUEST, 444))).isFalse();
    assertThat(matches(term, new PacketBuilder(PEER, GUEST).udp(50_123, 443))).isFalse();
    assertThat(matches(term, tcp(PEER, 443, GUEST, 50_123))).as("ports the other way").isFalse();
  }

  @Test
  void theOtherFamilyIsInBrackets() {
    String term = "tcp [fd00:1::10]:443 [fd00:9::2]:50123";
    assertThat(matches(term, tcp(PEER6, 50_123, GUEST6, 443))).isTrue();
    assertThat(matches("udp fd00:1::10 fd00:9::2", new PacketBuilder(PEER6, GUEST6).udp(5, 6)))
        .isTrue();
  }

  @Test
  void icmpHasNoPorts() {
    String term = "icmp 10.1.0.10:4711 10.9.0.2";
    assertThat(matches(term, new PacketBuilder(PEER, GUEST).icmp(8, 0, 1))).isTrue();
    assertThat(
            matches("icmp fd00:1::10 fd00:9::2", new PacketBuilder(PEER6, GUEST6).icmp(128, 0, 1)))
        .isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          tcp                                 | 'tcp' is no flow; write it as flow list shows it
          tcp 10.1.0.10:443                   | is no flow
          sctp 10.1.0.10:443 10.9.0.2:50123   | 'sctp' is no protocol
          256 10.1.0.10 10.9.0.2              | '256' is no protocol
          tcp host:443 10.9.0.2:50123         | 'host:443' has no IP address
          tcp 10.1.0.10:0 10.9.0.2:50123      | has no port of 1 to 65535
          tcp 10.1.0.10:70000 10.9.0.2:50123  | has no port of 1 to 65535
          tcp 10.1.0.10:443 [fd00::1]:50123   | is of two families
          """)
  void whatIsNoFlowIsSaidSo(String text, String why) {
    assertThatThrownBy(() -> FlowTerm.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(why)
        .hasMessageContaining("tcp 10.1.0.10:443 10.9.0.2:50123");
  }
}
