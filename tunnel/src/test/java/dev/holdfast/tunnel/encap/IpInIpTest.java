package dev.holdfast.tunnel.encap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.encap.Unwrapping.Verdict;
import dev.holdfast.tunnel.packet.Bytes;
import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class IpInIpTest {
  private static final IpAddress OLD_HOST = IpAddress.parse("192.0.2.1");
  private static final IpAddress NEW_HOST = IpAddress.parse("198.51.100.2");

  private final Unwrapping unwrapping = new Unwrapping();

  @Test
  void theOuterHeaderByteForByte() {
    ByteBuf out = Bytes.empty(64);
    PacketView inner = Bytes.view(Bytes.packet(v4Inner().trafficClass(0xb9).payload(100)));
    assertThat(IpInIp.writeOuter(out, inner, OLD_HOST, NEW_HOST, 63, 0x1234)).isTrue();
    // version and length, DSCP and ECN as inside, total 20 + 140, ID 0 as DF is set, TTL 63,
    // protocol 4
    assertThat(Bytes.hexOf(out)).isEqualTo("45b900a0" + "00004000" + "3f04" + "4e6a" + ADDRESSES);
    assertThat(Checksums.verifyIpv4Header(out, 0, 20)).isTrue();
  }

  private static final String ADDRESSES = "c0000201c6336402";

  @Test
  void aPacketThatMayBeFragmentedHasAnIdentification() {
    ByteBuf out = Bytes.empty(64);
    PacketView inner = Bytes.view(Bytes.packet(v4Inner().dontFragment(false)));
    assertThat(IpInIp.writeOuter(out, inner, OLD_HOST, NEW_HOST, 64, 0x1234)).isTrue();
    assertThat(Bytes.hexOf(out.slice(4, 4))).isEqualTo("12340000");
    assertThat(Checksums.verifyIpv4Header(out, 0, 20)).isTrue();
  }

  @Test
  void ipv6InIpv4MayBeFragmentedUpToItsMinimumMtu() {
    for (int length : new int[] {1280, 1281}) {
      ByteBuf out = Bytes.empty(64);
      PacketView inner = Bytes.view(Bytes.packet(v6Inner().payload(length - 60)));
      assertThat(inner.length()).isEqualTo(length);
      assertThat(IpInIp.writeOuter(out, inner, OLD_HOST, NEW_HOST, 64, 7)).isTrue();
      assertThat(out.getUnsignedByte(9)).isEqualTo((short) 41);
      assertThat(Bytes.hexOf(out.slice(4, 4))).isEqualTo(length == 1280 ? "00070000" : "00004000");
    }
  }

  /** Each family in each: RFC 2003, RFC 4213 section 3, RFC 2473 section 3, field by field. */
  @ParameterizedTest(name = "IPv{0} in IPv{1}")
  @CsvSource({"4,4,4", "6,4,41", "4,6,4", "6,6,41"})
  void eachFamilyInEach(int inside, int outside, int protocol) {
    PacketBuilder builder = inside == 4 ? v4Inner() : v6Inner();
    ByteBuf inner = Bytes.packet(builder.trafficClass(0x2a).payload(1400));
    IpAddress from = outside == 4 ? OLD_HOST : IpAddress.parse("2001:db8::1");
    IpAddress to = outside == 4 ? NEW_HOST : IpAddress.parse("2001:db8::2");
    ByteBuf out = Bytes.empty(2000);
    assertThat(IpInIp.writeOuter(out, Bytes.view(inner), from, to, 64, 0x1234)).isTrue();
    int length = inner.writerIndex();
    assertThat(out.getUnsignedByte(0) >>> 4).as("version").isEqualTo(outside);
    if (outside == 4) {
      assertThat(out.writerIndex()).isEqualTo(20);
      assertThat(out.getUnsignedByte(0) & 0xf).as("header length in words").isEqualTo(5);
      assertThat(out.getUnsignedByte(1)).as("traffic class").isEqualTo((short) 0x2a);
      assertThat(out.getUnsignedShort(2)).as("total length").isEqualTo(20 + length);
      assertThat(out.getUnsignedShort(4)).as("identification").isZero();
      assertThat(out.getUnsignedShort(6)).as("Don't Fragment alone").isEqualTo(0x4000);
      assertThat(out.getUnsignedByte(8)).as("TTL").isEqualTo((short) 64);
      assertThat(out.getUnsignedByte(9)).as("protocol").isEqualTo((short) protocol);
      assertThat(Checksums.verifyIpv4Header(out, 0, 20)).isTrue();
      assertThat(Bytes.hexOf(out.slice(12, 8))).isEqualTo(ADDRESSES);
    } else {
      assertThat(out.writerIndex()).isEqualTo(40);
      assertThat(out.getInt(0) >>> 20 & 0xff).as("traffic class").isEqualTo(0x2a);
      assertThat(out.getInt(0) & 0xf_ffff).as("flow label").isZero();
      assertThat(out.getUnsignedShort(4)).as("payload length").isEqualTo(length);
      assertThat(out.getUnsignedByte(6)).as("next header").isEqualTo((short) protocol);
      assertThat(out.getUnsignedByte(7)).as("hop limit").isEqualTo((short) 64);
      assertThat(IpAddress.ofBytes(bytesOf(out.slice(8, 16)))).isEqualTo(from);
      assertThat(IpAddress.ofBytes(bytesOf(out.slice(24, 16)))).isEqualTo(to);
    }
    String before = Bytes.hexOf(inner);
    int header = out.writerIndex();
    out.writeBytes(inner, 0, length);
    assertThat(unwrapping.check(out, 0, header + length)).isEqualTo(Verdict.OK);
    assertThat(unwrapping.inner().start()).isEqualTo(header);
    // As a raw IPv6 socket gives it: without the outer header.
    Verdict bare = unwrapping.checkInner(out, header, length, protocol, 0x2a);
    assertThat(bare).isEqualTo(Verdict.OK);
    assertThat(Bytes.hexOf(out.slice(header, length))).isEqualTo(before);
    int other = protocol == IpInIp.IPV4 ? IpInIp.IPV6 : IpInIp.IPV4;
    assertThat(unwrapping.checkInner(out, header, length, other, 0)).isEqualTo(Verdict.BAD_INNER);
  }

  @Test
  void whatComesWithoutItsOuterHeaderIsBoundedByWhatCame() {
    ByteBuf inner = Bytes.packet(v6Inner().payload(60));
    int length = inner.writerIndex();
    for (int cut = 0; cut < length; cut++) {
      assertThat(unwrapping.checkInner(inner, 0, cut, IpInIp.IPV6, 0))
          .as("%s bytes", cut)
          .isEqualTo(Verdict.BAD_INNER);
    }
    inner.setShort(4, length - 40 + 1); // says more than came
    assertThat(unwrapping.checkInner(inner, 0, length, IpInIp.IPV6, 0))
        .isEqualTo(Verdict.BAD_INNER);
    var random = new Random(8);
    ByteBuf good = Bytes.packet(v6Inner().payload(60));
    for (int i = 0; i < 100_000; i++) {
      inner.clear().writeBytes(good, 0, length);
      for (int n = random.nextInt(4); n >= 0; n--) {
        inner.setByte(random.nextInt(60), random.nextInt());
      }
      int came = random.nextInt(length + 1);
      int protocol = random.nextBoolean() ? IpInIp.IPV4 : IpInIp.IPV6;
      if (unwrapping.checkInner(inner, 0, came, protocol, random.nextInt(256)) == Verdict.OK) {
        assertThat(unwrapping.inner().end()).isLessThanOrEqualTo(came);
      }
    }
  }

  @Test
  void congestionMetOverIpv6IsToldToo() {
    ByteBuf inner = Bytes.packet(v6Inner().trafficClass(Ecn.ECT_0));
    int length = inner.writerIndex();
    assertThat(unwrapping.checkInner(inner, 0, length, IpInIp.IPV6, Ecn.CE)).isEqualTo(Verdict.OK);
    assertThat(unwrapping.inner().trafficClass()).isEqualTo(Ecn.CE);
    ByteBuf deaf = Bytes.packet(v4Inner());
    assertThat(unwrapping.checkInner(deaf, 0, deaf.writerIndex(), IpInIp.IPV4, Ecn.CE))
        .isEqualTo(Verdict.CONGESTED);
  }

  @Test
  void anOuterHeaderOfIpv6() {
    ByteBuf out = Bytes.empty(64);
    PacketView inner = Bytes.view(Bytes.packet(v4Inner().trafficClass(0xb9)));
    var from = IpAddress.parse("2001:db8::1");
    var to = IpAddress.parse("2001:db8::2");
    assertThat(IpInIp.writeOuter(out, inner, from, to, 63, 0)).isTrue();
    assertThat(Bytes.hexOf(out))
        .isEqualTo(
            "6b900000"
                + "0028"
                + "04"
                + "3f"
                + "20010db8000000000000000000000001"
                + "20010db8000000000000000000000002");
  }

  @Test
  void whatIsLongerThanIpCanSayIsNotWrapped() {
    PacketView fits = Bytes.view(Bytes.packet(v4Inner().payload(65_515 - 40)));
    PacketView tooLong = Bytes.view(Bytes.packet(v4Inner().payload(65_516 - 40)));
    ByteBuf out = Bytes.empty(64);
    assertThat(IpInIp.writeOuter(out, tooLong, OLD_HOST, NEW_HOST, 64, 0)).isFalse();
    assertThat(out.writerIndex()).isZero();
    assertThat(IpInIp.writeOuter(out, fits, OLD_HOST, NEW_HOST, 64, 0)).isTrue();
    PacketView jumbo = Bytes.view(Bytes.packet(v6Inner().payload(65_496 - 20)));
    var v6 = IpAddress.parse("2001:db8::1");
    assertThat(IpInIp.writeOuter(out.clear(), jumbo, v6, v6, 64, 0)).isFalse();
    assertThat(out.writerIndex()).isZero();
  }

  @Test
  void twoFamiliesInOneOuterHeaderAreAMistake() {
    PacketView inner = Bytes.view(Bytes.packet(v4Inner()));
    IpAddress v6 = IpAddress.parse("2001:db8::1");
    assertThatThrownBy(() -> IpInIp.writeOuter(Bytes.empty(64), inner, OLD_HOST, v6, 64, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void whatWasWrappedIsUnwrappedAsItWas() {
    var random = new Random(6);
    String[][] outers = {{"192.0.2.1", "198.51.100.2"}, {"2001:db8::1", "2001:db8::2"}};
    for (int i = 0; i < 500; i++) {
      var builder = (random.nextBoolean() ? v4Inner() : v6Inner()).payload(random.nextInt(3000));
      ByteBuf inner = Bytes.packet(builder.trafficClass(random.nextInt(256)).ttl(1 + i % 255));
      String[] outer = outers[random.nextInt(2)];
      var from = IpAddress.parse(outer[0]);
      var to = IpAddress.parse(outer[1]);
      ByteBuf wire = Bytes.empty(70_000);
      int before = random.nextInt(20);
      wire.writerIndex(before);
      assertThat(IpInIp.writeOuter(wire, Bytes.view(inner), from, to, 64, i)).isTrue();
      wire.writeBytes(inner, 0, inner.writerIndex());
      assertThat(unwrapping.check(wire, before, wire.writerIndex() - before)).isEqualTo(Verdict.OK);
      assertThat(unwrapping.outer().isFrom(from)).isTrue();
      assertThat(unwrapping.outer().isTo(to)).isTrue();
      PacketView got = unwrapping.inner();
      assertThat(Bytes.hexOf(wire.slice(got.start(), got.length()))).isEqualTo(Bytes.hexOf(inner));
    }
  }

  /** Description, what is done to a good packet (outer at 0, inner at 20), verdict. */
  static Stream<Arguments> broken() {
    return Stream.of(
        row("untouched", buf -> {}, Verdict.OK),
        row("outer version", buf -> buf.setByte(0, 0x55), Verdict.BAD_OUTER),
        row("outer checksum", buf -> buf.setByte(11, buf.getByte(11) ^ 1), Verdict.BAD_OUTER),
        row("outer length over all", buf -> outer(buf, 2, 0x1000), Verdict.BAD_OUTER),
        row("outer source multicast", buf -> outer(buf, 12, 0xe000), Verdict.BAD_OUTER),
        row("outer protocol OSPF", buf -> outer(buf, 8, 0x4059), Verdict.NOT_IP_IN_IP),
        row("outer protocol ESP", buf -> outer(buf, 8, 0x4032), Verdict.NOT_IP_IN_IP),
        row("first fragment", buf -> outer(buf, 6, 0x2000), Verdict.FRAGMENT),
        row("last fragment", buf -> outer(buf, 6, 0x0004), Verdict.FRAGMENT),
        row("says IPv6, is IPv4", buf -> outer(buf, 8, 0x4029), Verdict.BAD_INNER),
        row("no room for the inner header", buf -> outer(buf, 2, 39), Verdict.BAD_INNER),
        row("no inner packet at all", buf -> outer(buf, 2, 20), Verdict.BAD_INNER),
        row("inner version", buf -> buf.setByte(20, 0x15), Verdict.BAD_INNER),
        row("inner length over the outer", buf -> buf.setShort(22, 41), Verdict.BAD_INNER),
        row("inner checksum", buf -> buf.setByte(31, buf.getByte(31) ^ 1), Verdict.BAD_INNER),
        row("inner source multicast", buf -> buf.setByte(32, 0xe0), Verdict.BAD_INNER),
        row("inner TCP header too short", buf -> buf.setByte(52, 0x40), Verdict.BAD_INNER),
        row("met congestion, not ECN-capable", buf -> outer(buf, 0, 0x4503), Verdict.CONGESTED));
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("broken")
  void brokenPacketsAreToldApart(String name, Consumer<ByteBuf> change, Verdict verdict) {
    ByteBuf wire = wrapped(v4Inner());
    change.accept(wire);
    String before = Bytes.hexOf(wire);
    assertThat(unwrapping.check(wire, 0, wire.writerIndex())).as(name).isEqualTo(verdict);
    assertThat(Bytes.hexOf(wire)).isEqualTo(before);
  }

  @Test
  void congestionMetInTheTunnelIsToldToTheInnerPacket() {
    ByteBuf wire = wrapped(v4Inner().trafficClass(Ecn.ECT_0));
    outer(wire, 0, 0x4503);
    assertThat(unwrapping.check(wire, 0, wire.writerIndex())).isEqualTo(Verdict.OK);
    ByteBuf expected = Bytes.packet(v4Inner().trafficClass(Ecn.CE));
    assertThat(Bytes.hexOf(wire.slice(20, 40))).isEqualTo(Bytes.hexOf(expected));
  }

  @Test
  void outerOptionsArePassedOver() {
    ByteBuf inner = Bytes.packet(v4Inner());
    ByteBuf wire =
        Bytes.packet(
            PacketBuilder.of("192.0.2.1", "198.51.100.2")
                .ipOptions((byte) 1, (byte) 1)
                .raw(4)
                .payload(bytesOf(inner)));
    assertThat(unwrapping.check(wire, 0, wire.writerIndex())).isEqualTo(Verdict.OK);
    assertThat(unwrapping.inner().start()).isEqualTo(24);
  }

  @Test
  void randomDamageNeverThrows() {
    var random = new Random(7);
    ByteBuf good = wrapped(v4Inner().payload(60));
    ByteBuf wire = Bytes.empty(good.writerIndex());
    for (int i = 0; i < 100_000; i++) {
      wire.clear().writeBytes(good, 0, good.writerIndex());
      for (int n = random.nextInt(4); n >= 0; n--) {
        wire.setByte(random.nextInt(60), random.nextInt());
      }
      wire.setShort(10, Checksums.ipv4Header(wire, 0, 20)); // or little gets past it
      int length = random.nextInt(wire.writerIndex() + 1);
      if (unwrapping.check(wire, 0, length) == Verdict.OK) {
        assertThat(unwrapping.inner().end()).isLessThanOrEqualTo(length);
      }
    }
  }

  /** Writes one word of the outer header, and the checksum that fits. */
  private static void outer(ByteBuf wire, int at, int word) {
    wire.setShort(at, word);
    wire.setShort(10, Checksums.ipv4Header(wire, 0, 20));
  }

  private static ByteBuf wrapped(PacketBuilder builder) {
    ByteBuf inner = Bytes.packet(builder);
    ByteBuf wire = Bytes.empty(20 + inner.writerIndex());
    IpInIp.writeOuter(wire, Bytes.view(inner), OLD_HOST, NEW_HOST, 64, 0);
    return wire.writeBytes(inner, 0, inner.writerIndex());
  }

  private static byte[] bytesOf(ByteBuf buf) {
    byte[] bytes = new byte[buf.writerIndex()];
    buf.getBytes(0, bytes);
    return bytes;
  }

  private static Arguments row(String name, Consumer<ByteBuf> change, Verdict verdict) {
    return Arguments.of(name, change, verdict);
  }

  private static PacketBuilder v4Inner() {
    return PacketBuilder.of("203.0.113.7", "10.1.0.10")
        .identification(0x4242)
        .tcp(40000, 443, 3, 4, PacketView.ACK, 5);
  }

  private static PacketBuilder v6Inner() {
    return PacketBuilder.of("2001:db8:7::7", "fd00:1::10").tcp(40000, 443, 3, 4, PacketView.ACK, 5);
  }
}
