package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class OffloadCheckTest {
  private static final PacketFault OK = PacketFault.NONE;
  private static final PacketFault BAD = PacketFault.BAD_VNET_HEADER;

  /** Description, packet, what is changed in its header (index 0) or packet (index 10), verdict. */
  static Stream<Arguments> table() {
    return Stream.of(
        row("a plain packet", v4tcp(), buf -> {}, OK),
        row("a checksum left, TCP over IPv4", v4tcp().checksumLeft(), buf -> {}, OK),
        row("a checksum left, TCP over IPv6", v6tcp().checksumLeft(), buf -> {}, OK),
        row("a checksum left, UDP over IPv4", v4udp().checksumLeft(), buf -> {}, OK),
        row("a checksum left, UDP over IPv6", v6udp().checksumLeft(), buf -> {}, OK),
        row("behind IPv4 options", v4tcp().ipOptions(new byte[4]).checksumLeft(), buf -> {}, OK),
        row("behind an extension", v6tcp().extension(60).checksumLeft(), buf -> {}, OK),
        row("a super-packet, TCP over IPv4", v4tcp().gso(1000), buf -> {}, OK),
        row("a super-packet, TCP over IPv6", v6tcp().gso(1000), buf -> {}, OK),
        row("a super-packet, UDP over IPv4", v4udp().gso(1000), buf -> {}, OK),
        row("a super-packet, UDP over IPv6", v6udp().gso(1000), buf -> {}, OK),
        row("of one segment", v4tcp().gso(3000), buf -> {}, OK),
        row("TCP with the ECN bit", v4tcp().gso(1000), buf -> buf.setByte(1, 0x81), OK),
        row("checksum known to be right", v4tcp(), buf -> buf.setByte(0, 2), OK),
        row("segment size without a type is idle", v4tcp(), buf -> buf.setShortLE(4, 9), OK),
        row("offsets without the flag are idle", v4tcp(), buf -> buf.setShortLE(6, 0xffff), OK),
        row("an unknown flag", v4tcp(), buf -> buf.setByte(0, 4), BAD),
        row("the headers longer than all", v4tcp(), buf -> buf.setShortLE(2, 3041), BAD),
        row("the headers as long as all", v4tcp(), buf -> buf.setShortLE(2, 3040), OK),
        row("start in the IP header", v4tcp().checksumLeft(), buf -> buf.setShortLE(6, 0), BAD),
        row("start one byte off", v4tcp().checksumLeft(), buf -> buf.setShortLE(6, 21), BAD),
        row("start behind the end", v4tcp().checksumLeft(), buf -> buf.setShortLE(6, 65535), BAD),
        row("offset at the ports", v4tcp().checksumLeft(), buf -> buf.setShortLE(8, 0), BAD),
        row("TCP with UDP's offset", v4tcp().checksumLeft(), buf -> buf.setShortLE(8, 6), BAD),
        row("UDP with TCP's offset", v4udp().checksumLeft(), buf -> buf.setShortLE(8, 16), BAD),
        row("offset behind the end", v4tcp().checksumLeft(), buf -> buf.setShortLE(8, 65535), BAD),
        row("the field is the destination address", v4tcp(), partial(10, 6), BAD),
        row("ICMP has none to be left", v4().icmp(8, 0, 1).payload(99), partial(20, 2), BAD),
        row("a fragment has none", v4udp().fragment(0, true), partial(20, 6), BAD),
        row("nor has a later one", v4udp().fragment(800, false), partial(20, 6), BAD),
        row("VXLAN with TCP in it", v4udp(), partial(20 + 8 + 8 + 14 + 20, 16), OK),
        row("VXLAN with UDP in it", v6udp(), partial(40 + 8 + 8 + 14 + 40, 6), OK),
        row("IP in IP with TCP in it", v4().raw(4).payload(99), partial(20 + 20, 16), OK),
        row("IPv6 in IP with UDP in it", v4().raw(41).payload(99), partial(20 + 40, 6), OK),
        row("GRE with TCP in it", v4().raw(47).payload(99), partial(20 + 4 + 20, 16), OK),
        row("TCP carries no packets", v4tcp(), partial(20 + 20 + 20, 16), BAD),
        row("ESP shows none", v4().raw(50).payload(99), partial(20 + 40, 16), BAD),
        row("nested, but no checksum's offset", v4udp(), partial(70, 8), BAD),
        row("nested, the field the last there is", v4().raw(4).payload(99), partial(101, 16), OK),
        row("nested, over the end by one", v4().raw(4).payload(99), partial(102, 16), BAD),
        row("nested in a fragment", v4udp().fragment(0, true), partial(70, 16), BAD),
        row("nested, but cut up", v4udp(), partial(70, 6).andThen(gso(5, 1000)), BAD),
        row("cut up without a checksum left", v4tcp(), gso(1, 1000), BAD),
        row("TCPV4 over IPv6", v6tcp().gso(1000), buf -> buf.setByte(1, 1), BAD),
        row("TCPV6 over IPv4", v4tcp().gso(1000), buf -> buf.setByte(1, 4), BAD),
        row("TCPV4 of UDP", v4udp().gso(1000), buf -> buf.setByte(1, 1), BAD),
        row("UDP_L4 of TCP", v4tcp().gso(1000), buf -> buf.setByte(1, 5), BAD),
        row("UDP with the ECN bit", v4udp().gso(1000), buf -> buf.setByte(1, 0x85), BAD),
        row("the ECN bit alone", v4tcp().gso(1000), buf -> buf.setByte(1, 0x80), BAD),
        row("UFO, which nobody was offered", v4udp().gso(1000), buf -> buf.setByte(1, 3), BAD),
        row("an unknown type", v4tcp().gso(1000), buf -> buf.setByte(1, 2), BAD),
        row("segments of nothing", v4tcp().gso(1000), buf -> buf.setShortLE(4, 0), BAD),
        row("2,048 segments at most", v4tcp().payload(2 * 2048).gso(2), buf -> {}, OK),
        row("2,049 are too many", v4tcp().payload(2 * 2048 + 1).gso(2), buf -> {}, BAD),
        row("the longest there is", v4tcp().gso(65535 - 40), buf -> {}, OK),
        row("one more than IP can say", v4tcp().gso(65535 - 39), buf -> {}, BAD),
        row("SYN twice", v4().tcp(1, 2, 3, 4, PacketView.SYN, 5).gso(1000), buf -> {}, BAD),
        row("RST twice", v4().tcp(1, 2, 3, 4, PacketView.RST, 5).gso(1000), buf -> {}, BAD),
        row("FIN is for the last", v4().tcp(1, 2, 3, 4, PacketView.FIN, 5).gso(9), buf -> {}, OK),
        row("UDP's length less than all", v4udp().gso(1000), buf -> buf.setShort(34, 900), BAD));
  }

  @ParameterizedTest(name = "{0}: {3}")
  @MethodSource("table")
  void theTable(String name, PacketBuilder packet, Consumer<ByteBuf> change, PacketFault verdict) {
    ByteBuf buf = Bytes.empty(70_000);
    int start = packet.writeWithVnet(buf);
    change.accept(buf);
    assertThat(OffloadCheck.check(buf, 0, Bytes.viewAt(buf, start))).as(name).isEqualTo(verdict);
  }

  @Test
  void aHeaderOutsideOfTheBufferIsBad() {
    ByteBuf buf = Bytes.packet(v4().udp(1, 2));
    PacketView view = Bytes.view(buf);
    assertThat(OffloadCheck.check(buf, -1, view)).isEqualTo(BAD);
    assertThat(OffloadCheck.check(buf, buf.writerIndex() - 9, view)).isEqualTo(BAD);
    assertThat(OffloadCheck.check(buf, Integer.MAX_VALUE, view)).isEqualTo(BAD);
  }

  /** Whatever passes must lie behind the IP header and inside the packet. */
  @Test
  void randomHeadersNeverReachTheIpHeaderOrPastTheEnd() {
    var random = new Random(3);
    int passed = 0;
    for (int i = 0; i < 40_000; i++) {
      ByteBuf buf = SHARED.clear();
      PacketBuilder packet = random.nextBoolean() ? v4udp() : v4tcp();
      int start = packet.payload(random.nextInt(200)).writeWithVnet(buf);
      PacketView view = Bytes.viewAt(buf, start);
      buf.setByte(0, random.nextInt(4));
      buf.setByte(1, random.nextBoolean() ? 0 : random.nextInt(6));
      buf.setShortLE(2, random.nextInt(300));
      buf.setShortLE(4, random.nextInt(300));
      buf.setShortLE(6, random.nextInt(300));
      buf.setShortLE(8, random.nextBoolean() ? 6 : random.nextInt(20));
      if (OffloadCheck.check(buf, 0, view) == OK && VirtioNetHeader.needsChecksum(buf, 0)) {
        passed++;
        int field =
            start + VirtioNetHeader.checksumStart(buf, 0) + VirtioNetHeader.checksumOffset(buf, 0);
        assertThat(field).isBetween(view.transportStart() + 6, view.end() - 2);
      }
    }
    assertThat(passed).isGreaterThan(100);
  }

  @Test
  void aClearedHeaderSaysNothing() {
    ByteBuf buf = Bytes.empty(14);
    VirtioNetHeader.clear(buf, 2);
    assertThat(Bytes.hexOf(buf.slice(0, 14))).isEqualTo("a5a5" + "00".repeat(10) + "a5a5");
  }

  private static final ByteBuf SHARED = Bytes.empty(1000);

  private static Arguments row(
      String name, PacketBuilder packet, Consumer<ByteBuf> change, PacketFault verdict) {
    return Arguments.of(name, packet, change, verdict);
  }

  private static Consumer<ByteBuf> partial(int start, int offset) {
    return buf -> buf.setByte(0, 1).setShortLE(6, start).setShortLE(8, offset);
  }

  private static Consumer<ByteBuf> gso(int type, int size) {
    return buf -> buf.setByte(1, type).setShortLE(4, size);
  }

  private static PacketBuilder v4() {
    return PacketBuilder.of("192.0.2.1", "198.51.100.2").payload(3000);
  }

  private static PacketBuilder v4tcp() {
    return v4().tcp(1, 2, 3, 4, PacketView.ACK, 5);
  }

  private static PacketBuilder v4udp() {
    return v4().udp(1, 2);
  }

  private static PacketBuilder v6tcp() {
    return PacketBuilder.of("fd00::1", "fd00::2").payload(3000).tcp(1, 2, 3, 4, PacketView.ACK, 5);
  }

  private static PacketBuilder v6udp() {
    return PacketBuilder.of("fd00::1", "fd00::2").payload(3000).udp(1, 2);
  }
}
