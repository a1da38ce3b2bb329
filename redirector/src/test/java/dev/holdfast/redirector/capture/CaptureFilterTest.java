package dev.holdfast.redirector.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The two forms of one wish: libpcap's expression, and the question about a frame. */
class CaptureFilterTest {
  private static final MacAddress OWN = MacAddress.parse("02:00:00:00:00:01");
  private static final MacAddress GUEST = MacAddress.parse("02:00:00:00:00:10");
  private static final MacAddress PEER = MacAddress.parse("02:00:00:00:00:20");
  private static final List<IpAddress> OLDS =
      List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00:1::10"));
  private static final List<IpAddress> PEERS =
      List.of(IpAddress.parse("10.1.0.20"), IpAddress.parse("fd00:1::20"));

  private final CaptureFilter filter = new CaptureFilter();

  private boolean wants(MacAddress to, MacAddress from, boolean ipv6, boolean isToOld) {
    IpAddress old = OLDS.get(ipv6 ? 1 : 0);
    IpAddress peer = PEERS.get(ipv6 ? 1 : 0);
    ByteBuf buf = Unpooled.buffer(100);
    new PacketBuilder(isToOld ? peer : old, isToOld ? old : peer).udp(1, 2).write(buf);
    var view = new PacketView();
    assertThat(view.check(buf, 0, buf.readableBytes())).isEqualTo(PacketFault.NONE);
    return filter.wants(to.bits(), from.bits(), view);
  }

  @Test
  void wantsNothingUntilItIsTold() {
    assertThat(filter).hasToString(FrameTap.NOTHING);
    filter.capture("m1", OLDS);
    assertThat(wants(GUEST, PEER, false, true)).as("not published").isFalse();
    filter.publish();
    for (boolean ipv6 : new boolean[] {false, true}) {
      assertThat(wants(GUEST, PEER, ipv6, true)).isTrue();
      assertThat(wants(OWN, PEER, ipv6, true)).as("whatever its MAC").isTrue();
      assertThat(wants(MacAddress.BROADCAST, PEER, ipv6, true)).isFalse();
      assertThat(wants(GUEST, PEER, ipv6, false)).isFalse();
    }
    assertThat(filter.toString())
        .contains("ip dst 10.1.0.10 or arp dst 10.1.0.10 or ip6 dst fd00:1::10");
    filter.nothing("m1");
    filter.publish();
    assertThat(wants(GUEST, PEER, false, true)).isFalse();
    assertThat(filter).hasToString(FrameTap.NOTHING);
  }

  @Test
  void afterARollbackOnlyWhatIsSentToUs() {
    filter.captureStrays("m1", OLDS, OWN);
    filter.publish();
    assertThat(wants(OWN, PEER, true, true)).isTrue();
    assertThat(wants(GUEST, PEER, true, true)).isFalse();
    assertThat(filter.toString()).contains("ether dst " + OWN + " and (ip dst 10.1.0.10");
  }

  @Test
  void atTheNewHostWhatTheGuestSaysFromItsOldAddress() {
    filter.answers("m1", OLDS, GUEST);
    filter.publish();
    assertThat(wants(PEER, GUEST, true, false)).isTrue();
    assertThat(wants(PEER, GUEST, true, true)).isFalse();
    assertThat(wants(PEER, OWN, false, false)).as("not the guest").isFalse();
    assertThat(filter.toString()).contains("ether src " + GUEST + " and (ip src 10.1.0.10");
  }
}
