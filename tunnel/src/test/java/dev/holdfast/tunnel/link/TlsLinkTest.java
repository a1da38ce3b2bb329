package dev.holdfast.tunnel.link;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.link.Link.Sent;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How much may wait in front of a connection: nothing is flushed here, so all of it waits. */
class TlsLinkTest {
  private static final int PACKET_LIMIT = 10_000;
  private static final int LIMIT = 200_000;
  private static final int BYTES = 1_000;

  private final FrameConnection connection =
      new FrameConnection(
          new FrameConnection.Listener() {
            @Override
            public void onFrame(FrameType type, io.netty.buffer.ByteBuf payload) {}

            @Override
            public void onClosed(String reason) {}
          },
          String::valueOf,
          reason -> {});
  private final EmbeddedChannel channel = new EmbeddedChannel(connection);
  private final TlsLink link =
      new TlsLink(connection, (type, payload) -> {}, new TlsLink.Limits(PACKET_LIMIT, LIMIT));

  @AfterEach
  void close() {
    channel.finishAndReleaseAll();
  }

  private Sent send(FrameType type) {
    return link.send(type, Unpooled.buffer(BYTES).writeZero(BYTES));
  }

  private int takes(FrameType type) {
    int count = 0;
    while (send(type) == Sent.OK) {
      count++;
    }
    return count;
  }

  @Test
  void packetsAloneHaveTheirLimit() {
    assertThat(takes(FrameType.PACKET)).isEqualTo(PACKET_LIMIT / (BYTES + 5));
    assertThat(send(FrameType.STAGE)).isEqualTo(Sent.OK);
  }

  @Test
  void whatIsStagedLeavesPacketsTheirRoom() {
    for (int i = 0; i < 50; i++) {
      assertThat(send(FrameType.STAGE)).isEqualTo(Sent.OK);
    }
    assertThat(takes(FrameType.PACKET)).isEqualTo(PACKET_LIMIT / (BYTES + 5));
    assertThat(link.send(FrameType.MARKER, Unpooled.buffer(8).writeZero(8))).isEqualTo(Sent.OK);
    assertThat(takes(FrameType.PACKET)).isEqualTo(PACKET_LIMIT / (BYTES + 5));
  }

  @Test
  void allTogetherHaveTheOther() {
    assertThat(takes(FrameType.STAGE)).isPositive();
    assertThat(link.queuedBytes()).isBetween(LIMIT - 2L * BYTES, (long) LIMIT);
    assertThat(send(FrameType.PACKET)).isEqualTo(Sent.FULL);
  }

  @Test
  void whatHasGoneOutCountsNoLonger() {
    assertThat(takes(FrameType.PACKET)).isPositive();
    link.flush();
    assertThat(link.queuedBytes()).isZero();
    assertThat(takes(FrameType.PACKET)).isEqualTo(PACKET_LIMIT / (BYTES + 5));
  }
}
