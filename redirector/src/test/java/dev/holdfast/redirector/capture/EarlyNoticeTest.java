package dev.holdfast.redirector.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The rehearsal of a smaller path MTU, while the path between the hosts changes. */
class EarlyNoticeTest {
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final IpAddress OLD = IpAddress.parse("10.1.0.10");
  private static final long SECOND = 1_000_000_000L;
  private static final int MTU = VirtioNetHeader.LENGTH + 20 + 6; // in Fragmentation Needed

  private final List<Integer> told = new ArrayList<>();
  private int carried = 1_480;
  private long now;
  private final EarlyNotice notice =
      new EarlyNotice(
          () -> carried,
          error -> {
            told.add(error.getUnsignedShort(MTU));
            error.release();
          });

  private void passes(int length) {
    ByteBuf bytes = Unpooled.buffer();
    new PacketBuilder(PEER, OLD)
        .tcp(40_000, 80, now / SECOND, 1, PacketView.ACK, 1_000)
        .payload(length - 40)
        .write(bytes);
    PacketView view = new PacketView();
    assertThat(view.check(bytes, 0, length)).isEqualTo(PacketFault.NONE);
    notice.look(view, length, 7, now);
    now += 2 * SECOND;
  }

  @Test
  void whatTheTunnelCarriesAtThatMomentIsTold() {
    passes(1_480);
    assertThat(told).isEmpty();
    passes(1_481);
    assertThat(told).containsExactly(1_480);
    carried = 1_400; // an ICMP error or a new measurement has said so
    passes(1_480);
    assertThat(told).containsExactly(1_480, 1_400);
    carried = 1_480;
    passes(1_480);
    assertThat(told).hasSize(2);
    assertThat(notice.told()).isEqualTo(2);
  }
}
