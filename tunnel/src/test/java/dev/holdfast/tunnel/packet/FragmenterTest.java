package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class FragmenterTest {
  private static final byte[] COPIED_OPTION = {(byte) 0x94, 4, 0, 0}; // router alert, RFC 2113
  private static final byte[] RECORD_ROUTE = {7, 7, 4, 0, 0, 0, 0};

  private final Fragmenter fragmenter = new Fragmenter();

  private static PacketBuilder packet() {
    return PacketBuilder.of("10.9.0.2", "10.1.0.10")
        .identification(0x1234)
        .dontFragment(false)
        .udp(5, 6);
  }

  private static PacketView view(ByteBuf bytes) {
    PacketView view = new PacketView();
    assertThat(view.check(bytes, 0, bytes.readableBytes())).isEqualTo(PacketFault.NONE);
    return view;
  }

  private static ByteBuf bytes(PacketBuilder packet) {
    ByteBuf bytes = Unpooled.buffer();
    packet.write(bytes);
    return bytes;
  }

  private List<ByteBuf> cut(ByteBuf packet, int mtu) {
    fragmenter.begin(view(packet), mtu);
    List<ByteBuf> out = new ArrayList<>();
    for (ByteBuf next = Unpooled.buffer(); fragmenter.next(next); next = Unpooled.buffer()) {
      out.add(next);
    }
    return out;
  }

  /** What RFC 791 section 3.2 makes of fragments. */
  private static byte[] reassembled(List<ByteBuf> fragments) {
    ByteBuf data = Unpooled.buffer();
    for (int i = 0; i < fragments.size(); i++) {
      ByteBuf fragment = fragments.get(i);
      PacketView view = view(fragment);
      int header = (fragment.getByte(0) & 0xf) * 4;
      assertThat(Checksums.verifyIpv4Header(fragment, 0, header)).isTrue();
      assertThat(view.fragmentOffset()).isEqualTo(data.writerIndex());
      assertThat((fragment.getByte(6) & 0x20) != 0).isEqualTo(i < fragments.size() - 1);
      data.writeBytes(fragment, header, view.end() - header);
    }
    return ByteBufUtil.getBytes(data);
  }

  @ParameterizedTest
  @ValueSource(ints = {68, 69, 75, 76, 552, 1279, 1480})
  void togetherTheyAreThePacket(int mtu) {
    ByteBuf whole = bytes(packet().payload(3001));
    List<ByteBuf> fragments = cut(whole, mtu);
    assertThat(fragments).allMatch(each -> each.readableBytes() <= mtu);
    assertThat(reassembled(fragments)).isEqualTo(ByteBufUtil.getBytes(whole, 20, 3009));
    assertThat(fragments).allMatch(each -> each.getUnsignedShort(4) == 0x1234);
  }

  @Test
  void laterFragmentsHaveOnlyTheOptionsThatAreToBeCopied() {
    byte[] options = new byte[12];
    System.arraycopy(RECORD_ROUTE, 0, options, 0, 7);
    System.arraycopy(COPIED_OPTION, 0, options, 7, 4);
    ByteBuf whole = bytes(packet().ipOptions(options).payload(200));
    List<ByteBuf> fragments = cut(whole, 120);
    assertThat(ByteBufUtil.getBytes(fragments.getFirst(), 20, 12)).isEqualTo(options);
    assertThat(fragments.get(1).getByte(0)).isEqualTo((byte) 0x46);
    assertThat(ByteBufUtil.getBytes(fragments.get(1), 20, 4)).isEqualTo(COPIED_OPTION);
    assertThat(reassembled(fragments)).hasSize(208);
  }

  @Test
  void aFragmentIsCutAgain() {
    ByteBuf middle =
        bytes(
            PacketBuilder.of("10.9.0.2", "10.1.0.10")
                .identification(9)
                .dontFragment(false)
                .raw(17)
                .fragment(800, true)
                .payload(1000));
    List<ByteBuf> fragments = cut(middle, 600);
    assertThat(fragments).hasSize(2);
    assertThat(view(fragments.getFirst()).fragmentOffset()).isEqualTo(800);
    assertThat(view(fragments.get(1)).fragmentOffset()).isEqualTo(800 + 576);
    assertThat(fragments.get(1).getByte(6) & 0x20).as("more follow, as before").isNotZero();
  }

  @Test
  void whatFitsComesOutAsItIs() {
    ByteBuf whole = bytes(packet().payload(100));
    assertThat(cut(whole, 1480)).containsExactly(whole);
  }

  @Test
  void whoForbidsItIsNotCut() {
    PacketView kept = view(bytes(packet().dontFragment(true).payload(2000)));
    assertThatThrownBy(() -> fragmenter.begin(kept, 1480))
        .isInstanceOf(IllegalArgumentException.class);
    PacketView short68 = view(bytes(packet().payload(2000)));
    assertThatThrownBy(() -> fragmenter.begin(short68, 67))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
