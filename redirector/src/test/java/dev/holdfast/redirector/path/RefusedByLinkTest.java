package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a link does not send is counted as dropped, once, and not as sent. */
class RefusedByLinkTest {
  /** Has one answer. */
  private record Answering(Sent answer) implements Link {
    @Override
    public Sent send(FrameType type, ByteBuf payload) {
      payload.release();
      return answer;
    }

    @Override
    public void flush() {}

    @Override
    public boolean isUp() {
      return true;
    }

    @Override
    public long queuedBytes() {
      return 0;
    }

    @Override
    public int innerMtu() {
      return 65_535;
    }

    @Override
    public void close() {}
  }

  @ParameterizedTest
  @EnumSource
  void eachAnswerIsCountedAsWhatItIs(Link.Sent answer) throws IOException {
    for (Role role : Role.values()) {
      try (Site site = new Site(role, 1)) {
        Link link = new Answering(answer);
        site.path.linkUp(0, link, link);
        site.path.enter(MigrationState.REDIRECTING);
        boolean toGuest = role == Role.REDIRECTOR;
        site.arrives(
            new PacketBuilder(toGuest ? Site.PEER : Site.OLD, toGuest ? Site.OLD : Site.PEER)
                .tcp(1, 2, 3, 4, PacketView.ACK, 5)
                .payload(10));
        long sent = answer == Link.Sent.OK ? 1 : 0;
        assertThat(site.path.toGuestPackets() + site.path.fromGuestPackets()).isEqualTo(sent);
        assertThat(site.path.toGuestBytes() + site.path.fromGuestBytes()).isEqualTo(sent * 50);
        for (DropReason reason : DropReason.values()) {
          assertThat(site.path.drops().get(reason) + site.hostDrops.get(reason))
              .as("%s", reason)
              .isEqualTo(reason == answer.drop() ? 1 : 0);
        }
      }
    }
  }
}
