package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each kind of packet at every length from nothing to the whole, and with every length field lying:
 * a fault each time, or a view that stays within what is there.
 */
class TruncatedPacketTest {
  private final PacketView view = new PacketView();

  /** What it is, the packet, bytes of all its headers. */
  static Stream<Arguments> packets() {
    byte[] timestamps = new byte[] {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0};
    return Stream.of(
        row("TCP", v4().tcp(1, 2, 3, 4, 0x10, 5), 20 + 20),
        row("TCP with options", v4().tcp(1, 2, 3, 4, 0x10, 5, timestamps), 20 + 32),
        row("UDP", v4().udp(1, 2), 28),
        row("ICMP", v4().icmp(8, 0, 1), 28),
        row("IPv4 options", v4().ipOptions(new byte[12]).udp(1, 2), 32 + 8),
        row("all the options there can be", v4().ipOptions(new byte[40]).icmp(8, 0, 1), 60 + 8),
        row("first fragment, as tiny as RFC 791 lets it be", v4().udp(1, 2).fragment(0, true), 20),
        row("later fragment", v4().raw(17).fragment(16, true), 20),
        row("ESP", v4().raw(50), 20),
        row("TCP over IPv6", v6().tcp(1, 2, 3, 4, 0x10, 5), 60),
        row("TCP with options over IPv6", v6().tcp(1, 2, 3, 4, 0x10, 5, timestamps), 72),
        row("UDP over IPv6", v6().udp(1, 2), 48),
        row("ICMPv6", v6().icmp(128, 0, 1), 48),
        row("hop-by-hop", v6().extension(0, new byte[14]).udp(1, 2), 40 + 16 + 8),
        row("routing", v6().extension(43, new byte[22]).udp(1, 2), 40 + 24 + 8),
        row("destination options", v6().extension(60).tcp(1, 2, 3, 4, 0x10, 5), 40 + 8 + 20),
        row("mobility", v6().extension(135).udp(1, 2), 56),
        row("HIP", v6().extension(139).udp(1, 2), 56),
        row("shim6", v6().extension(140).udp(1, 2), 56),
        row("chain", v6().extension(0).extension(43).extension(60).icmp(128, 0, 1), 40 + 24 + 8),
        row("first fragment of IPv6", v6().udp(1, 2).fragment(0, true), 40 + 8 + 8),
        row("later fragment of IPv6", v6().raw(17).fragment(16, true), 40 + 8),
        row("fragment of a chain", v6().extension(60).udp(1, 2).fragment(0, true), 40 + 16 + 8),
        row("authentication header", authenticated(), 40 + 24 + 8),
        row("no next header", v6().raw(59), 40));
  }

  /** A UDP datagram behind an authentication header (RFC 4302) of 24 bytes. */
  private static PacketBuilder authenticated() {
    byte[] header = new byte[24 + 8];
    header[0] = 17;
    header[1] = 4;
    header[24 + 5] = 8 + 6;
    byte[] payload = new byte[header.length];
    System.arraycopy(header, 0, payload, 0, header.length);
    return v6().raw(51).payload(payload);
  }

  private static Arguments row(String name, PacketBuilder packet, int headers) {
    byte[] bytes = Cut.bytes(packet);
    int missing = headers + 6 - bytes.length;
    byte[] whole = missing > 0 ? lengthened(bytes, missing) : bytes;
    return Arguments.of(name, whole, headers);
  }

  private static byte[] lengthened(byte[] bytes, int more) {
    byte[] longer = java.util.Arrays.copyOf(bytes, bytes.length + more);
    return says(longer, longer.length);
  }

  /** The packet as if its header said that it has {@code length} bytes, and UDP's the same. */
  private static byte[] says(byte[] bytes, int length) {
    boolean v4 = bytes[0] >> 4 == 4;
    byte[] copy = Cut.with(bytes, v4 ? 2 : 4, 2, v4 ? length : Math.max(0, length - 40));
    var view = new PacketView();
    ByteBuf buf = Bytes.empty(copy.length).writeBytes(copy);
    if (view.checkHeaders(buf, 0, copy.length) == PacketFault.BAD_TRANSPORT_HEADER
        || view.isUdp()) {
      int udp = view.transportStart();
      if (view.protocol() == PacketView.UDP && view.fragmentOffset() == 0 && udp + 6 <= length) {
        copy = Cut.with(copy, udp + 4, 2, length - udp);
      }
    }
    return copy;
  }

  /** The header says what was sent, and not all of it is there. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("packets")
  void cutOnItsWay(String name, byte[] packet, int headers) {
    for (int length = 0; length < packet.length; length++) {
      int there = length;
      Cut.show(
          packet,
          length,
          buf ->
              assertThat(view.check(buf, 0, there))
                  .as("%s, %d of %d bytes", name, there, packet.length)
                  .isNotEqualTo(PacketFault.NONE));
    }
    Cut.show(packet, packet.length, this::isSound);
  }

  /** Whoever sent it has made it that short, and says so. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("packets")
  void sentTooShort(String name, byte[] packet, int headers) {
    for (int length = 0; length <= packet.length; length++) {
      byte[] shorter = says(packet, length);
      boolean enough = length >= headers;
      int there = length;
      Cut.show(
          shorter,
          length,
          buf -> {
            PacketFault fault = view.check(buf, 0, there);
            assertThat(fault == PacketFault.NONE)
                .as("%s of %d bytes: %s", name, there, fault)
                .isEqualTo(enough);
            if (enough) {
              isSound(buf);
            }
          });
    }
  }

  /** A capture of headers alone may not run past what was captured either. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("packets")
  void captured(String name, byte[] packet, int headers) {
    for (int length = 0; length <= packet.length; length++) {
      int there = length;
      Cut.show(
          packet,
          length,
          buf -> {
            if (view.checkHeaders(buf, 0, there) == PacketFault.NONE) {
              assertThat(view.tcpFlags() + view.sourcePort() + view.icmpType()).isNotNegative();
            }
          });
    }
  }

  /** Every byte of every header, which holds every length field there is, lies. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("packets")
  void lying(String name, byte[] packet, int headers) {
    for (int width = 1; width <= 2; width++) {
      for (int index = 0; index + width <= headers; index++) {
        for (long lie : Cut.lies(packet, index, width)) {
          byte[] lying = Cut.with(packet, index, width, lie);
          Cut.show(
              lying,
              lying.length,
              buf -> {
                if (view.check(buf, 0, lying.length) == PacketFault.NONE) {
                  isSound(buf);
                }
              });
        }
      }
    }
  }

  private void isSound(ByteBuf buf) {
    assertThat(view.check(buf, 0, buf.readableBytes())).isEqualTo(PacketFault.NONE);
    assertThat(view.end()).isBetween(view.transportStart(), buf.readableBytes());
    assertThat(view.tcpPayloadStart()).isBetween(view.transportStart(), view.end());
    Checksums.verifyTransport(view);
    assertThat(view.sourcePort() + view.icmpIdentifier() + view.tcpWindow()).isNotNegative();
  }

  private static PacketBuilder v4() {
    return PacketBuilder.of("192.0.2.1", "10.1.0.10");
  }

  private static PacketBuilder v6() {
    return PacketBuilder.of("fd00:2::2", "fd00:1::10");
  }
}
