package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.device.IpOutput;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.IpInIpLink;
import dev.holdfast.tunnel.link.IpInIpReceiver;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A probe that were carried in fragments would prove nothing of its size. */
final class ProbeTest {
  private static final IpAddress HERE = IpAddress.parse("10.1.0.2");
  private static final IpAddress THERE = IpAddress.parse("10.2.0.2");

  private final List<Integer> lengths = new ArrayList<>();
  private final IpInIpReceiver receiver =
      IpInIpReceiver.over(
          new IpOutput() {
            @Override
            public IpAddress local() {
              return HERE;
            }

            @Override
            public void send(ByteBuf packet) {
              lengths.add(packet.readableBytes());
              packet.release();
            }

            @Override
            public int flush() {
              return 0;
            }
          },
          OuterPolicy.DEFAULT,
          THERE,
          0,
          reason -> {});
  private final IpInIpLink link = receiver.link(THERE, 1_400);

  @Test
  void itGoesWholeHoweverLittleIsKnownToPass() {
    assertThat(Probe.send(link, Site.OLD, Site.TOKEN, 1, 1_480)).isTrue();
    assertThat(lengths).containsExactly(1_500);
  }

  @Test
  void soDoesItsAnswer() {
    assertThat(Probe.whole(link, Probe.answer(Site.OLD, Site.TOKEN, 1, 1_480)))
        .isEqualTo(Link.Sent.OK);
    assertThat(lengths).containsExactly(1_500);
  }

  @Test
  void otherPacketsDoNot() {
    assertThat(Probe.send(link, Site.OLD, Site.TOKEN, 1, 1_480)).isTrue();
    lengths.clear();
    link.send(FrameType.PACKET, Probe.request(Site.OLD, Site.TOKEN, 2, 1_480));
    assertThat(lengths).hasSize(2);
  }
}
