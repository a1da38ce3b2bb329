package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class PacketViewTest {
  private static final PacketFault OK = PacketFault.NONE;
  private static final PacketFault LENGTH = PacketFault.BAD_TOTAL_LENGTH;
  private static final PacketFault EXTENSION = PacketFault.BAD_EXTENSION_HEADER;
  private static final PacketFault TRANSPORT = PacketFault.BAD_TRANSPORT_HEADER;

  private final PacketView view = new PacketView();

  @Test
  void aSynOverIpv4() {
    ByteBuf buf =
        Bytes.hex(
            "a5a5a5"
                + "45b8 003c 1c46 4000 3f06 0000 c000 0201 0a01 000a"
                + "9c40 01bb ffff fffe 0000 0000 a002 faf0 0000 0000"
                + "020405b4 0402080a 00000001 00000000 01030307");
    assertThat(view.check(buf, 3, 60)).isEqualTo(OK);
    assertThat(view.start()).isEqualTo(3);
    assertThat(view.transportStart()).isEqualTo(23);
    assertThat(view.end()).isEqualTo(63);
    assertThat(view.length()).isEqualTo(60);
    assertThat(view.version()).isEqualTo(4);
    assertThat(view.isV4()).isTrue();
    assertThat(view.protocol()).isEqualTo(PacketView.TCP);
    assertThat(view.hasOptionsOrExtensions()).isFalse();
    assertThat(view.hopLimit()).isEqualTo(63);
    assertThat(view.trafficClass()).isEqualTo(0xb8);
    assertThat(view.dontFragment()).isTrue();
    assertThat(view.isFragment()).isFalse();
    assertThat(view.hasTransportHeader()).isTrue();
    assertThat(view.source()).isEqualTo(IpAddress.parse("192.0.2.1"));
    assertThat(view.destination()).isEqualTo(IpAddress.parse("10.1.0.10"));
    assertThat(view.isFrom(IpAddress.parse("192.0.2.1"))).isTrue();
    assertThat(view.isTo(IpAddress.parse("192.0.2.1"))).isFalse();
    assertThat(view.isTcp() && view.hasPorts()).isTrue();
    assertThat(view.isUdp() || view.isIcmp()).isFalse();
    assertThat(view.sourcePort()).isEqualTo(40000);
    assertThat(view.destinationPort()).isEqualTo(443);
    assertThat(view.tcpSequence()).isEqualTo(0xffff_fffeL);
    assertThat(view.tcpAcknowledgment()).isZero();
    assertThat(view.tcpHeaderLength()).isEqualTo(40);
    assertThat(view.tcpFlags()).isEqualTo(PacketView.SYN);
    assertThat(view.tcpWindow()).isEqualTo(0xfaf0);
    assertThat(view.tcpPayloadStart()).isEqualTo(63);
    assertThat(view.tcpPayloadLength()).isZero();
    assertThat(view.tcpSequenceLength()).isEqualTo(1);
  }

  @Test
  void anEchoOverIpv6BehindExtensions() {
    ByteBuf buf =
        Bytes.packet(
            v6().trafficClass(0xb9)
                .flowLabel(0xfffff)
                .ttl(9)
                .extension(0, new byte[6])
                .extension(60, new byte[14])
                .icmp(128, 0, 0x1234_0001)
                .payload(5));
    assertThat(view.check(buf, 0, buf.writerIndex())).isEqualTo(OK);
    assertThat(view.transportStart()).isEqualTo(40 + 8 + 16);
    assertThat(view.length()).isEqualTo(40 + 24 + 13);
    assertThat(view.version()).isEqualTo(6);
    assertThat(view.isV4()).isFalse();
    assertThat(view.hasOptionsOrExtensions()).isTrue();
    assertThat(view.trafficClass()).isEqualTo(0xb9);
    assertThat(view.hopLimit()).isEqualTo(9);
    assertThat(view.dontFragment()).isTrue();
    assertThat(view.isFragment()).isFalse();
    assertThat(view.isIcmp()).isTrue();
    assertThat(view.icmpType()).isEqualTo(128);
    assertThat(view.icmpCode()).isZero();
    assertThat(view.icmpIdentifier()).isEqualTo(0x1234);
    assertThat(view.source()).isEqualTo(IpAddress.parse("fd00:2::2"));
    assertThat(view.isTo(IpAddress.parse("fd00:1::10"))).isTrue();
    assertThat(view.hasPorts()).isFalse();
    assertThat(view.sourcePort()).as("a port where there is none").isZero();
  }

  @Test
  void fragments() {
    for (PacketBuilder builder : new PacketBuilder[] {v4(), v6()}) {
      PacketView first = Bytes.view(Bytes.packet(builder.udp(7, 9).payload(8).fragment(0, true)));
      assertThat(first.isFragment() && first.hasTransportHeader() && first.hasPorts()).isTrue();
      assertThat(first.destinationPort()).isEqualTo(9);
      PacketView later = Bytes.view(Bytes.packet(builder.fragment(1480, true)));
      assertThat(later.isFragment()).isTrue();
      assertThat(later.fragmentOffset()).isEqualTo(1480);
      assertThat(later.protocol()).isEqualTo(PacketView.UDP);
      assertThat(later.hasTransportHeader() || later.hasPorts() || later.isUdp()).isFalse();
      assertThat(later.sourcePort()).isZero();
      PacketView last = Bytes.view(Bytes.packet(builder.fragment(1480, false)));
      assertThat(last.isFragment()).isTrue();
    }
    PacketView atomic = Bytes.view(Bytes.packet(v6().udp(7, 9).fragment(0, false)));
    assertThat(atomic.isFragment()).as("RFC 6946: a fragment that is all").isFalse();
    assertThat(atomic.isUdp()).isTrue();
  }

  /** RFC 791 section 3.2 allows 8 bytes; what is not there is not read. */
  @Test
  void tinyFirstFragmentsHaveNoTransportHeader() {
    for (PacketBuilder whole :
        new PacketBuilder[] {v4tcp().payload(40), v4().icmp(8, 0, 7), v4().udp(7, 9)}) {
      for (int data : new int[] {0, 4, 8, 16, 20, 24}) {
        ByteBuf buf = Bytes.packet(whole.fragment(0, true));
        int room = buf.writerIndex() - 20;
        if (data > room) {
          continue;
        }
        buf.setShort(2, 20 + data);
        assertThat(view.check(buf, 0, 20 + data)).as("%s bytes", data).isEqualTo(OK);
        boolean isThere = data >= (view.protocol() == PacketView.TCP ? 20 : 8);
        assertThat(view.hasTransportHeader()).isEqualTo(isThere);
        assertThat(view.isTcp() || view.isUdp() || view.isIcmp()).isEqualTo(isThere);
        if (!isThere) {
          assertThat(view.hasPorts()).isFalse();
          assertThat(view.sourcePort() + view.tcpFlags() + view.icmpType()).isZero();
          assertThat(Checksums.verifyTransport(view)).as("nothing to be wrong").isTrue();
        }
      }
    }
  }

  @Test
  void sequenceSpaceIsDataAndSynAndFin() {
    int both = PacketView.SYN | PacketView.FIN;
    PacketView segment =
        Bytes.view(Bytes.packet(v4().tcp(1, 2, 3, 4, both, 5, new byte[8]).payload(10)));
    assertThat(segment.tcpPayloadStart()).isEqualTo(48);
    assertThat(segment.tcpPayloadLength()).isEqualTo(10);
    assertThat(segment.tcpSequenceLength()).isEqualTo(12);
  }

  /** Description, packet, what is changed in it, verdict. */
  static Stream<Arguments> table() {
    return Stream.of(
        row("untouched", v4tcp(), buf -> {}, OK),
        row("untouched IPv6", v6tcp(), buf -> {}, OK),
        row("padding", v4tcp(), buf -> buf.writeZero(6), OK),
        row("padding of IPv6", v6tcp(), buf -> buf.writeZero(6), OK),
        row("version 0", v4tcp(), buf -> buf.setByte(0, 0x05), PacketFault.BAD_VERSION),
        row("version 5", v4tcp(), buf -> buf.setByte(0, 0x55), PacketFault.BAD_VERSION),
        row(
            "IPv6 that says 4",
            v6tcp(),
            buf -> buf.setByte(0, 0x40),
            PacketFault.BAD_HEADER_LENGTH),
        row(
            "header of 16 bytes",
            v4tcp(),
            buf -> buf.setByte(0, 0x44),
            PacketFault.BAD_HEADER_LENGTH),
        row(
            "header over all",
            v4().raw(50),
            buf -> buf.setByte(0, 0x46),
            PacketFault.BAD_HEADER_LENGTH),
        row("cut in the header", v4tcp(), buf -> buf.writerIndex(19), PacketFault.TRUNCATED),
        row("cut in the IPv6 header", v6tcp(), buf -> buf.writerIndex(39), PacketFault.TRUNCATED),
        row("nothing", v4tcp(), buf -> buf.writerIndex(0), PacketFault.TRUNCATED),
        row("total less than the header", v4tcp(), buf -> buf.setShort(2, 19), LENGTH),
        row("total of 0", v4tcp(), buf -> buf.setShort(2, 0), LENGTH),
        row("total over all", v4tcp(), buf -> buf.setShort(2, 141), LENGTH),
        row("payload over all", v6tcp(), buf -> buf.setShort(4, 121), LENGTH),
        row("payload of 0, as a jumbogram", v6tcp(), buf -> buf.setShort(4, 0), TRANSPORT),
        row("TCP cut", v4tcp(), buf -> buf.setShort(2, 39), TRANSPORT),
        row("TCP header of 16", v4tcp(), buf -> buf.setByte(32, 0x40), TRANSPORT),
        row(
            "TCP header over all",
            v4().tcp(1, 2, 3, 4, 0, 5),
            buf -> buf.setByte(32, 0x60),
            TRANSPORT),
        row("TCP header as long as all", v4tcp().payload(40), buf -> buf.setByte(32, 0xf0), OK),
        row("UDP cut", v4().udp(1, 2), buf -> buf.setShort(2, 27), TRANSPORT),
        row("UDP length of 7", v4().udp(1, 2), buf -> buf.setShort(24, 7), TRANSPORT),
        row("UDP length over all", v4().udp(1, 2), buf -> buf.setShort(24, 9), TRANSPORT),
        row(
            "UDP length under all (RFC 9868)",
            v4().udp(1, 2).payload(9),
            buf -> buf.setShort(24, 8),
            OK),
        row("UDP length of a first fragment", udpFragment(), buf -> buf.setShort(24, 9000), OK),
        row("ICMP cut", v4().icmp(8, 0, 0), buf -> buf.setShort(2, 27), TRANSPORT),
        row("tiny first fragment", v4tcp().fragment(0, true), buf -> buf.setShort(2, 28), OK),
        row(
            "tiny first fragment of IPv6 (RFC 7112 section 5)",
            v6tcp().fragment(0, true),
            buf -> buf.setShort(4, 16),
            TRANSPORT),
        row("all of a TCP that is cut", v4tcp(), buf -> buf.setShort(2, 36), TRANSPORT),
        row(
            "last and only fragment of a TCP that is cut",
            v4tcp().fragment(0, false),
            buf -> buf.setShort(2, 36),
            TRANSPORT),
        row(
            "later fragment of any size",
            v4tcp().fragment(8, true),
            buf -> buf.setShort(2, 21),
            OK),
        row(
            "the last bytes of the longest",
            v4().fragment(65_504, false).payload(11),
            buf -> {},
            OK),
        row("one more than that", v4().fragment(65_504, false).payload(12), buf -> {}, LENGTH),
        row("ping of death", v4().raw(1).payload(100).fragment(65_512, false), buf -> {}, LENGTH),
        row(
            "ping of death, IPv6",
            v6().raw(58).payload(100).fragment(65_512, false),
            buf -> {},
            LENGTH),
        row("from multicast", v4tcp(), buf -> buf.setByte(12, 224), PacketFault.BAD_SOURCE),
        row("from all", v4tcp(), buf -> buf.setInt(12, -1), PacketFault.BAD_SOURCE),
        row("from loopback", v4tcp(), buf -> buf.setByte(12, 127), PacketFault.BAD_SOURCE),
        row("from 0.0.0.0, as DHCP does", v4tcp(), buf -> buf.setInt(12, 0), OK),
        row("to multicast", v4tcp(), buf -> buf.setByte(16, 224), OK),
        row("from IPv6 multicast", v6tcp(), buf -> buf.setByte(8, 0xff), PacketFault.BAD_SOURCE),
        row("from ::1", v6tcp(), buf -> buf.setZero(8, 15).setByte(23, 1), PacketFault.BAD_SOURCE),
        row("from ::", v6tcp(), buf -> buf.setZero(8, 16), OK),
        row("from a mapped address", v6tcp(), mapped(8), PacketFault.BAD_SOURCE),
        row("to a mapped address", v6tcp(), mapped(24), PacketFault.BAD_DESTINATION));
  }

  /** The same for extension headers: 40 is the first one's index. */
  static Stream<Arguments> extensions() {
    return Stream.of(
        row("hop-by-hop first", v6().extension(0).extension(60).udp(1, 2), buf -> {}, OK),
        row("hop-by-hop later", v6().extension(60).extension(0).udp(1, 2), buf -> {}, EXTENSION),
        row("routing", v6().extension(43).tcp(1, 2, 3, 4, 0, 5), buf -> {}, OK),
        row("destination options, twice", v6().extension(60).extension(60), buf -> {}, OK),
        row(
            "mobility, HIP, shim6",
            v6().extension(135).extension(139).extension(140),
            buf -> {},
            OK),
        row("length over all", v6().extension(60), buf -> buf.setByte(41, 1), EXTENSION),
        row("length over all by far", v6().extension(60), buf -> buf.setByte(41, 255), EXTENSION),
        row("no room for one", v6().raw(60).payload(7), buf -> {}, EXTENSION),
        row("none there", v6().raw(0), buf -> {}, EXTENSION),
        row("authentication header of 24", ah(4, 24), buf -> {}, OK),
        row("authentication header over all", ah(5, 24), buf -> {}, EXTENSION),
        row("no room for an authentication header", v6().raw(51).payload(4), buf -> {}, EXTENSION),
        row("no room for a fragment header", v6().raw(44).payload(7), buf -> {}, EXTENSION),
        row(
            "a second fragment header",
            v6().extension(44).udp(1, 2).fragment(0, true),
            buf -> {},
            EXTENSION),
        row(
            "chain cut by fragmentation",
            v6().raw(60).payload(7).fragment(0, true),
            buf -> {},
            EXTENSION),
        row("15 headers", chain(15), buf -> {}, OK),
        row("16 headers", chain(16), buf -> {}, EXTENSION),
        row("ESP", v6().raw(50).payload(3), buf -> {}, OK),
        row("no next header", v6().raw(59), buf -> {}, OK));
  }

  @ParameterizedTest(name = "{0}: {3}")
  @MethodSource({"table", "extensions"})
  void theTable(String name, PacketBuilder packet, Consumer<ByteBuf> change, PacketFault verdict) {
    ByteBuf buf = Bytes.packet(packet);
    change.accept(buf);
    assertThat(view.check(buf, 0, buf.writerIndex())).as(name).isEqualTo(verdict);
  }

  @Test
  void whereItLiesMustBeInTheBuffer() {
    ByteBuf buf = Bytes.packet(v4tcp());
    assertThat(view.check(buf, -1, 140)).isEqualTo(PacketFault.TRUNCATED);
    assertThat(view.check(buf, 0, -1)).isEqualTo(PacketFault.TRUNCATED);
    assertThat(view.check(buf, 0, 141)).isEqualTo(PacketFault.TRUNCATED);
    assertThat(view.check(buf, 1, Integer.MAX_VALUE)).isEqualTo(PacketFault.TRUNCATED);
    assertThat(view.check(buf, Integer.MAX_VALUE, 1)).isEqualTo(PacketFault.TRUNCATED);
  }

  @Test
  void aViewCanBeLaidAgain() {
    assertThat(view.check(Bytes.packet(v6().raw(50).payload(9).fragment(8, true)), 0, 57))
        .isEqualTo(OK);
    ByteBuf tcp = Bytes.packet(v4tcp());
    assertThat(view.check(tcp, 0, 140)).isEqualTo(OK);
    assertThat(view.isFragment()).isFalse();
    assertThat(view.isTcp()).isTrue();
    assertThat(view.buffer()).isSameAs(tcp);
  }

  @Test
  void theHeadersOfACapturedPacketAreEnough() {
    for (PacketBuilder builder : new PacketBuilder[] {v4tcp(), v6tcp()}) {
      ByteBuf buf = Bytes.packet(builder.payload(5000));
      int headers = Bytes.view(buf).transportStart() + 20;
      buf.writerIndex(headers);
      assertThat(view.check(buf, 0, headers)).isEqualTo(LENGTH);
      assertThat(view.checkHeaders(buf, 0, headers)).isEqualTo(OK);
      assertThat(view.length()).isEqualTo(headers + 5000);
      assertThat(view.tcpPayloadLength()).isEqualTo(5000);
      assertThat(view.checkHeaders(buf, 0, headers - 1)).isEqualTo(TRANSPORT);
      assertThat(view.checkHeaders(buf, 0, 19)).isEqualTo(PacketFault.TRUNCATED);
    }
  }

  private static Consumer<ByteBuf> mapped(int index) {
    return buf -> buf.setZero(index, 10).setShort(index + 10, 0xffff);
  }

  private static PacketBuilder chain(int headers) {
    PacketBuilder builder = v6().udp(1, 2);
    for (int i = 0; i < headers; i++) {
      builder.extension(60);
    }
    return builder;
  }

  /** An authentication header as the payload: next header UDP, the length given, then 8 bytes. */
  private static PacketBuilder ah(int words, int size) {
    byte[] bytes = new byte[size + 8];
    bytes[0] = 17;
    bytes[1] = (byte) words;
    bytes[size + 5] = 8;
    return v6().raw(51).payload(words == 4 ? bytes : Arrays.copyOf(bytes, size));
  }

  private static PacketBuilder udpFragment() {
    return v4().udp(1, 2).payload(8).fragment(0, true);
  }

  private static Arguments row(
      String name, PacketBuilder packet, Consumer<ByteBuf> change, PacketFault verdict) {
    return Arguments.of(name, packet, change, verdict);
  }

  private static PacketBuilder v4() {
    return PacketBuilder.of("192.0.2.1", "10.1.0.10");
  }

  private static PacketBuilder v4tcp() {
    return v4().tcp(40000, 443, 3, 4, PacketView.ACK, 5).payload(100);
  }

  private static PacketBuilder v6() {
    return PacketBuilder.of("fd00:2::2", "fd00:1::10");
  }

  private static PacketBuilder v6tcp() {
    return v6().tcp(40000, 443, 3, 4, PacketView.ACK, 5).payload(100);
  }
}
