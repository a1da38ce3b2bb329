package dev.holdfast.redirector.path;

import static dev.holdfast.redirector.path.Site.OLD;
import static dev.holdfast.redirector.path.Site.PEER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.Lanes;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView.ConnectionView;
import dev.holdfast.tunnel.link.ForwardingLink;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.link.LoopbackLink;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Both packet paths of both hosts with two data connections, without a kernel.
 *
 * <pre>
 * old TUN - OutboundPath - lane 0 - InboundPath - new TUN
 *                        - lane 1 -
 * </pre>
 */
class TwoLanesTest {
  /** Peer's ports whose connections take that lane. */
  private static final int PORT_0 = portOf(0);

  private static final int PORT_1 = portOf(1);

  private final Site old = new Site(Role.REDIRECTOR, 2);
  private final Site fresh = new Site(Role.ENDPOINT, 2);

  private static int portOf(int lane) {
    PacketView view = new PacketView();
    for (int port = 40_000; ; port++) {
      ByteBuf bytes = Unpooled.buffer();
      toGuest(port, 1).write(bytes);
      view.check(bytes, 0, bytes.readableBytes());
      if (Lanes.of(view, 2) == lane) {
        return port;
      }
    }
  }

  @BeforeEach
  void connect() {
    Site.connect(old, fresh, 0);
    Site.connect(old, fresh, 1);
    old.path.enter(MigrationState.ARMED);
    fresh.path.enter(MigrationState.ARMED);
  }

  @AfterEach
  void free() {
    old.close();
    fresh.close();
  }

  private static PacketBuilder toGuest(int port, long sequence) {
    return new PacketBuilder(PEER, OLD)
        .tcp(port, 80, sequence, 500, PacketView.ACK | PacketView.PSH, 1_000)
        .payload(100);
  }

  private static PacketBuilder fromGuest(int port, long sequence) {
    return new PacketBuilder(OLD, PEER)
        .tcp(80, port, sequence, 1_000, PacketView.ACK | PacketView.PSH, 1_000)
        .payload(100);
  }

  private void down(int lane) {
    old.path.linkDown(lane);
    fresh.path.linkDown(lane);
  }

  private void up(int lane) {
    Site.connect(old, fresh, lane);
    old.path.catchUp(lane);
  }

  private void release() {
    fresh.release();
    old.redirect(fresh);
  }

  @Test
  void whatIsHeldOnBothIsDeliveredAtReleaseAndTheLiveFollows() throws IOException {
    Site.hold(old, fresh);
    old.arrives(toGuest(PORT_0, 1_000));
    old.arrives(toGuest(PORT_1, 2_000));
    old.arrives(toGuest(PORT_0, 1_100));
    release();
    assertThat(fresh.markersSeen).as("one on each").isEqualTo(2);
    assertThat(old.path.hold().packets()).isZero();
    old.arrives(toGuest(PORT_1, 2_100));

    assertThat(fresh.delivered()).containsExactly(1_000L, 2_000L, 1_100L, 2_100L);
    assertThat(old.path.stagedTotal()).isEqualTo(3);
  }

