package dev.holdfast.tunnel.encap;

import static dev.holdfast.tunnel.encap.TunnelError.BAD_MTU;
import static dev.holdfast.tunnel.encap.TunnelError.HOST_UNREACHABLE;
import static dev.holdfast.tunnel.encap.TunnelError.NET_UNREACHABLE;
import static dev.holdfast.tunnel.encap.TunnelError.NOT_GRANTED;
import static dev.holdfast.tunnel.encap.TunnelError.NOT_SENT;
import static dev.holdfast.tunnel.encap.TunnelError.OTHER;
import static dev.holdfast.tunnel.encap.TunnelError.PROHIBITED;
import static dev.holdfast.tunnel.encap.TunnelError.PROTOCOL_UNREACHABLE;
import static dev.holdfast.tunnel.encap.TunnelError.SHORT_QUOTE;
import static dev.holdfast.tunnel.encap.TunnelError.TIME_EXCEEDED;
import static dev.holdfast.tunnel.encap.TunnelError.TOO_BIG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Which ICMP errors about the tunnel's packets are believed (RFC 5927 section 4.3, RFC 1191, RFC
 * 8201); once for each family outside.
 */
@ParameterizedClass(name = "outside: IPv{0}")
@ValueSource(ints = {4, 6})
class TunnelErrorCheckTest {
  private static final int PROVEN = 1500;
  private static final int AT = 3; // nothing may depend on where the packet begins
  private static final List<IpAddress> OLDS =
      List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00:1::10"));

  private final boolean v4;
  private final int outer;
  private final int tooBigType;
  private final int tooBigCode;
  private final IpAddress local;
  private final IpAddress remote;
  private final TunnelErrorCheck check;

  TunnelErrorCheckTest(int outside) {
    v4 = outside == 4;
    outer = v4 ? 20 : 40;
    tooBigType = v4 ? 3 : 2;
    tooBigCode = v4 ? 4 : 0;
    local = IpAddress.parse(v4 ? "192.0.2.1" : "2001:db8:1::1");
    remote = IpAddress.parse(v4 ? "198.51.100.2" : "2001:db8:2::2");
    check =
        new TunnelErrorCheck(
            new TunnelErrorCheck.Sent() {
              @Override
              public IpAddress local() {
                return local;
              }

              @Override
              public int longest(IpAddress to) {
                return to.equals(remote) ? PROVEN : 0;
              }

              @Override
              public boolean isGranted(IpAddress to, IpAddress source, IpAddress destination) {
                return to.equals(remote) && OLDS.contains(destination);
              }
            });
  }

  private static PacketBuilder four(int length) {
    return PacketBuilder.of("10.9.0.2", "10.1.0.10").udp(7, 8).payload(length - 28);
  }

  private static PacketBuilder six(int length) {
    return PacketBuilder.of("fd00:9::2", "fd00:1::10").udp(7, 8).payload(length - 48);
  }

  /** What goes into the tunnel, with the outer header that we write. */
  private ByteBuf sent(PacketBuilder inner) {
    return sent(inner, local, remote);
  }

  private static ByteBuf sent(PacketBuilder inner, IpAddress from, IpAddress to) {
    ByteBuf bare = Unpooled.buffer();
    inner.write(bare);
    PacketView view = new PacketView();
    assertThat(view.check(bare, 0, bare.readableBytes())).isEqualTo(PacketFault.NONE);
    ByteBuf packet = Unpooled.buffer().writeZero(AT);
    assertThat(IpInIp.writeOuter(packet, view, from, to, 64, 9)).isTrue();
    return packet.writeBytes(bare).readerIndex(AT);
  }

  private TunnelError tooBig(ByteBuf quoted, int mtu) {
    return check.check(quoted, tooBigType, tooBigCode, mtu);
  }

  private ByteBuf cut(ByteBuf quoted, int length) {
    return quoted.slice(AT, length);
  }

  @Test
  void aRouterThatWantsShorterPacketsIsBelieved() {
    assertThat(tooBig(sent(four(PROVEN - outer)), 1400)).isEqualTo(TOO_BIG);
    assertThat(check.mtu()).isEqualTo(1400);
    assertThat(check.remote()).isEqualTo(remote);
    assertThat(tooBig(sent(six(PROVEN - outer)), 1300)).isEqualTo(TOO_BIG);
    assertThat(check.mtu()).isEqualTo(1300);
  }

  @Test
  void anMtuMustBeTheReasonForTheError() {
    ByteBuf quoted = sent(four(1400 - outer));
    assertThat(tooBig(quoted, 1399)).isEqualTo(TOO_BIG);
    assertThat(tooBig(quoted, 1400)).isEqualTo(BAD_MTU);
    assertThat(tooBig(quoted, 1500)).isEqualTo(BAD_MTU);
    assertThat(tooBig(quoted, 65_536)).isEqualTo(BAD_MTU);
    assertThat(check.remote()).isEqualTo(remote);
  }

