package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.LoopbackLink;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Both hosts' packets while the guest is paused at the endpoint, on its way back perhaps. */
class WayBackTest {
  private final Site old = new Site(Role.REDIRECTOR, 2);
  private final Site fresh = new Site(Role.ENDPOINT, 2);

  @BeforeEach
  void redirect() {
    for (int lane = 0; lane < 2; lane++) {
      LoopbackLink.Pair unused = Site.connect(old, fresh, lane);
    }
    Site.hold(old, fresh);
    assertThat(fresh.release()).isZero();
    old.redirect(fresh);
  }

  @AfterEach
  void free() {
    old.close();
    fresh.close();
  }

  private static PacketBuilder packet(long sequence) {
    return new PacketBuilder(Site.PEER, Site.OLD)
        .tcp(40_000, 80, sequence, 500, PacketView.ACK | PacketView.PSH, 1_000)
        .payload(100);
  }

  /** As {@code migration hold --to-return} does at the redirector. */
  private void holds() {
    old.path.wayBack().queue(true);
    fresh.path.wayBack().pause();
    fresh.path.wayBack().returnAll();
  }

  private long takenBack() {
    old.path.delivered(fresh.path.deliveredUpTo());
    fresh.path.enter(MigrationState.ROLLED_BACK);
    old.path.enter(MigrationState.ROLLED_BACK);
    return old.outbound.reinject(old.path);
  }

  @Test
  void whatWasInTheTunnelIsReturnedAndGoesFirst() throws IOException {
    old.arrives(packet(1_000));
    assertThat(fresh.delivered()).containsExactly(1_000L);

    fresh.path.wayBack().pause(); // the redirector does not know yet
    old.arrives(packet(1_100));
    old.arrives(packet(1_200));
    assertThat(fresh.delivered()).isEmpty();
    assertThat(fresh.path.held().packets()).isEqualTo(2);

    old.path.wayBack().queue(true);
    old.arrives(packet(1_300));
    fresh.path.wayBack().returnAll();
    assertThat(fresh.path.held().packets()).isZero();
    assertThat(old.path.held().packets()).isEqualTo(3);

    assertThat(takenBack()).isEqualTo(3);
    assertThat(old.delivered()).containsExactly(1_100L, 1_200L, 1_300L);
    assertThat(old.path.drops().nonZero()).isEmpty();
    assertThat(fresh.path.drops().nonZero()).isEmpty();
  }

  @Test
  void aGuestThatGoesOnGetsAllOfItInOrder() throws IOException {
    fresh.path.wayBack().pause();
    old.arrives(packet(1_000));
    holds();
    old.arrives(packet(1_100));
    assertThat(old.path.held().packets()).isEqualTo(2);

    assertThat(fresh.outbound.deliverKept(fresh.path)).isZero();
    old.path.wayBack().queue(false);
    old.arrives(packet(1_200));
    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L, 1_200L);
    assertThat(old.path.held().packets()).isZero();
  }

  @Test
  void aRedirectorThatIsNotReachedLosesNothing() throws IOException {
    fresh.path.wayBack().pause();
    old.arrives(packet(1_000));
    old.arrives(packet(1_100));
    long counted = fresh.path.toGuestPackets();
    assertThat(fresh.outbound.deliverKept(fresh.path)).isEqualTo(2);
    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L);
    assertThat(fresh.path.toGuestPackets()).isEqualTo(counted + 2);
  }

  /** A link that was down had its packets held: they come as held ones, to a paused guest too. */
  @Test
  void whatIsSentAgainToAPausedGuestIsReturnedAsWell() throws IOException {
    old.path.wayBack().queue(true);
    old.arrives(packet(1_000));
    fresh.path.wayBack().pause();
    old.path.wayBack().queue(false);
    assertThat(fresh.delivered()).isEmpty();
    holds();
    assertThat(takenBack()).isOne();
    assertThat(old.delivered()).containsExactly(1_000L);
  }

  @Test
  void oneThatComesAfterTheTakeBackStillReachesTheGuest() throws IOException {
    holds();
    assertThat(takenBack()).isZero();
    returned(packet(1_000));
    assertThat(old.delivered()).containsExactly(1_000L);
  }

  /** A redirector that was started anew does not know that it has held. */
  @Test
  void whatWasNotAskedForGoesToTheEndpointAgain() throws IOException {
    returned(packet(1_000));
    assertThat(fresh.delivered()).isEmpty();
    old.path.tend(1);
    assertThat(fresh.delivered()).containsExactly(1_000L);
  }

  @Test
  void nothingIsReturnedToAHostThatHasTheGuestAndHasNotHeld() throws IOException {
    assertThat(takenBack()).isZero();
    returned(packet(1_000));
    assertThat(old.path.drops().get(DropReason.WRONG_STATE)).isOne();
    assertThat(old.delivered()).isEmpty();
  }

  @Test
  void onlyPacketsForTheGuestAreTakenBack() {
    holds();
    IpAddress other = IpAddress.parse("10.1.0.99");
    for (PacketBuilder foreign :
        List.of(new PacketBuilder(Site.PEER, other), new PacketBuilder(Site.OLD, Site.OLD))) {
      returned(foreign.tcp(40_000, 80, 1, 1, PacketView.ACK, 1_000).payload(10));
    }
    assertThat(old.path.drops().get(DropReason.NOT_GRANTED)).isEqualTo(2);
    assertThat(old.path.held().packets()).isZero();
  }

  @Test
  void whatFindsNoRoomIsCounted() throws IOException {
    fresh.path.wayBack().pause();
    for (int i = 0; i < 1_010; i++) {
      old.arrives(packet(1_000 + i * 100L));
    }
    assertThat(fresh.path.held().packets()).isEqualTo(1_000); // of the host's budget
    assertThat(fresh.path.drops().get(DropReason.HOLD_FULL)).isEqualTo(10);
    assertThat(fresh.outbound.deliverKept(fresh.path)).isEqualTo(1_000);
    assertThat(fresh.delivered()).hasSize(1_000);
  }

  private void returned(PacketBuilder packet) {
    ByteBuf bytes = Unpooled.buffer(2048);
    packet.writeWithVnet(bytes);
    old.inbound.getFirst().onFrame(FrameType.RETURNED, bytes);
    bytes.release();
  }
}
