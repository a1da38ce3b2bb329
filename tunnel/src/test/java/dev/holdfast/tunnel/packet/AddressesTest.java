package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** IpAddress, IpPrefix and MacAddress: values and their text. */
class AddressesTest {

  /** RFC 5952 sections 4 and 5. */
  @ParameterizedTest
  @CsvSource({
    "10.1.0.10, 10.1.0.10",
    "255.255.255.255, 255.255.255.255",
    "2001:0db8:0000:0000:0001:0000:0000:0001, 2001:db8::1:0:0:1",
    "2001:db8:0:1:1:1:1:1, 2001:db8:0:1:1:1:1:1",
    "2001:0:0:1:0:0:0:1, 2001:0:0:1::1",
    "2001:DB8::AbCd, 2001:db8::abcd",
    "::, ::",
    "::1, ::1",
    "1::, 1::",
    "fe80:0:0:0:1:0:0:0, fe80::1:0:0:0",
    "0:0:1:2:3:4:5:6, ::1:2:3:4:5:6",
    "1:2:3:4:5:6:0:0, 1:2:3:4:5:6::",
    "::ffff:10.1.0.10, 10.1.0.10",
    "64:ff9b::10.1.0.10, 64:ff9b::a01:a"
  })
  void theTextOfAnAddress(String text, String canonical) {
    assertThat(IpAddress.parse(text)).hasToString(canonical);
    assertThat(IpAddress.parse(canonical)).isEqualTo(IpAddress.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "10",
        "10.1",
        "10.1.0",
        "10.1.0.256",
        "999.1.1.1",
        "10.1.0.10.1",
        " 10.1.0.10",
        "10.1.0.10 ",
        "10.1.0.-1",
        "0x0a.1.0.10",
        "localhost",
        "a.b",
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "fe80::1%eth0",
        "[::1]",
        "::g",
        "12345::",
        "::1/64",
        "beef",
        "10.1.0.10/32",
        "\u0661.1.1.1"
      })
  void whatIsNoAddressIsRefusedWithoutAskingAResolver(String text) {
    assertThatThrownBy(() -> IpAddress.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("'" + text + "' is not an IP address");
  }

  @Test
  void anAddressIsTheSameThroughEveryForm() throws Exception {
    var random = new Random(14);
    for (int i = 0; i < 2000; i++) {
      byte[] bytes = new byte[i % 2 == 0 ? 4 : 16];
      random.nextBytes(bytes);
      for (int zero = random.nextInt(4); zero > 0; zero--) {
        bytes[random.nextInt(bytes.length)] = 0;
      }
      IpAddress address = IpAddress.ofBytes(bytes);
      assertThat(address.toBytes()).isEqualTo(bytes);
      assertThat(IpAddress.parse(address.toString())).isEqualTo(address);
      assertThat(address.toInetAddress()).isEqualTo(InetAddress.getByAddress(bytes));
      assertThat(IpAddress.of(address.toInetAddress())).isEqualTo(address);
      assertThat(address.isV4()).isEqualTo(bytes.length == 4);
      assertThat(address.isV6()).isNotEqualTo(address.isV4());
      assertThat(address.width()).isEqualTo(bytes.length * 8);
    }
    assertThatThrownBy(() -> IpAddress.ofBytes(new byte[5]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theBitsOfAnIpv4Address() {
    assertThat(IpAddress.v4(0xfffefdfc)).hasToString("255.254.253.252");
    assertThat(IpAddress.parse("255.254.253.252").v4Bits()).isEqualTo(0xfffefdfc);
    assertThatThrownBy(() -> IpAddress.parse("::1").v4Bits())
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void addressesAreOrderedAsUnsignedNumbers() {
    String[] ordered = {
      "::", "::1", "0.0.0.0", "127.0.0.1", "128.0.0.1", "1::", "7fff::", "8000::"
    };
    for (int i = 1; i < ordered.length; i++) {
      IpAddress less = IpAddress.parse(ordered[i - 1]);
      IpAddress more = IpAddress.parse(ordered[i]);
      assertThat(less).as("%s < %s", less, more).isLessThan(more);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "223.255.255.255, false",
    "224.0.0.0, true",
    "239.255.255.255, true",
    "240.0.0.0, false",
    "feff::1, false",
    "ff02::1, true"
  })
  void multicast(String address, boolean expected) {
    assertThat(IpAddress.parse(address).isMulticast()).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "10.1.0.0/24, 10.1.0.255, true",
    "10.1.0.0/24, 10.1.1.0, false",
    "10.1.0.77/24, 10.1.0.1, true",
    "0.0.0.0/0, 255.255.255.255, true",
    "0.0.0.0/0, ::1, false",
    "::/0, 10.0.0.1, false",
    "::/0, ffff::, true",
    "128.0.0.0/1, 200.0.0.1, true",
    "128.0.0.0/1, 100.0.0.1, false",
    "10.1.0.10, 10.1.0.10, true",
    "10.1.0.10, 10.1.0.11, false",
    "fd00:1::/64, fd00:1::ffff, true",
    "fd00:1::/64, fd00:1:0:1::, false",
    "fd00:1::/65, fd00:1:0:0:7fff::, true",
    "fd00:1::/65, fd00:1:0:0:8000::, false",
    "fd00:1::/63, fd00:1:0:1::, true",
    "fd00:1::1/128, fd00:1::1, true",
    "fd00:1::1/127, fd00:1::2, false"
  })
  void whatAPrefixHolds(String prefix, String address, boolean expected) {
    assertThat(IpPrefix.parse(prefix).contains(IpAddress.parse(address))).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "10.1.0.0/33",
        "10.1.0.0/-1",
        "fd00::/129",
        "10.1.0.0/",
        "10.1.0.0/x",
        "/24",
        "10.1.0/24",
        "10.1.0.0/24/1",
        "10.1.0.0/+24",
        "::ffff:10.1.0.0/120"
      })
  void whatIsNoPrefixIsRefused(String text) {
    assertThatThrownBy(() -> IpPrefix.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theTextOfAPrefix() {
    assertThat(IpPrefix.parse("fd00:1::/64")).hasToString("fd00:1::/64");
    assertThat(IpPrefix.parse("10.1.0.10")).hasToString("10.1.0.10/32");
    assertThat(IpPrefix.host(IpAddress.parse("fd00::1"))).hasToString("fd00::1/128");
  }

  @Test
  void theTextAndTheBytesOfAMacAddress() {
    MacAddress mac = MacAddress.parse("52:54:00:10:0A:ff");
    assertThat(mac).hasToString("52:54:00:10:0a:ff");
    assertThat(mac.bits()).isEqualTo(0x5254_0010_0affL);
    assertThat(MacAddress.ofBytes(mac.toBytes())).isEqualTo(mac);
    assertThat(mac.isGroup()).isFalse();
    assertThat(MacAddress.parse("01:00:5e:00:00:01").isGroup()).isTrue();
    assertThat(MacAddress.BROADCAST.isGroup()).isTrue();
    assertThat(MacAddress.BROADCAST).hasToString("ff:ff:ff:ff:ff:ff");
    assertThatThrownBy(() -> new MacAddress(1L << 48)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> MacAddress.ofBytes(new byte[5]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "52:54:00:10:00",
        "52:54:00:10:00:1",
        "52-54-00-10-00-10",
        "52:54:00:10:00:1g"
      })
  void whatIsNoMacAddressIsRefused(String text) {
    assertThatThrownBy(() -> MacAddress.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }
}
