package dev.holdfast.redirector.path;

import static dev.holdfast.redirector.path.Site.OLD;
import static dev.holdfast.redirector.path.Site.PEER;
import static dev.holdfast.redirector.path.Site.TOKEN;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.decide.DirectReturn;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.FlowEnd;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The guest's answers at the new host where they may leave there, and what the old host learns. */
class LeavingTest {
  private static final int ACK = PacketView.ACK;
  private final Site old = new Site(Role.REDIRECTOR, 1);
  private final Site fresh = new Site(Role.ENDPOINT, 1);

  @BeforeEach
  void moveTheGuest() throws IOException {
    Site.connect(old, fresh, 0);
    old.path.enter(MigrationState.ARMED);
    fresh.path.enter(MigrationState.ARMED);
    fresh.path.answer(new DirectReturn(List.of(OLD), List.of(IpPrefix.parse("10.1.0.0/24"))));
    Site.hold(old, fresh);
    old.arrives(toGuest(1_000, ACK));
    fresh.release();
    old.redirect(fresh);
    fresh.delivered();
  }

  @AfterEach
  void free() {
    old.close();
    fresh.close();
  }

  private static PacketBuilder toGuest(long sequence, int flags) {
    return new PacketBuilder(PEER, OLD).tcp(40_000, 80, sequence, 500, flags, 1_000).payload(100);
  }

  private static PacketBuilder fromGuest(long sequence, int flags) {
    return new PacketBuilder(OLD, PEER).tcp(80, 40_000, sequence, 1_100, flags, 1_000).payload(100);
  }

  private Flow atOldHost() {
    List<Flow> flows = new ArrayList<>();
    old.path.flows().forEach(flows::add);
    assertThat(flows).hasSize(1);
    return flows.getFirst();
  }

  @Test
  void firstAnswerTakesTheTunnelAndTheNextLeavesWithOneHopGivenBack() throws IOException {
    fresh.arrives(fromGuest(500, ACK));
    assertThat(fresh.tun.take()).isNull();
    assertThat(old.delivered()).containsExactly(500L);
    assertThat(atOldHost().wasHeard(Direction.FROM_GUEST)).isTrue();
    fresh.arrives(fromGuest(600, ACK).ttl(63));
    assertThat(old.tun.take()).isNull();
    ByteBuf left = Objects.requireNonNull(fresh.tun.take());
    var view = new PacketView();
    int length = left.readableBytes() - VirtioNetHeader.LENGTH;
    assertThat(view.check(left, VirtioNetHeader.LENGTH, length)).isEqualTo(PacketFault.NONE);
    assertThat(view.hopLimit()).isEqualTo(64);
    assertThat(view.source()).isEqualTo(OLD);
    assertThat(view.tcpSequence()).isEqualTo(600);
    left.release();
    assertThat(fresh.path.left.packets()).isEqualTo(1);
    assertThat(fresh.path.left.bytes()).isEqualTo(140);
    assertThat(fresh.path.fromGuestPackets()).as("tunnelled").isEqualTo(1);
  }

  @Test
  void oldHostSeesTheEndThoughItHasNotSeenTheMiddle() throws IOException {
    fresh.arrives(fromGuest(500, ACK));
    for (int i = 1; i <= 50; i++) {
      fresh.arrives(fromGuest(500 + 100L * i, ACK));
    }
    assertThat(fresh.path.left.packets()).isEqualTo(50);
    fresh.arrives(fromGuest(5_600, ACK | PacketView.FIN));
    old.arrives(
        new PacketBuilder(PEER, OLD)
            .tcp(40_000, 80, 1_100, 5_701, ACK | PacketView.FIN, 1_000)
            .payload(0));
    assertThat(atOldHost().isClosed()).as("the last FIN is not acknowledged").isFalse();
    fresh.arrives(
        new PacketBuilder(OLD, PEER).tcp(80, 40_000, 5_701, 1_101, ACK, 1_000).payload(0));
    assertThat(fresh.path.left.packets()).isEqualTo(50);
    assertThat(atOldHost().isClosed()).isTrue();
  }

  @Test
  void oldHostBelievesTheGuestsResetFarAheadOfWhatItHasSeen() throws IOException {
    fresh.arrives(fromGuest(500, ACK));
    for (int i = 1; i <= 50; i++) {
      fresh.arrives(fromGuest(500 + 100L * i, ACK));
    }
    fresh.arrives(fromGuest(5_600, ACK | PacketView.RST));
    assertThat(atOldHost().end()).isEqualTo(FlowEnd.RESET_BY_GUEST);
  }

  @Test
  void itStaysInTheTunnelTowardsAnotherGuestOfThisHost() throws IOException {
    fresh.servesToo(PEER);
    fresh.arrives(fromGuest(500, ACK));
    fresh.arrives(fromGuest(600, ACK));
    assertThat(fresh.path.left.packets()).isZero();
    assertThat(old.delivered()).containsExactly(500L, 600L);
  }

  @Test
  void probeIsKnownByItsToken() {
    for (String[] pair : new String[][] {{"10.1.0.10", "10.1.0.2"}, {"fd00:1::10", "fd00:1::2"}}) {
      ByteBuf packet =
          SpoofProbe.packet(IpAddress.parse(pair[0]), IpAddress.parse(pair[1]), TOKEN, 7);
      var view = new PacketView();
      int length = packet.readableBytes() - VirtioNetHeader.LENGTH;
      assertThat(view.check(packet, VirtioNetHeader.LENGTH, length)).isEqualTo(PacketFault.NONE);
      assertThat(SpoofProbe.is(view, TOKEN)).isTrue();
      assertThat(view.tcpFlags() & (PacketView.SYN | PacketView.RST | PacketView.FIN)).isZero();
      byte[] wrong = TOKEN.clone();
      wrong[15]++;
      assertThat(SpoofProbe.is(view, wrong)).isFalse();
      assertThat(SpoofProbe.is(view, new byte[16])).isFalse();
      packet.setByte(view.tcpPayloadStart(), 0);
      assertThat(SpoofProbe.is(view, TOKEN)).as("no magic").isFalse();
      packet.release();
    }
    for (PacketBuilder none : List.of(fromGuest(1, ACK), shortProbe())) {
      ByteBuf packet = Unpooled.directBuffer(256);
      int at = none.writeWithVnet(packet);
      var view = new PacketView();
      assertThat(view.check(packet, at, packet.writerIndex() - at)).isEqualTo(PacketFault.NONE);
      assertThat(SpoofProbe.is(view, TOKEN)).isFalse();
      packet.release();
    }
  }

  private static PacketBuilder shortProbe() {
    return new PacketBuilder(OLD, PEER).tcp(4754, 4754, 1, 1, ACK, 1_000).payload(31);
  }
}
