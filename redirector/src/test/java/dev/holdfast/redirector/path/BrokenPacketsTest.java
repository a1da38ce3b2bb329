package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Packets at every length, on their way out and in: each that is too short is counted, once. */
class BrokenPacketsTest {
  static Stream<PacketBuilder> packets() {
    return Stream.of(
        v4().tcp(1, 2, 3, 4, 0x10, 5, new byte[12]),
        v4().udp(1, 2),
        v4().icmp(8, 0, 1),
        v4().ipOptions(new byte[8]).udp(1, 2),
        v4().udp(1, 2).payload(8).fragment(0, true),
        v6().tcp(1, 2, 3, 4, 0x10, 5),
        v6().extension(0).extension(43).extension(60).udp(1, 2),
        v6().icmp(128, 0, 1),
        v6().raw(17).payload(8).fragment(16, false));
  }

  private static PacketBuilder v4() {
    return new PacketBuilder(Site.PEER, Site.OLD);
  }

  private static PacketBuilder v6() {
    return PacketBuilder.of("fd00:9::2", "fd00:1::10");
  }

  private static ByteBuf vnetPacket(PacketBuilder packet, int before) {
    ByteBuf whole = Unpooled.directBuffer(300).writeZero(before);
    packet.writeWithVnet(whole);
    return whole;
  }

  @ParameterizedTest
  @MethodSource("packets")
  void onTheWayOut(PacketBuilder packet) throws IOException {
    ByteBuf whole = vnetPacket(packet, 0);
    try (Site site = new Site(Role.REDIRECTOR, 1)) {
      int length = 1;
      for (; length < whole.readableBytes(); length++) {
        assertThat(site.tun.inject(whole.slice(0, length))).isTrue();
        site.outbound.onReadable();
        assertThat(site.hostDrops.get(DropReason.MALFORMED)).as("%d", length).isEqualTo(length);
      }
      assertThat(site.hostDrops.total() + site.path.drops().total()).isEqualTo(length - 1);
      assertThat(site.delivered()).isEmpty();
    }
    whole.release();
  }

  @ParameterizedTest
  @MethodSource("packets")
  void onTheWayIn(PacketBuilder packet) {
    assertEachIsCounted(vnetPacket(packet, 0), FrameType.PACKET, 0);
  }

  @ParameterizedTest
  @MethodSource("packets")
  void staged(PacketBuilder packet) {
    assertEachIsCounted(vnetPacket(packet, 8), FrameType.STAGE, 8);
  }

  private static void assertEachIsCounted(ByteBuf whole, FrameType type, int before) {
    try (Site site = new Site(Role.ENDPOINT, 1)) {
      DropCounters drops = site.path.drops();
      for (int length = 0; length < whole.readableBytes(); length++) {
        if (type == FrameType.STAGE) {
          whole.setLong(0, length + 1L); // ids rise
        }
        ByteBuf cut = whole.slice(0, length);
        site.inbound.getFirst().onFrame(type, cut);
        assertThat(drops.total()).as("%d bytes", length).isEqualTo(length + 1);
        DropReason expected =
            length <= before && type == FrameType.STAGE
                ? DropReason.WRONG_STATE
                : DropReason.MALFORMED;
        assertThat(drops.get(expected)).as("%d bytes", length).isPositive();
      }
      assertThat(site.delivered()).isEmpty();
      assertThat(site.path.staging().packets()).isZero();
    }
    whole.release();
  }

  /** Each field of the virtio_net_hdr lies: counted, or as harmless as it says. */
  @ParameterizedTest
  @MethodSource("packets")
  void withALyingOffloadHeader(PacketBuilder packet) {
    for (int index = 0; index < VirtioNetHeader.LENGTH; index++) {
      for (int lie : new int[] {1, 2, 3, 4, 5, 16, 20, 0x7f, 0x80, 0xff}) {
        ByteBuf whole = vnetPacket(packet, 0).setByte(index, lie);
        try (Site site = new Site(Role.ENDPOINT, 1)) {
          site.inbound.getFirst().onFrame(FrameType.PACKET, whole);
          assertThat(site.path.drops().total()).isOne();
        }
        whole.release();
      }
    }
    // Bits that this program does not know: of the flags, and a kind of super-packet.
    for (int field : new int[] {VirtioNetHeader.FLAGS, VirtioNetHeader.GSO_TYPE}) {
      ByteBuf whole = vnetPacket(packet, 0).setByte(field, 0x40);
      try (Site site = new Site(Role.ENDPOINT, 1)) {
        site.inbound.getFirst().onFrame(FrameType.PACKET, whole);
        assertThat(site.path.drops().get(DropReason.BAD_OFFLOAD)).isOne();
      }
      whole.release();
    }
  }
}