  /** RFC 791, RFC 8200 section 5; over IPv4 552 bytes are always left inside. */
  @Test
  void anMtuThatNoPathHasIsNotBelieved() {
    ByteBuf quoted = sent(four(PROVEN - outer));
    int least = v4 ? 572 : 1280;
    assertThat(tooBig(quoted, 68)).isEqualTo(BAD_MTU);
    assertThat(tooBig(quoted, least - 1)).isEqualTo(BAD_MTU);
    assertThat(tooBig(quoted, least)).isEqualTo(TOO_BIG);
  }

  /** RFC 1191 section 7.1; IPv6 has had the MTU in its message from the first day. */
  @ParameterizedTest
  @CsvSource({"1500,1492", "1492,1006", "1100,1006", "1006,572", "600,572"})
  void anOldRouterTellsNoMtu(int length, int plateau) {
    TunnelError error = tooBig(sent(four(length - outer)), 0);
    assertThat(error).isEqualTo(v4 ? TOO_BIG : BAD_MTU);
    if (v4) {
      assertThat(check.mtu()).isEqualTo(plateau);
    }
  }

  @Test
  void aPacketThatMayBeFragmentedIsNeverTooBig() {
    ByteBuf quoted = sent(four(PROVEN - outer).dontFragment(false).identification(7));
    assertThat(tooBig(quoted, 1400)).isEqualTo(v4 ? BAD_MTU : TOO_BIG);
  }

  @Test
  void theOuterHeaderMustBeOneOfOurs() {
    IpAddress other = IpAddress.parse(v4 ? "192.0.2.9" : "2001:db8:1::9");
    assertThat(tooBig(sent(four(1400), other, remote), 1300)).isEqualTo(NOT_SENT);
    assertThat(check.remote()).isNull();
    assertThat(tooBig(sent(four(1400), local, other), 1300)).isEqualTo(NOT_SENT);
    assertThat(check.remote()).isNull();
    ByteBuf udp = sent(four(1400));
    udp.setByte(AT + (v4 ? 9 : 6), 17);
    assertThat(tooBig(udp, 1300)).isEqualTo(NOT_SENT);
    ByteBuf version = sent(four(1400));
    version.setByte(AT, v4 ? 0x65 : 0x45);
    assertThat(tooBig(version, 1300)).isEqualTo(NOT_SENT);
    assertThat(tooBig(sent(four(PROVEN - outer + 1)), 1400)).as("too long").isEqualTo(NOT_SENT);
    assertThat(check.remote()).isEqualTo(remote);
  }

  @Test
  void thePacketInsideMustBeGranted() {
    PacketBuilder foreign = PacketBuilder.of("10.9.0.2", "10.1.0.11").udp(7, 8).payload(1300);
    assertThat(tooBig(sent(foreign), 1300)).isEqualTo(NOT_GRANTED);
    assertThat(check.remote()).isEqualTo(remote);
    PacketBuilder foreign6 = PacketBuilder.of("fd00:1::10", "fd00:9::2").udp(7, 8).payload(1300);
    assertThat(tooBig(sent(foreign6), 1300)).isEqualTo(NOT_GRANTED);
    ByteBuf otherVersion = sent(four(1400));
    otherVersion.setByte(AT + outer, 0x60);
    assertThat(tooBig(otherVersion, 1300)).isEqualTo(NOT_GRANTED);
    ByteBuf otherLength = sent(four(1400));
    otherLength.setShort(AT + outer + 2, 1399);
    assertThat(tooBig(otherLength, 1300)).isEqualTo(NOT_GRANTED);
  }

  /** RFC 792: eight bytes are what every router quotes. They change nothing. */
  @Test
  void ofEightBytesTheLengthsMustFit() {
    ByteBuf four = cut(sent(four(1400)), outer + 8);
    assertThat(tooBig(four, 1300)).isEqualTo(SHORT_QUOTE);
    assertThat(check.check(four, v4 ? 3 : 1, v4 ? 1 : 3, 0)).isEqualTo(HOST_UNREACHABLE);
    four.setShort(outer + 2, 1404);
    assertThat(tooBig(four, 1300)).isEqualTo(NOT_GRANTED);
    ByteBuf six = cut(sent(six(1400)), outer + 8);
    assertThat(tooBig(six, 1300)).isEqualTo(SHORT_QUOTE);
    six.setShort(outer + 4, 1300);
    assertThat(tooBig(six, 1300)).isEqualTo(NOT_GRANTED);
    assertThat(tooBig(cut(sent(four(1400)), outer + 7), 1300)).isEqualTo(NOT_GRANTED);
  }

