package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AddressClaimsTest {
  private static final MacAddress GUEST = MacAddress.parse("52:54:00:00:00:10");
  private static final MacAddress HERE = MacAddress.parse("02:00:00:00:00:01");
  private static final MacAddress OTHER = MacAddress.parse("52:54:00:00:00:20");
  private static final IpAddress OLD4 = IpAddress.parse("10.1.0.10");
  private static final IpAddress OLD6 = IpAddress.parse("fd00:1::10");
  private static final IpAddress PEER = IpAddress.parse("10.1.0.20");
  private static final IpAddress PEER6 = IpAddress.parse("fd00:1::20");
  private static final IpAddress NOBODY = IpAddress.parse("0.0.0.0");

  private final List<String> told = new ArrayList<>();
  private final AnswerTable table = new AnswerTable();
  private long now = 5;
  private final Clock clock =
      new Clock() {
        @Override
        public long nanoTime() {
          return now;
        }

        @Override
        public long epochNanos() {
          return now;
        }
      };
  private final AddressClaims claims =
      new AddressClaims(
          table,
          Set.of(GUEST, HERE),
          clock,
          (by, how, address) -> told.add(by + " " + how + " " + address));

  @BeforeEach
  void capture() {
    table.capture(OLD4, HERE, GUEST);
    table.capture(OLD6, HERE, GUEST);
  }

  private @Nullable IpAddress look(Consumer<ByteBuf> writer) {
    ByteBuf frame = Unpooled.buffer();
    writer.accept(frame);
    return claims.look(frame, frame.readableBytes());
  }

  @Test
  void aProbeIsToldOnceAndLeftToTheAnswers() {
    for (int i = 0; i < 3; i++) { // RFC 5227 section 1.1: PROBE_NUM
      assertThat(look(out -> ArpMessage.writeRequest(out, OTHER, NOBODY, OLD4))).isNull();
    }
    assertThat(told).containsExactly(OTHER + " looks whether it may use " + OLD4);
  }

  @Test
  void duplicateAddressDetectionIsToldToo() {
    assertThat(look(out -> dad(out, OTHER, OLD6))).isNull();
    assertThat(told).containsExactly(OTHER + " looks whether it may use " + OLD6);
  }

  /** A solicitation from :: has no link-layer option (RFC 4861 section 4.3). */
  private static void dad(ByteBuf out, MacAddress from, IpAddress target) {
    ByteBuf whole = Unpooled.buffer();
    NeighbourMessage.writeSolicitation(whole, from, target, target);
    byte[] body = new byte[16];
    System.arraycopy(target.toBytes(), 0, body, 0, 16);
    out.writeBytes(whole, 0, 14);
    new PacketBuilder(IpAddress.parse("::"), IpAddress.parse("ff02::1:ff00:10"))
        .ttl(255)
        .icmp(135, 0, 0)
        .payload(body)
        .write(out);
  }

  @Test
  void whoUsesItIsAnnouncedAgainstEveryTenSecondsAtMost() {
    assertThat(look(out -> ArpMessage.writeGratuitous(out, OTHER, OLD4))).isEqualTo(OLD4);
    now += 9_999_999_999L;
    assertThat(look(out -> ArpMessage.writeRequest(out, OTHER, OLD4, PEER))).isNull();
    assertThat(look(out -> NeighbourMessage.writeUnsolicited(out, OTHER, OLD6, 0)))
        .as("each address has a limit of its own")
        .isEqualTo(OLD6);
    now++;
    assertThat(look(out -> ArpMessage.writeReply(out, OTHER, OLD4, HERE, PEER))).isEqualTo(OLD4);
    assertThat(told).containsExactly(OTHER + " uses " + OLD4);
  }

  /** RFC 5227 section 2.4: request or reply, whatever it asks for and whomever it is sent to. */
  @Test
  void anyArpFromTheAddressAndAnothersMacIsAConflict() {
    List<Consumer<ByteBuf>> conflicts =
        List.of(
            out -> ArpMessage.writeGratuitous(out, OTHER, OLD4),
            out -> ArpMessage.writeRequest(out, OTHER, OLD4, PEER),
            out -> ArpMessage.writeUnicastRequest(out, HERE, OTHER, OLD4, PEER),
            out -> ArpMessage.writeReply(out, OTHER, OLD4, HERE, PEER),
            out -> ArpMessage.writeReply(out, OTHER, OLD4, MacAddress.BROADCAST, OLD4));
    for (Consumer<ByteBuf> each : conflicts) {
      assertThat(look(each)).isEqualTo(OLD4);
      now += 10_000_000_000L;
    }
    assertThat(look(out -> ArpMessage.writeRequest(out, OTHER, NOBODY, OLD4)))
        .as("a probe is answered, not defended against (section 2.1.1)")
        .isNull();
    assertThat(look(out -> ArpMessage.writeReply(out, OTHER, PEER, HERE, OLD4)))
        .as("said to the old address, not by it")
        .isNull();
  }

  /** RFC 5227 section 2.4 (c): two who both defend must not flood the network. */
  @Test
  void anAddressIsDefendedOnceInTheIntervalAgainstAllMachinesTogether() {
    MacAddress third = MacAddress.parse("52:54:00:00:00:21");
    assertThat(look(out -> ArpMessage.writeGratuitous(out, OTHER, OLD4))).isEqualTo(OLD4);
    for (int i = 0; i < 99; i++) {
      now += 100_000_000;
      MacAddress by = i % 2 == 0 ? third : OTHER;
      assertThat(look(out -> ArpMessage.writeGratuitous(out, by, OLD4))).isNull();
    }
    now += 100_000_000;
    assertThat(look(out -> ArpMessage.writeGratuitous(out, third, OLD4))).isEqualTo(OLD4);
    assertThat(told)
        .as("an administrator is told of each machine, and not of each packet")
        .containsExactly(OTHER + " uses " + OLD4, third + " uses " + OLD4);
  }

  /** It speaks from the address, or says where it is; with Override or without. */
  @Test
  void anySolicitationOrAdvertisementFromTheAddressIsAConflict() {
    assertThat(look(out -> NeighbourMessage.writeSolicitation(out, OTHER, OLD6, PEER6)))
        .isEqualTo(OLD6);
    now += 10_000_000_000L;
    int flags = NeighbourMessage.SOLICITED;
    assertThat(
            look(out ->
                NeighbourMessage.writeAdvertisement(out, HERE, OTHER, OLD6, PEER6, OLD6, flags)))
        .isEqualTo(OLD6);
    assertThat(look(out -> NeighbourMessage.writeSolicitation(out, OTHER, PEER6, OLD6)))
        .as("an ordinary question")
        .isNull();
  }

  @Test
  void theGuestAndThisHostMayAndOtherAddressesAreNotOurs() {
    assertThat(look(out -> ArpMessage.writeGratuitous(out, GUEST, OLD4))).isNull();
    assertThat(look(out -> NeighbourMessage.writeUnsolicited(out, HERE, OLD6, 0))).isNull();
    assertThat(look(out -> ArpMessage.writeGratuitous(out, OTHER, PEER))).isNull();
    assertThat(look(out -> ArpMessage.writeRequest(out, OTHER, PEER, OLD4)))
        .as("an ordinary question")
        .isNull();
    table.release(OLD4);
    assertThat(look(out -> ArpMessage.writeGratuitous(out, OTHER, OLD4))).isNull();
    assertThat(told).isEmpty();
  }

  @Test
  void aLeaseIsTold() {
    assertThat(look(out -> dhcp(out, 2, 5, OLD4, null, OTHER))).isNull();
    assertThat(told).containsExactly(OTHER + " was given by DHCP " + OLD4);
  }

  @Test
  void soIsWhoAsksForOne() {
    look(out -> dhcp(out, 1, 3, NOBODY, OLD4, OTHER));
    look(out -> dhcp(out, 1, 3, NOBODY, OLD4, GUEST));
    look(out -> dhcp(out, 1, 1, NOBODY, OLD4, MacAddress.parse("52:54:00:00:00:21")));
    look(out -> dhcp(out, 2, 5, PEER, null, MacAddress.parse("52:54:00:00:00:22")));
    assertThat(told).containsExactly(OTHER + " asks DHCP for " + OLD4);
  }

  @Test
  void garbageAndStrangersWithoutEndAreBorne() {
    for (int length = 0; length < 400; length++) {
      int size = length;
      look(out -> out.writeZero(size));
      look(out -> {
        ByteBuf whole = Unpooled.buffer();
        dhcp(whole, 2, 5, OLD4, OLD4, OTHER);
        out.writeBytes(whole, Math.min(size, whole.readableBytes()));
      });
    }
    told.clear();
    for (int i = 0; i < 1000; i++) {
      MacAddress stranger = new MacAddress(0x0200_0000_1000L + i);
      look(out -> ArpMessage.writeGratuitous(out, stranger, OLD4));
    }
    assertThat(told).hasSizeBetween(1, 32);
  }

  private static void dhcp(
      ByteBuf out,
      int operation,
      int type,
      IpAddress given,
      @Nullable IpAddress requested,
      MacAddress client) {
    ByteBuf body = Unpooled.buffer();
    body.writeByte(operation).writeByte(1).writeByte(6).writeZero(13);
    body.writeInt(given.v4Bits()).writeZero(8).writeBytes(client.toBytes()).writeZero(202);
    body.writeInt(0x63825363).writeByte(0).writeByte(53).writeByte(1).writeByte(type);
    if (requested != null) {
      body.writeByte(50).writeByte(4).writeInt(requested.v4Bits());
    }
    body.writeByte(255);
    byte[] bytes = new byte[body.readableBytes()];
    body.readBytes(bytes);
    out.writeBytes(MacAddress.BROADCAST.toBytes()).writeBytes(client.toBytes()).writeShort(0x0800);
    new PacketBuilder(PEER, IpAddress.parse("255.255.255.255"))
        .udp(operation == 1 ? 68 : 67, operation == 1 ? 67 : 68)
        .payload(bytes)
        .write(out);
  }
}
