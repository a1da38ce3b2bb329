package dev.holdfast.redirector.demo.measure;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class TcpHeaderTest {
  private static final IpAddress A4 = IpAddress.parse("10.9.0.2");
  private static final IpAddress B4 = IpAddress.parse("10.1.0.10");
  private static final IpAddress A6 = IpAddress.parse("fd00:9::2");
  private static final IpAddress B6 = IpAddress.parse("fd00:1::10");

  /** A frame with 12 bytes of TCP options, of which only the headers were captured. */
  private static byte[] frame(IpAddress from, IpAddress to, int payload, int flags) {
    ByteBuffer frame = ByteBuffer.allocate(128);
    frame.put(new byte[12]);
    int tcpLength = 32 + payload;
    if (from.isV4()) {
      frame.putShort((short) 0x0800).put((byte) 0x46).put((byte) 0);
      frame.putShort((short) (24 + tcpLength)).putInt(0).put((byte) 64).put((byte) 6);
      frame.putShort((short) 0).put(from.toBytes()).put(to.toBytes()).putInt(0x01010100);
    } else {
      frame.putShort((short) 0x86dd).putInt(0x60000000).putShort((short) tcpLength);
      frame.put((byte) 6).put((byte) 64).put(from.toBytes()).put(to.toBytes());
    }
    frame.putShort((short) 40001).putShort((short) 7001).putInt(0xfffffff0).putInt(77);
    frame.put((byte) 0x80).put((byte) flags).putShort((short) 500).putInt(0).put(new byte[12]);
    return Arrays.copyOf(frame.array(), frame.position());
  }

  private static TcpHeader read(byte[] frame) {
    return Objects.requireNonNull(TcpHeader.of(frame));
  }

  @Test
  void readsIpv4WithOptions() {
    TcpHeader header = read(frame(A4, B4, 1000, TcpHeader.ACK));
    assertThat(header)
        .isEqualTo(new TcpHeader(A4, 40001, B4, 7001, 0xfffffff0, 77, TcpHeader.ACK, 1000));
    assertThat(header.end()).isEqualTo(984); // wraps
  }

  @Test
  void readsIpv6SuperPackets() {
    TcpHeader header = read(frame(A6, B6, 60_000, TcpHeader.ACK));
    assertThat(header)
        .isEqualTo(new TcpHeader(A6, 40001, B6, 7001, 0xfffffff0, 77, TcpHeader.ACK, 60_000));
  }

  @Test
  void synAndFinTakeANumberEach() {
    assertThat(read(frame(A4, B4, 0, TcpHeader.SYN)).end()).isEqualTo(0xfffffff1);
    assertThat(read(frame(A4, B4, 10, TcpHeader.FIN | TcpHeader.ACK)).end()).isEqualTo(0xfffffffb);
  }

  @Test
  void otherAndCutFramesAreNone() {
    byte[] frame = frame(A4, B4, 1000, TcpHeader.ACK);
    assertThat(TcpHeader.of(Arrays.copyOf(frame, 14 + 24 + 19))).isNull();
    frame[14 + 9] = 17;
    assertThat(TcpHeader.of(frame)).isNull();
    assertThat(TcpHeader.of(new byte[0])).isNull();
    byte[] v6 = frame(A6, B6, 0, 0);
    assertThat(TcpHeader.of(Arrays.copyOf(v6, 60))).isNull();
  }
}