  @Test
  void theAddressesMustBeQuotedAndGranted() {
    assertThat(tooBig(cut(sent(four(1400)), outer + 19), 1300)).isEqualTo(SHORT_QUOTE);
    assertThat(tooBig(cut(sent(four(1400)), outer + 20), 1300)).isEqualTo(TOO_BIG);
    assertThat(tooBig(cut(sent(six(1400)), outer + 39), 1300)).isEqualTo(SHORT_QUOTE);
    assertThat(tooBig(cut(sent(six(1400)), outer + 40), 1300)).isEqualTo(TOO_BIG);
    PacketBuilder foreign = PacketBuilder.of("10.9.0.2", "10.1.0.11").udp(7, 8).payload(1300);
    assertThat(tooBig(cut(sent(foreign), outer + 19), 1300)).isEqualTo(SHORT_QUOTE);
    assertThat(tooBig(cut(sent(foreign), outer + 20), 1300)).isEqualTo(NOT_GRANTED);
    PacketBuilder foreign6 = PacketBuilder.of("fd00:9::2", "fd00:1::11").udp(7, 8).payload(1300);
    assertThat(tooBig(cut(sent(foreign6), outer + 39), 1300)).isEqualTo(SHORT_QUOTE);
    assertThat(tooBig(cut(sent(foreign6), outer + 40), 1300)).isEqualTo(NOT_GRANTED);
  }

  /** However short, lying or random: an answer, and no read past the end. */
  @Test
  void whateverIsQuotedHasAnAnswer() {
    ByteBuf whole = sent(four(1400));
    for (int length = 0; length < outer + 8; length++) {
      ByteBuf exact = Unpooled.copiedBuffer(whole.slice(AT, length));
      assertThat(tooBig(exact, 1300)).isIn(NOT_SENT, NOT_GRANTED);
    }
    for (int position = 0; position < outer + 20; position++) {
      for (int value = 0; value < 256; value++) {
        ByteBuf changed = Unpooled.copiedBuffer(whole.slice(AT, outer + 20));
        changed.setByte(position, value);
        assertThat(tooBig(changed, 1300)).isNotNull();
      }
    }
  }

  /** RFC 8200 section 4.5: over IPv6 fragments are ours, and the first of them tells enough. */
  @Test
  void aFirstFragmentIsBelievedALaterOneIsNot() {
    ByteBuf whole = sent(four(4_000).dontFragment(false).identification(7));
    ByteBuf first = Unpooled.buffer();
    ByteBuf second = Unpooled.buffer();
    int length = whole.readableBytes();
    OuterFragments.write(whole, AT, length, PROVEN, 0, 99, first);
    OuterFragments.write(whole, AT, length, PROVEN, 1, 99, second);
    if (v4) {
      assertThat(check.check(first, 3, 1, 0)).isEqualTo(HOST_UNREACHABLE);
    } else {
      assertThat(tooBig(first, 1400)).isEqualTo(TOO_BIG);
    }
    assertThat(check.check(second, v4 ? 3 : 1, v4 ? 1 : 3, 0)).isEqualTo(NOT_SENT);
    first.setShort(first.readerIndex() + outer + (v4 ? 2 : 10), 900); // ends within the fragment
    assertThat(check.check(first, v4 ? 3 : 1, v4 ? 1 : 3, 0)).isEqualTo(NOT_GRANTED);
  }

  /** RFC 2473 section 4.1.1: an encapsulation limit stands before the packet inside. */
  @Test
  void aDestinationOptionOfIpv6IsPassedOver() {
    if (v4) {
      return; // IPv4 has none
    }
    ByteBuf plain = sent(four(1300));
    ByteBuf quoted = Unpooled.buffer();
    quoted.writeBytes(plain, AT, 40);
    quoted.setShort(4, 1300 + 8).setByte(6, 60);
    quoted.writeBytes(new byte[] {4, 0, 4, 1, 3, 1, 1, 0}); // RFC 2473: limit 3, PadN
    quoted.writeBytes(plain, AT + 40, 1300);
    assertThat(tooBig(quoted, 1290)).isEqualTo(TOO_BIG);
    quoted.setByte(41, 255); // a length that lies
    assertThat(tooBig(quoted, 1290)).isEqualTo(NOT_GRANTED);
  }

  @Test
  void otherErrorsAreTold() {
    ByteBuf quoted = sent(four(200));
    Object[][] rows =
        v4
            ? new Object[][] {
              {3, 0, NET_UNREACHABLE},
              {3, 1, HOST_UNREACHABLE},
              {3, 2, PROTOCOL_UNREACHABLE},
              {3, 3, OTHER},
              {3, 5, OTHER},
              {3, 6, NET_UNREACHABLE},
              {3, 7, HOST_UNREACHABLE},
              {3, 9, PROHIBITED},
              {3, 10, PROHIBITED},
              {3, 13, PROHIBITED},
              {3, 99, OTHER},
              {4, 0, OTHER},
              {5, 1, OTHER},
              {11, 0, TIME_EXCEEDED},
              {12, 0, OTHER}
            }
            : new Object[][] {
              {1, 0, NET_UNREACHABLE},
              {1, 1, PROHIBITED},
              {1, 2, NET_UNREACHABLE},
              {1, 3, HOST_UNREACHABLE},
              {1, 4, OTHER},
              {1, 5, PROHIBITED},
              {1, 6, NET_UNREACHABLE},
              {3, 0, TIME_EXCEEDED},
              {4, 0, OTHER},
              {4, 1, PROTOCOL_UNREACHABLE},
              {137, 0, OTHER}
            };
    for (Object[] row : rows) {
      assertThat(check.check(quoted, (int) row[0], (int) row[1], 0)).isEqualTo(row[2]);
    }
  }
}
