package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.util.HexFormat;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** ARP, neighbour discovery and DHCP at every length, and with every length field lying. */
class TruncatedFrameTest {
  private static final MacAddress PEER = MacAddress.parse("52:54:00:00:00:01");
  private static final IpAddress OLD = IpAddress.parse("10.1.0.10");
  private static final IpAddress OLD_6 = IpAddress.parse("fd00:1::10");

  /** What it is, the frame, its parser. */
  static Stream<Arguments> frames() {
    ByteBuf arp = Bytes.empty(100);
    ArpMessage.writeRequest(arp, PEER, IpAddress.parse("10.1.0.7"), OLD);
    ByteBuf asks = Bytes.empty(200);
    NeighbourMessage.writeSolicitation(asks, PEER, IpAddress.parse("fd00:1::7"), OLD_6);
    ByteBuf tells = Bytes.empty(200);
    NeighbourMessage.writeUnsolicited(tells, PEER, OLD_6, 0);
    Predicate<ByteBuf> neighbour =
        buf -> {
          var message = new NeighbourMessage();
          return message.check(buf, 0, buf.readableBytes()) && message.target().isV6();
        };
    return Stream.of(
        Arguments.of(
            "ARP",
            bytes(arp),
            (Predicate<ByteBuf>)
                buf -> {
                  var message = new ArpMessage();
                  return message.check(buf, 0, buf.readableBytes())
                      && message.targetAddress().isV4();
                }),
        Arguments.of("neighbour solicitation", bytes(asks), neighbour),
        Arguments.of("neighbour advertisement", bytes(tells), neighbour),
        Arguments.of("DHCP", dhcp("350105" + "32040a01000a" + "ff"), dhcpReader()));
  }

  private static Predicate<ByteBuf> dhcpReader() {
    return buf -> {
      var message = new DhcpMessage();
      return message.check(buf, 0, buf.readableBytes())
          && message.given().isV4()
          && message.client().bits() >= 0;
    };
  }

  private static byte[] bytes(ByteBuf buf) {
    return ByteBufUtil.getBytes(buf);
  }

  private static byte[] dhcp(String options) {
    byte[] message = new byte[240 + options.length() / 2];
    System.arraycopy(HexFormat.of().parseHex("02010600"), 0, message, 0, 4);
    System.arraycopy(HexFormat.of().parseHex("63825363"), 0, message, 236, 4);
    System.arraycopy(HexFormat.of().parseHex(options), 0, message, 240, options.length() / 2);
    ByteBuf frame = Bytes.empty(600);
    Ethernet.writeHeader(frame, PEER, PEER, Ethernet.TYPE_IPV4);
    PacketBuilder.of("10.1.0.1", "10.1.0.10").udp(67, 68).payload(message).write(frame);
    return bytes(frame);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("frames")
  void cut(String name, byte[] frame, Predicate<ByteBuf> parser) {
    for (int length = 0; length < frame.length; length++) {
      int there = length;
      Cut.show(
          frame,
          length,
          buf -> assertThat(parser.test(buf)).as("%s, %d bytes", name, there).isFalse());
    }
    Cut.show(frame, frame.length, buf -> assertThat(parser.test(buf)).isTrue());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("frames")
  void lying(String name, byte[] frame, Predicate<ByteBuf> parser) {
    for (int width = 1; width <= 2; width++) {
      for (int index = 0; index + width <= frame.length; index++) {
        for (long lie : Cut.lies(frame, index, width)) {
          byte[] lying = Cut.with(frame, index, width, lie);
          Cut.show(lying, lying.length, buf -> assertThat(parser.test(buf)).isIn(true, false));
        }
      }
    }
  }

  @Test
  void arpWithOtherLengthsOfAddressesIsRefused() {
    byte[] frame = (byte[]) frames().findFirst().orElseThrow().get()[1];
    for (int index : new int[] {Ethernet.HEADER + 4, Ethernet.HEADER + 5}) {
      for (long lie : Cut.lies(frame, index, 1)) {
        byte[] lying = Cut.with(frame, index, 1, lie);
        Cut.show(
            lying,
            lying.length,
            buf -> assertThat(new ArpMessage().check(buf, 0, lying.length)).isFalse());
      }
    }
  }

  /** RFC 4861 section 4.6: with a length of 0, and where it does not end with the message. */
  @Test
  void neighbourOptionsOfAnyOtherLengthAreRefused() {
    byte[] frame = (byte[]) frames().skip(1).findFirst().orElseThrow().get()[1];
    int lengthAt = frame.length - 7;
    assertThat(frame[lengthAt]).isEqualTo((byte) 1);
    for (int lie : new int[] {0, 2, 255}) {
      byte[] lying = Cut.with(frame, lengthAt, 1, lie);
      int icmp = Ethernet.HEADER + 40;
      ByteBuf sum = Bytes.empty(200).writeBytes(lying);
      Checksums.setTransport(Bytes.viewAt(sum, Ethernet.HEADER));
      byte[] signed = Cut.with(lying, icmp + 2, 2, sum.getUnsignedShort(icmp + 2));
      Cut.show(
          signed,
          signed.length,
          buf ->
              assertThat(new NeighbourMessage().check(buf, 0, signed.length))
                  .as("an option of %d times 8 bytes", lie)
                  .isFalse());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"3501", "350205", "35ff05ff", "320a35010aff", "32ff0a", "35"})
  void dhcpOptionsThatRunOverAreRefused(String options) {
    byte[] frame = dhcp(options);
    Cut.show(frame, frame.length, buf -> assertThat(dhcpReader().test(buf)).isFalse());
  }

  /** What lies behind the datagram is none of it (RFC 9868). */
  @Test
  void dhcpOptionsEndWithTheDatagram() {
    byte[] frame = dhcp("00000000" + "350105ff");
    int udpLength = Ethernet.HEADER + 20 + 4;
    byte[] lying = Cut.with(frame, udpLength, 2, 8 + 240 + 4);
    Cut.show(lying, lying.length, buf -> assertThat(dhcpReader().test(buf)).isFalse());
    Cut.show(frame, frame.length, buf -> assertThat(dhcpReader().test(buf)).isTrue());
    byte[] tooShort = Cut.with(frame, udpLength, 2, 8 + 239);
    Cut.show(tooShort, tooShort.length, buf -> assertThat(dhcpReader().test(buf)).isFalse());
  }
}
