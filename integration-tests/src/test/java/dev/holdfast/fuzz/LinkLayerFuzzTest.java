package dev.holdfast.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.redirector.capture.LanInterface;
import dev.holdfast.redirector.capture.MemoryLan;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.DhcpMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.packet.OffloadCheck;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever frame a LAN brings. */
class LinkLayerFuzzTest {
  private static final MacAddress PEER = MacAddress.parse("52:54:00:00:00:01");
  private static final MacAddress OURS = MacAddress.parse("52:54:00:00:00:02");
  private static final IpAddress OLD = IpAddress.parse("10.1.0.10");
  private static final IpAddress OLD_6 = IpAddress.parse("fd00:1::10");

  private final ArpMessage arp = new ArpMessage();
  private final NeighbourMessage neighbour = new NeighbourMessage();
  private final DhcpMessage dhcp = new DhcpMessage();
  private final PacketView view = new PacketView();
  private final ByteBuf out = Bounded.room(70_000);

  @MethodSource("arpFrames")
  @FuzzTest
  void arp(byte[] data) {
    ByteBuf buf = Bounded.of(data);
    if (!arp.check(buf, 0, data.length)) {
      return;
    }
    assertThat(arp.isRequest()).isEqualTo(arp.operation() == ArpMessage.REQUEST);
    assertThat(arp.senderMac().isGroup()).isFalse();
    assertThat(arp.senderAddress().isV4() && arp.targetAddress().isV4()).isTrue();
    assertThat(arp.frameSource().bits() | arp.frameDestination().bits()).isNotNegative();
  }

  static Stream<byte[]> arpFrames() {
    ByteBuf request = Unpooled.buffer();
    ArpMessage.writeRequest(request, PEER, IpAddress.parse("10.1.0.7"), OLD);
    byte[] frame = Bytes.bytesOf(request);
    byte[] reply = frame.clone();
    reply[21] = 2;
    byte[] lying = frame.clone();
    lying[18] = 8; // an address length that Ethernet has not
    return Stream.of(frame, reply, lying);
  }

  @MethodSource("neighbourFrames")
  @FuzzTest
  void neighbour(byte[] data) {
    ByteBuf buf = Bounded.of(data);
    if (!neighbour.check(buf, 0, data.length)) {
      return;
    }
    assertThat(neighbour.isSolicitation()).isNotEqualTo(neighbour.isAdvertisement());
    assertThat(neighbour.target().isV6()).isTrue();
    MacAddress given = neighbour.linkLayerAddress();
    assertThat(given == null || !given.isGroup()).isTrue();
    assertThat(neighbour.source()).isNotNull();
    assertThat(neighbour.destination()).isNotNull();
    assertThat(neighbour.frameDestination().bits()).isNotNegative();
    if (neighbour.isProbe()) {
      assertThat(neighbour.isSolicitation() && given == null).isTrue();
    }
    assertThat(neighbour.isSolicitation() && (neighbour.isOverride() || neighbour.isRouter()))
        .isFalse();
    if (neighbour.isSolicitation()) {
      out.clear();
      neighbour.writeAnswer(out, OURS, 0);
      var answer = new NeighbourMessage();
      assertThat(answer.check(out, 0, out.readableBytes())).isTrue();
      assertThat(answer.isOverride()).isTrue();
    }
  }

  static Stream<byte[]> neighbourFrames() {
    ByteBuf solicitation = Unpooled.buffer();
    NeighbourMessage.writeSolicitation(solicitation, PEER, IpAddress.parse("fd00:1::7"), OLD_6);
    ByteBuf advertisement = Unpooled.buffer();
    NeighbourMessage.writeUnsolicited(advertisement, PEER, OLD_6, 0);
    byte[] noLength = Bytes.bytesOf(advertisement);
    noLength[noLength.length - 7] = 0; // an option of no length: RFC 4861 section 4.6
    return Stream.of(Bytes.bytesOf(solicitation), Bytes.bytesOf(advertisement), noLength);
  }

