package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class NeighbourMessageTest {
  private static final MacAddress PEER = MacAddress.parse("52:54:00:00:00:01");
  private static final MacAddress BRIDGE = MacAddress.parse("52:54:00:00:00:02");
  private static final IpAddress PEER_ADDRESS = IpAddress.parse("fd00:1::7");
  private static final IpAddress OLD = IpAddress.parse("fd00:1::12:3456");
  private static final IpAddress NOBODY = IpAddress.parse("::");

  private static final int ICMP = 14 + 40;

  private final NeighbourMessage message = new NeighbourMessage();

  @Test
  void theGroupsOfRfc4291AndTheirMacs() {
    IpAddress example = IpAddress.parse("4037::01:800:200e:8c6c"); // RFC 4291 section 2.7.1
    assertThat(SolicitedNode.groupOf(example)).hasToString("ff02::1:ff0e:8c6c");
    assertThat(SolicitedNode.macOf(SolicitedNode.groupOf(example)))
        .hasToString("33:33:ff:0e:8c:6c");
    assertThat(SolicitedNode.ALL_NODES).hasToString("ff02::1");
    assertThat(SolicitedNode.macOf(SolicitedNode.ALL_NODES)).hasToString("33:33:00:00:00:01");
    assertThatThrownBy(() -> SolicitedNode.groupOf(IpAddress.parse("10.0.0.1")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> SolicitedNode.macOf(OLD)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> SolicitedNode.macOf(IpAddress.parse("224.0.0.1")))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aSolicitationByteForByte() {
    ByteBuf out = Bytes.empty(100);
    NeighbourMessage.writeSolicitation(out, PEER, PEER_ADDRESS, OLD);
    assertThat(Bytes.hexOf(out))
        .isEqualTo(
            "3333ff123456"
                + "525400000001"
                + "86dd"
                + "60000000"
                + "0020"
                + "3a"
                + "ff"
                + "fd000001000000000000000000000007"
                + "ff0200000000000000000001ff123456"
                + "8700"
                + Bytes.hexOf(out.slice(ICMP + 2, 2))
                + "00000000"
                + "fd000001000000000000000000123456"
                + "0101"
                + "525400000001");
    assertThat(Checksums.verifyTransport(Bytes.viewAt(out, 14))).isTrue();
  }

  @Test
  void anAnswerByteForByte() {
    ByteBuf out = Bytes.empty(100);
    assertThat(message.check(solicitation(), 0, 86)).isTrue();
    message.writeAnswer(out, BRIDGE, 0);
    assertThat(Bytes.hexOf(out))
        .isEqualTo(
            "525400000001"
                + "525400000002"
                + "86dd"
                + "60000000"
                + "0020"
                + "3a"
                + "ff"
                + "fd000001000000000000000000123456"
                + "fd000001000000000000000000000007"
                + "8800"
                + Bytes.hexOf(out.slice(ICMP + 2, 2))
                + "60000000" // solicited, override
                + "fd000001000000000000000000123456"
                + "0201"
                + "525400000002");
    assertThat(Checksums.verifyTransport(Bytes.viewAt(out, 14))).isTrue();
  }

  @Test
  void aSolicitationIsRead() {
    assertThat(message.check(solicitation(), 0, 86)).isTrue();
    assertThat(message.isSolicitation()).isTrue();
    assertThat(message.isAdvertisement()).isFalse();
    assertThat(message.isProbe()).isFalse();
    assertThat(message.frameSource()).isEqualTo(PEER);
    assertThat(message.frameDestination()).hasToString("33:33:ff:12:34:56");
    assertThat(message.source()).isEqualTo(PEER_ADDRESS);
    assertThat(message.destination()).isEqualTo(SolicitedNode.groupOf(OLD));
    assertThat(message.target()).isEqualTo(OLD);
    assertThat(message.linkLayerAddress()).isEqualTo(PEER);
    assertThat(message.isSolicited() || message.isOverride() || message.isRouter()).isFalse();
  }

  @Test
  void anAdvertisementIsRead() {
    ByteBuf frame = Bytes.empty(100);
    NeighbourMessage.writeAdvertisement(
        frame, PEER, BRIDGE, OLD, PEER_ADDRESS, OLD, NeighbourMessage.ROUTER);
    assertThat(message.check(frame, 0, 86)).isTrue();
    assertThat(message.isAdvertisement()).isTrue();
    assertThat(message.isRouter()).isTrue();
    assertThat(message.isSolicited() || message.isOverride()).isFalse();
    assertThat(message.target()).isEqualTo(OLD);
    assertThat(message.linkLayerAddress()).isEqualTo(BRIDGE);
  }

  @Test
  void anAnnouncementGoesToAllNodes() {
    ByteBuf frame = Bytes.empty(100);
    NeighbourMessage.writeUnsolicited(frame, BRIDGE, OLD, 0);
    assertThat(message.check(frame, 0, 86)).isTrue();
    assertThat(message.frameDestination()).hasToString("33:33:00:00:00:01");
    assertThat(message.destination()).isEqualTo(SolicitedNode.ALL_NODES);
    assertThat(message.source()).isEqualTo(OLD);
    assertThat(message.isOverride()).isTrue();
    assertThat(message.isSolicited()).isFalse();
  }

  @Test
  void whoAsksFromNobodyIsAnsweredThroughAllNodes() {
    ByteBuf probe = built(NOBODY, SolicitedNode.groupOf(OLD), 135, 0, "");
    assertThat(message.check(probe, 0, probe.writerIndex())).isTrue();
    assertThat(message.isProbe()).isTrue();
    assertThat(message.linkLayerAddress()).isNull();
    ByteBuf out = Bytes.empty(100);
    message.writeAnswer(out, BRIDGE, NeighbourMessage.ROUTER);
    assertThat(message.check(out, 0, 86)).isTrue();
    assertThat(message.destination()).isEqualTo(SolicitedNode.ALL_NODES);
    assertThat(message.isSolicited()).isFalse();
    assertThat(message.isRouter()).isTrue();
  }

  @Test
  void withoutAnOptionTheAnswerGoesToTheFramesSender() {
    ByteBuf frame = built(PEER_ADDRESS, OLD, 135, 0, "");
    assertThat(message.check(frame, 0, frame.writerIndex())).isTrue();
    ByteBuf out = Bytes.empty(100);
    message.writeAnswer(out, BRIDGE, 0);
    assertThat(message.check(out, 0, 86)).isTrue();
    assertThat(message.frameDestination()).isEqualTo(PEER);
  }

  /** Description, source, destination, type, flags, options, whether it is taken. */
  static Stream<Arguments> table() {
    IpAddress group = SolicitedNode.groupOf(OLD);
    IpAddress all = SolicitedNode.ALL_NODES;
    String unknown = "0e01010203040506"; // a nonce, RFC 3971
    return Stream.of(
        row("no options", PEER_ADDRESS, group, 135, 0, "", true),
        row("unknown option is passed over", PEER_ADDRESS, group, 135, 0, unknown, true),
        row("behind an unknown one", PEER_ADDRESS, group, 135, 0, unknown + SLLA, true),
        row("option of length 0", PEER_ADDRESS, group, 135, 0, "0e00010203040506", false),
        row("option over the end", PEER_ADDRESS, group, 135, 0, "0102010203040506", false),
        row("half an option", PEER_ADDRESS, group, 135, 0, SLLA + "01", false),
        row("the sender's MAC a group's", PEER_ADDRESS, group, 135, 0, "0101534500000001", false),
        row("from nobody", NOBODY, group, 135, 0, "", true),
        row("from nobody, with a nonce", NOBODY, group, 135, 0, unknown, true),
        row("from nobody, with its MAC", NOBODY, group, 135, 0, SLLA, false),
        row("from nobody to one host", NOBODY, OLD, 135, 0, "", false),
        row("from nobody to all nodes", NOBODY, all, 135, 0, "", false),
        row("to one host", PEER_ADDRESS, OLD, 135, 0, SLLA, true),
        row("advertised to all", OLD, all, 136, 0x20000000, "", true),
        row("to all, yet solicited", OLD, all, 136, 0x40000000, "", false),
        row("flags of a solicitation are idle", PEER_ADDRESS, group, 135, -1, "", true),
        row("redirect", PEER_ADDRESS, OLD, 137, 0, "", false),
        row("router solicitation", PEER_ADDRESS, all, 133, 0, "", false),
        row("echo request", PEER_ADDRESS, OLD, 128, 0, "", false));
  }

  @ParameterizedTest(name = "{0}: {6}")
  @MethodSource("table")
  void theTable(
      String name, IpAddress from, IpAddress to, int type, int flags, String options, boolean ok) {
    ByteBuf frame = built(from, to, type, flags, options);
    assertThat(message.check(frame, 0, frame.writerIndex())).as(name).isEqualTo(ok);
    if (ok && options.contains(SLLA)) {
      assertThat(message.linkLayerAddress()).isEqualTo(PEER);
    }
  }

  static Stream<Arguments> broken() {
    return Stream.of(
        broken("EtherType", frame -> frame.setShort(12, 0x0800)),
        broken("IP version", frame -> frame.setByte(14, 0x40)),
        broken("from off the link", frame -> frame.setByte(14 + 7, 254)),
        broken("UDP", frame -> frame.setByte(14 + 6, 17)),
        broken("code", frame -> frame.setByte(ICMP + 1, 1)),
        broken("target multicast", frame -> frame.setByte(ICMP + 8, 0xff)),
        broken(
            "target an IPv4 address",
            frame -> frame.setZero(ICMP + 8, 10).setShort(ICMP + 18, 0xffff)),
        broken("cut short", frame -> frame.setShort(14 + 4, 23)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("broken")
  void brokenFramesAreRefusedWithTheirChecksumsRight(String name, Consumer<ByteBuf> change) {
    ByteBuf frame = solicitation();
    change.accept(frame);
    var view = new PacketView();
    if (view.check(frame, 14, frame.writerIndex() - 14) == PacketFault.NONE && view.isIcmp()) {
      Checksums.setTransport(view);
    }
    assertThat(message.check(frame, 0, frame.writerIndex())).as(name).isFalse();
  }

  @Test
  void aWrongChecksumIsRefused() {
    ByteBuf frame = solicitation();
    frame.setByte(ICMP + 23, 0x57);
    assertThat(message.check(frame, 0, 86)).isFalse();
  }

  @Test
  void extensionHeadersAreRefused() {
    ByteBuf frame = Bytes.empty(200);
    Ethernet.writeHeader(frame, BRIDGE, PEER, Ethernet.TYPE_IPV6);
    builder(PEER_ADDRESS, OLD, 135, 0, "").extension(60).write(frame);
    assertThat(message.check(frame, 0, frame.writerIndex())).isFalse();
  }

  @Test
  void lengthsThatDoNotFitAreRefused() {
    ByteBuf frame = solicitation();
    for (int length = 0; length < 86; length++) {
      assertThat(message.check(frame, 0, length)).isFalse();
    }
    assertThat(message.check(frame, 0, 87)).isFalse();
    assertThat(message.check(frame, -1, 86)).isFalse();
    assertThat(message.check(frame, Integer.MAX_VALUE, 86)).isFalse();
  }

  @Test
  void randomDamageNeverThrows() {
    var random = new Random(11);
    ByteBuf good = solicitation();
    ByteBuf frame = Bytes.empty(86);
    ByteBuf out = Bytes.empty(86);
    int sound = 0;
    for (int i = 0; i < 100_000; i++) {
      frame.clear().writeBytes(good, 0, 86);
      for (int n = random.nextInt(3); n >= 0; n--) {
        frame.setByte(random.nextInt(86), random.nextInt());
      }
      var view = new PacketView();
      if (view.check(frame, 14, 72) == PacketFault.NONE && view.isIcmp()) {
        Checksums.setTransport(view);
      }
      if (message.check(frame, 0, 86)) {
        sound++;
        message.writeAnswer(out.clear(), BRIDGE, 0);
        assertThat(new NeighbourMessage().check(out, 0, 86)).isTrue();
      }
    }
    assertThat(sound).isGreaterThan(1000);
  }

  private static final String SLLA = "0101525400000001";

  private static ByteBuf solicitation() {
    ByteBuf frame = Bytes.empty(86);
    NeighbourMessage.writeSolicitation(frame, PEER, PEER_ADDRESS, OLD);
    return frame;
  }

  private static ByteBuf built(IpAddress from, IpAddress to, int type, int flags, String options) {
    ByteBuf frame = Bytes.empty(200);
    Ethernet.writeHeader(frame, BRIDGE, PEER, Ethernet.TYPE_IPV6);
    builder(from, to, type, flags, options).write(frame);
    return frame;
  }

  private static PacketBuilder builder(
      IpAddress from, IpAddress to, int type, int flags, String options) {
    ByteBuf body = Bytes.empty(100).writeBytes(OLD.toBytes()).writeBytes(Bytes.hex(options));
    byte[] bytes = new byte[body.readableBytes()];
    body.readBytes(bytes);
    return new PacketBuilder(from, to).ttl(255).icmp(type, 0, flags).payload(bytes);
  }

  private static Arguments row(
      String name, IpAddress from, IpAddress to, int type, int flags, String options, boolean ok) {
    return Arguments.of(name, from, to, type, flags, options, ok);
  }

  private static Arguments broken(String name, Consumer<ByteBuf> change) {
    return Arguments.of(name, change);
  }
}
