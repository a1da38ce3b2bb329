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

class ArpMessageTest {
  private static final MacAddress PEER = MacAddress.parse("52:54:00:00:00:01");
  private static final MacAddress BRIDGE = MacAddress.parse("52:54:00:00:00:02");
  private static final IpAddress PEER_ADDRESS = IpAddress.parse("10.1.0.7");
  private static final IpAddress OLD = IpAddress.parse("10.1.0.10");

  private static final String REQUEST =
      "ffffffffffff"
          + "525400000001"
          + "0806"
          + "0001"
          + "0800"
          + "06"
          + "04"
          + "0001"
          + "525400000001"
          + "0a010007"
          + "000000000000"
          + "0a01000a";

  private static final String REPLY =
      "525400000001"
          + "525400000002"
          + "0806"
          + "0001"
          + "0800"
          + "06"
          + "04"
          + "0002"
          + "525400000002"
          + "0a01000a"
          + "525400000001"
          + "0a010007";

  private static final String GRATUITOUS =
      "ffffffffffff"
          + "525400000002"
          + "0806"
          + "0001"
          + "0800"
          + "06"
          + "04"
          + "0001"
          + "525400000002"
          + "0a01000a"
          + "000000000000"
          + "0a01000a";

  private final ArpMessage message = new ArpMessage();

  @Test
  void theFramesByteForByte() {
    ByteBuf out = Bytes.empty(100);
    ArpMessage.writeRequest(out, PEER, PEER_ADDRESS, OLD);
    assertThat(Bytes.hexOf(out)).isEqualTo(REQUEST);
    assertThat(out.readableBytes()).isEqualTo(ArpMessage.FRAME);
    ArpMessage.writeReply(out.clear(), BRIDGE, OLD, PEER, PEER_ADDRESS);
    assertThat(Bytes.hexOf(out)).isEqualTo(REPLY);
    ArpMessage.writeGratuitous(out.clear(), BRIDGE, OLD);
    assertThat(Bytes.hexOf(out)).isEqualTo(GRATUITOUS);
    ArpMessage.writeUnicastRequest(out.clear(), BRIDGE, PEER, PEER_ADDRESS, OLD);
    assertThat(Bytes.hexOf(out)).isEqualTo(REQUEST.replace("ffffffffffff", "525400000002"));
  }

  @Test
  void aRequestIsReadAndAnswered() {
    ByteBuf frame = Bytes.hex("a5a5" + REQUEST + "00".repeat(18)); // padded to 60 bytes
    assertThat(message.check(frame, 2, 60)).isTrue();
    assertThat(message.isRequest()).isTrue();
    assertThat(message.frameSource()).isEqualTo(PEER);
    assertThat(message.frameDestination()).isEqualTo(MacAddress.BROADCAST);
    assertThat(message.senderMac()).isEqualTo(PEER);
    assertThat(message.senderAddress()).isEqualTo(PEER_ADDRESS);
    assertThat(message.targetMac()).isEqualTo(new MacAddress(0));
    assertThat(message.targetAddress()).isEqualTo(OLD);
    assertThat(message.isGratuitous()).isFalse();
    assertThat(message.isProbe()).isFalse();
    ByteBuf out = Bytes.empty(100);
    message.writeAnswer(out, BRIDGE);
    assertThat(Bytes.hexOf(out)).isEqualTo(REPLY);
  }

  @Test
  void aReplyIsRead() {
    assertThat(message.check(Bytes.hex(REPLY), 0, 42)).isTrue();
    assertThat(message.isRequest()).isFalse();
    assertThat(message.operation()).isEqualTo(ArpMessage.REPLY);
    assertThat(message.senderAddress()).isEqualTo(OLD);
    assertThat(message.targetMac()).isEqualTo(PEER);
  }

  @Test
  void announcementsAndProbesAreTold() {
    assertThat(message.check(Bytes.hex(GRATUITOUS), 0, 42)).isTrue();
    assertThat(message.isGratuitous()).isTrue();
    assertThat(message.isProbe()).isFalse();
    ByteBuf probe = Bytes.empty(42);
    ArpMessage.writeRequest(probe, PEER, IpAddress.parse("0.0.0.0"), OLD);
    assertThat(message.check(probe, 0, 42)).isTrue();
    assertThat(message.isProbe()).isTrue();
    assertThat(message.isGratuitous()).isFalse();
  }

  static Stream<Arguments> broken() {
    return Stream.of(
        row("another EtherType", frame -> frame.setShort(12, 0x0800)),
        row("another hardware", frame -> frame.setShort(14, 6)),
        row("another protocol", frame -> frame.setShort(16, 0x86dd)),
        row("MAC length", frame -> frame.setByte(18, 8)),
        row("address length", frame -> frame.setByte(19, 16)),
        row("operation 0", frame -> frame.setShort(20, 0)),
        row("reverse ARP", frame -> frame.setShort(20, 3)),
        row("sent by a group", frame -> frame.setByte(22, 0x53)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("broken")
  void brokenFramesAreRefused(String name, Consumer<ByteBuf> change) {
    ByteBuf frame = Bytes.hex(REQUEST);
    assertThat(message.check(frame, 0, 42)).isTrue();
    change.accept(frame);
    assertThat(message.check(frame, 0, 42)).as(name).isFalse();
  }

  @Test
  void lengthsThatDoNotFitAreRefused() {
    ByteBuf frame = Bytes.hex(REQUEST);
    assertThat(message.check(frame, 0, 41)).isFalse();
    assertThat(message.check(frame, 0, 43)).isFalse();
    assertThat(message.check(frame, 1, 42)).isFalse();
    assertThat(message.check(frame, -1, 42)).isFalse();
    assertThat(message.check(frame, Integer.MAX_VALUE, 42)).isFalse();
    assertThat(message.check(frame, 0, 0)).isFalse();
  }

  @Test
  void randomBytesNeverThrow() {
    var random = new Random(10);
    ByteBuf frame = Bytes.empty(60);
    int sound = 0;
    for (int i = 0; i < 50_000; i++) {
      frame.clear().writeBytes(Bytes.hex(REQUEST));
      for (int n = random.nextInt(3); n >= 0; n--) {
        frame.setByte(random.nextInt(42), random.nextInt());
      }
      if (message.check(frame, 0, random.nextInt(2) == 0 ? 42 : random.nextInt(50))) {
        sound++;
        message.writeAnswer(Bytes.empty(42), BRIDGE);
        assertThat(message.isProbe() && !message.isRequest()).isFalse();
      }
    }
    assertThat(sound).isGreaterThan(1000);
  }

  private static Arguments row(String name, Consumer<ByteBuf> change) {
    return Arguments.of(name, change);
  }
}