  /** By IP-in-IP, which is beside the data connection. */
  @Test
  void aLivePacketDoesNotOvertakeWhatWaitsToBeSent() throws IOException {
    boolean[] isStuck = {true};
    LoopbackLink.Pair tls = LoopbackLink.pair(old.inbound.get(0), fresh.inbound.get(0));
    var slow =
        new ForwardingLink(tls.a()) {
          @Override
          public void flush() {
            if (!isStuck[0]) {
              super.flush();
            }
          }
        };
    List<FrameType> raw = new ArrayList<>();
    var plain = new InboundPath(fresh.path, 0, fresh.tun, Site.CLOCK, fresh, false);
    LoopbackLink.Pair ipip =
        LoopbackLink.pair(
            (type, payload) -> {},
            (type, payload) -> {
              raw.add(type);
              plain.onFrame(type, payload);
            });
    old.path.linkUp(0, slow, ipip.a());
    fresh.path.linkUp(0, tls.b(), ipip.b());
    Site.hold(old, fresh);
    old.arrives(toGuest(PORT_0, 1_000));
    release();
    old.arrives(toGuest(PORT_0, 1_100));
    assertThat(fresh.delivered()).isEmpty();

    isStuck[0] = false;
    old.path.flush();
    old.arrives(toGuest(PORT_0, 1_200));
    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L, 1_200L);
    assertThat(raw).containsExactly(FrameType.PACKET);
  }

  @Test
  void aLaneThatIsDownHoldsItsOwnFlowsAlone() throws IOException {
    Site.hold(old, fresh);
    release();
    down(0);
    old.arrives(toGuest(PORT_0, 1_000));
    old.arrives(toGuest(PORT_1, 2_000));
    old.arrives(toGuest(PORT_0, 1_100));
    old.arrives(toGuest(PORT_1, 2_100));
    assertThat(fresh.delivered()).containsExactly(2_000L, 2_100L);
    assertThat(old.path.hold().packets()).isEqualTo(2);
    assertThat(old.path.isLinkUp()).isFalse();
    assertThat(old.path.connections()).extracting(ConnectionView::up).containsExactly(false, true);

    up(0);
    old.arrives(toGuest(PORT_0, 1_200));

    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L, 1_200L);
    assertThat(old.path.hold().packets()).as("the marker was answered").isZero();
    assertThat(old.path.drops().total()).isZero();
    assertThat(fresh.path.drops().total()).isZero();
  }

  @Test
  void theGuestsAnswersOnTheOtherLaneGoOn() throws IOException {
    Site.hold(old, fresh);
    release();
    down(0);
    fresh.arrives(fromGuest(PORT_0, 500));
    fresh.arrives(fromGuest(PORT_1, 600));

    assertThat(old.delivered()).containsExactly(600L);
    assertThat(fresh.path.drops().get(DropReason.LINK_DOWN)).isEqualTo(1);
  }

  @Test
  void whatOneLaneHasDeliveredSaysNothingOfTheOther() throws IOException {
    Site.hold(old, fresh);
    down(1);
    old.arrives(toGuest(PORT_1, 2_000)); // the lower id, and not yet sent
    old.arrives(toGuest(PORT_0, 1_000));
    release();
    assertThat(fresh.delivered()).containsExactly(1_000L);
    assertThat(old.path.hold().packets()).isEqualTo(1);

    up(1);

    assertThat(fresh.delivered()).containsExactly(2_000L);
    assertThat(old.path.hold().packets()).isZero();
  }

  @Test
  void whatIsStagedAgainAfterAReconnectIsStagedOnce() throws IOException {
    Site.hold(old, fresh);
    old.arrives(toGuest(PORT_1, 2_000));
    old.arrives(toGuest(PORT_0, 1_000));
    down(1);
    old.arrives(toGuest(PORT_1, 2_100));
    old.arrives(toGuest(PORT_0, 1_100));
    up(1);
    assertThat(fresh.path.staging().packets()).isEqualTo(4);
    release();

    assertThat(fresh.delivered()).containsExactlyInAnyOrder(1_000L, 1_100L, 2_000L, 2_100L);
    assertThat(fresh.path.drops().total()).isZero();
  }

  @Test
  void aRetransmissionIsTakenBackOnItsLane() throws IOException {
    Site.hold(old, fresh);
    old.arrives(toGuest(PORT_0, 1_000));
    old.arrives(toGuest(PORT_1, 2_000));
    old.arrives(toGuest(PORT_1, 2_000));
    release();

    assertThat(fresh.delivered()).containsExactlyInAnyOrder(1_000L, 2_000L);
  }

  @Test
  void anEndpointThatSpeaksOfOneConnectionGetsTheRestAgainAndDeliversItOnce() throws IOException {
    Site.hold(old, fresh);
    old.arrives(toGuest(PORT_0, 1_000));
    old.arrives(toGuest(PORT_1, 2_000));
    fresh.release();
    old.path.beginRedirect(fresh.path.deliveredUpTo().subList(0, 1), Site.CLOCK.nanoTime());

    assertThat(fresh.delivered()).containsExactlyInAnyOrder(1_000L, 2_000L);
    assertThat(old.path.hold().packets()).isZero();
  }

  @Test
  void aRestartedRedirectorStagesBehindWhatTheEndpointHasOnBoth() throws IOException {
    Site.hold(old, fresh);
    old.arrives(toGuest(PORT_0, 1_000));
    old.arrives(toGuest(PORT_1, 2_000));
    try (var restarted = new Site(Role.REDIRECTOR, 2, 1_000_000, StaleSyn.TUNNEL)) {
      Site.connect(restarted, fresh, 0);
      restarted.path.beginHold(Site.CLOCK.nanoTime());
      restarted.arrives(toGuest(PORT_0, 1_100));
      restarted.arrives(toGuest(PORT_1, 2_100));
      Site.connect(restarted, fresh, 1);
      restarted.path.catchUp(1);
      fresh.release();
      restarted.redirect(fresh);

      assertThat(fresh.delivered()).containsExactly(1_000L, 2_000L, 1_100L, 2_100L);
      assertThat(restarted.path.hold().packets()).isZero();
    }
  }

  /** A link that takes so many frames and then no more, until there is room again. */
  private static final class Narrow extends ForwardingLink {
    private int room;

    Narrow(Link link, int room) {
      super(link);
      this.room = room;
    }

    @Override
    public Sent send(FrameType type, ByteBuf payload) {
      if (room == 0) {
        payload.release();
        return Sent.FULL;
      }
      room--;
      return link.send(type, payload);
    }
  }

  @Test
  void whatFindsNoRoomFollowsAsSoonAsThereIsSome() throws IOException {
    Site.hold(old, fresh);
    down(1);
    for (int i = 0; i < 5; i++) {
      old.arrives(toGuest(PORT_1, 2_000 + 100 * i));
    }
    release();
    InboundPath atOld = old.inbound.get(1);
    LoopbackLink.Pair pair = LoopbackLink.pair(atOld, fresh.inbound.get(1));
    var narrow = new Narrow(pair.a(), 3);
    old.path.linkUp(1, narrow, narrow);
    fresh.path.linkUp(1, pair.b(), pair.b());
    old.path.catchUp(1);
    assertThat(fresh.delivered()).containsExactly(2_000L, 2_100L, 2_200L);
    old.arrives(toGuest(PORT_1, 2_500)); // waits behind them
    assertThat(old.path.hold().packets()).as("no marker found room").isEqualTo(6);

    narrow.room = 3;
    atOld.onWritable();
    assertThat(fresh.delivered()).containsExactly(2_300L, 2_400L, 2_500L);
    assertThat(old.path.hold().packets()).as("nor now").isEqualTo(6);
    narrow.room = 1;
    atOld.onWritable();

    assertThat(old.path.hold().packets()).as("the marker alone was missing").isZero();
    assertThat(fresh.path.drops().total() + old.path.drops().total()).isZero();
  }

  @Test
  void ipInIpNeedsTheStagingLinkOfItsLane() throws IOException {
    List<LoopbackLink> raw =
        List.of(
            LoopbackLink.pair(old.inbound.getFirst(), fresh.inbound.getFirst()).a(),
            LoopbackLink.pair(old.inbound.getFirst(), fresh.inbound.getFirst()).a());
    for (int lane = 0; lane < 2; lane++) {
      LoopbackLink.Pair pair = LoopbackLink.pair(old.inbound.get(lane), fresh.inbound.get(lane));
      old.path.linkUp(lane, pair.a(), raw.get(lane));
      fresh.path.linkUp(lane, pair.b(), pair.b());
    }
    Site.hold(old, fresh);
    release();
    down(1);
    old.arrives(toGuest(PORT_0, 1_000));
    old.arrives(toGuest(PORT_1, 2_000));

    assertThat(fresh.delivered()).containsExactly(1_000L);
    assertThat(old.path.hold().packets()).isEqualTo(1);
  }
}