  @MethodSource("dhcpFrames")
  @FuzzTest
  void dhcp(byte[] data) {
    ByteBuf buf = Bounded.of(data);
    if (dhcp.check(buf, 0, data.length)) {
      assertThat(dhcp.type()).isBetween(1, 255);
      assertThat(dhcp.client().bits()).isNotNegative();
      assertThat(dhcp.given().isV4()).isTrue();
      IpAddress requested = dhcp.requested();
      assertThat(requested == null || requested.isV4()).isTrue();
    }
  }

  static Stream<byte[]> dhcpFrames() {
    return Stream.of("350105ff", "3501033204" + "0a01000aff", "350103ff00", "3501", "32ff0a01")
        .map(LinkLayerFuzzTest::dhcpFrame);
  }

  private static byte[] dhcpFrame(String options) {
    byte[] fixed = new byte[240];
    System.arraycopy(Bytes.hex("02010600"), 0, fixed, 0, 4);
    System.arraycopy(Bytes.hex("0a01000a"), 0, fixed, 16, 4);
    System.arraycopy(Bytes.hex("525400100010"), 0, fixed, 28, 6);
    System.arraycopy(Bytes.hex("63825363"), 0, fixed, 236, 4);
    var message =
        PacketBuilder.of("10.1.0.1", "10.1.0.10")
            .udp(67, 68)
            .payload(Bytes.join(fixed, Bytes.hex(options)));
    return frame("0800", Bytes.packet(message));
  }

  private static byte[] frame(String typeAndTags, byte[] payload) {
    return Bytes.join(Bytes.hex("525400000009525400000001" + typeAndTags), payload);
  }

  /**
   * Frames, one by one, as libpcap gives them: each comes out as a packet, is learnt, or counts.
   */
  @MethodSource("captures")
  @FuzzTest
  void capturedFrames(byte[] data) throws IOException {
    var drops = new DropCounters();
    var lan = new LanInterface("lan0", OURS, 1500, List.of(), List.of());
    var input = new Bytes(data);
    try (MemoryLan memory = new MemoryLan(lan, new StandingClock(), drops)) {
      memory.pin(OLD, MacAddress.parse("52:54:00:00:00:09"));
      PacketDevice device = memory.device();
      for (int i = 0; i < 8 && input.hasMore(); i++) {
        memory.arrive(input.piece());
        out.clear().writerIndex(5);
        int room = 5 + PacketDevice.READ_SIZE;
        ByteBuf into = out.slice(0, room).setIndex(0, 5);
        int length = device.read(into);
        if (length == 0) {
          assertThat(into.writerIndex()).as("nothing is left behind").isEqualTo(5);
          continue;
        }
        assertThat(into.writerIndex()).isEqualTo(5 + length);
        int packet = 5 + VirtioNetHeader.LENGTH;
        assertThat(view.check(into, packet, length - VirtioNetHeader.LENGTH))
            .isEqualTo(PacketFault.NONE);
        assertThat(OffloadCheck.check(into, 5, view)).isEqualTo(PacketFault.NONE);
        into.readerIndex(5);
        boolean unused = device.write(into); // and back to the LAN
      }
    }
  }

  static Stream<byte[]> captures() {
    byte[] four = Bytes.packet(PacketBuilder.of("10.9.0.2", "10.1.0.10").udp(1, 2).payload(9));
    byte[] six = Bytes.packet(PacketBuilder.of("fd00:9::2", "fd00:1::10").udp(1, 2).payload(9));
    return Stream.concat(
        Stream.of(
            Bytes.pieces(
                "",
                frame("0800", four),
                frame("8100002a0800", four),
                frame("88a800078100002a86dd", six)),
            Bytes.pieces(
                "", frame("8100002a", new byte[0]), frame("8100", new byte[0]), new byte[13]),
            Bytes.pieces("", frame("0800", new byte[19]), frame("86dd", new byte[39])),
            Bytes.pieces("", frame("88cc", new byte[40]), frame("0800", new byte[0]))),
        Stream.concat(arpFrames(), neighbourFrames()).map(frame -> Bytes.pieces("", frame)));
  }
}
