package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.device.MemoryTun;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.link.LoopbackLink;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Both packet paths of both hosts, without a kernel.
 *
 * <pre>
 * old TUN - OutboundPath - link - InboundPath - new TUN
 *         - InboundPath  - link - OutboundPath -
 * </pre>
 */
class BothPathsTest {
  private static final IpAddress OLD = IpAddress.parse("10.1.0.10");
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final byte[] TOKEN = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

  private static final Clock CLOCK =
      new Clock() {
        @Override
        public long nanoTime() {
          return 1_000;
        }

        @Override
        public long epochNanos() {
          return 1_000;
        }
      };

  private final ByteBufAllocator allocator = UnpooledByteBufAllocator.DEFAULT;
  private final Site old = new Site(Role.REDIRECTOR);
  private final Site fresh = new Site(Role.ENDPOINT);
  private final List<Long> markersAnswered = new ArrayList<>();

  /** One host's TUN and paths. */
  private final class Site implements InboundPath.LinkEvents {
    final MemoryTun tun = new MemoryTun("hf0", 1024);
    final DropCounters hostDrops = new DropCounters();
    final PathTable table = new PathTable();
    final MigrationPath path;
    final OutboundPath outbound;
    final InboundPath inbound;

    Site(Role role) {
      this(role, 0, StaleSyn.TUNNEL);
    }

    Site(Role role, long lastHeldId, StaleSyn stale) {
      path =
          new MigrationPath(
              new UUID(1, 2),
              role,
              List.of(OLD),
              TOKEN,
              new Decision(role, List.of(OLD), HoldPolicy.QUEUE, stale),
              1500,
              new FlowTable(64, FlowTimers.DEFAULTS, 1),
              new HoldBudget(1000, 1 << 20),
              HoldLimits.of(1 << 20, 1_000_000_000L),
              lastHeldId);
      table.add(path);
      outbound = new OutboundPath(tun, table, allocator, CLOCK, hostDrops);
      inbound = new InboundPath(path, tun, CLOCK, this, true);
    }

    @Override
    public void linkDown(String reason) {
      path.linkDown();
    }

    @Override
    public void markerAnswered(long marker) {
      markersAnswered.add(marker);
    }

    @Override
    public void markerSeen(long marker) {}

    /** What the kernel gives us on the TUN. */
    void arrives(PacketBuilder packet) throws IOException {
      ByteBuf bytes = allocator.buffer(2048);
      packet.writeWithVnet(bytes);
      assertThat(tun.inject(bytes)).isTrue();
      outbound.onReadable();
    }

    /** Sequence numbers of what we gave the kernel, in order. */
    List<Long> delivered() {
      List<Long> sequences = new ArrayList<>();
      PacketView view = new PacketView();
      for (ByteBuf packet = tun.take(); packet != null; packet = tun.take()) {
        assertThat(
                view.check(
                    packet,
                    VirtioNetHeader.LENGTH,
                    packet.readableBytes() - VirtioNetHeader.LENGTH))
            .isEqualTo(PacketFault.NONE);
        sequences.add(view.tcpSequence());
        packet.release();
      }
      return sequences;
    }
  }

  @BeforeEach
  void connect() {
    connectBoth();
    old.path.enter(MigrationState.ARMED);
    fresh.path.enter(MigrationState.ARMED);
  }

  private void connectBoth() {
    LoopbackLink.Pair pair = LoopbackLink.pair(old.inbound, fresh.inbound);
    old.path.linkUp(pair.a(), pair.a());
    fresh.path.linkUp(pair.b(), pair.b());
  }

  @AfterEach
  void free() {
    old.path.close();
    fresh.path.close();
    old.outbound.close();
    fresh.outbound.close();
  }

  private static PacketBuilder toGuest(long sequence) {
    return new PacketBuilder(PEER, OLD)
        .tcp(40_000, 80, sequence, 500, PacketView.ACK | PacketView.PSH, 1_000)
        .payload(100);
  }

  private static PacketBuilder fromGuest(long sequence) {
    return new PacketBuilder(OLD, PEER)
        .tcp(80, 40_000, sequence, 1_000, PacketView.ACK | PacketView.PSH, 1_000)
        .payload(100);
  }

  private void hold() {
    old.path.beginHold(CLOCK.nanoTime());
    fresh.path.enter(MigrationState.HOLDING);
  }

  private long release() {
    long delivered =
        fresh.path.deliverStaged(
            packet -> {
              try {
                fresh.tun.write(packet);
              } catch (IOException e) {
                throw new AssertionError(e);
              }
            },
            CLOCK.nanoTime());
    old.path.beginRedirect(fresh.path.deliveredUpTo(), CLOCK.nanoTime());
    return delivered;
  }

  @Test
  void whatIsHeldIsStagedAndDeliveredAtRelease() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    old.arrives(toGuest(1_100));
    old.arrives(toGuest(1_200));
    assertThat(fresh.delivered()).isEmpty();
    assertThat(fresh.path.staging().packets()).isEqualTo(3);

    assertThat(release()).isEqualTo(3);

    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L, 1_200L);
  }

  @Test
  void livePacketsFollowInOrder() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    release();
    old.arrives(toGuest(1_100));
    old.arrives(toGuest(1_200));

    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L, 1_200L);
    assertThat(old.path.toGuestPackets()).isEqualTo(2);
  }

  @Test
  void aPacketThatIsStagedAfterReleaseIsDeliveredAtOnce() throws IOException {
    hold();
    fresh.path.deliverStaged(packet -> {}, CLOCK.nanoTime());
    old.arrives(toGuest(1_000)); // the redirector does not know of the release yet

    assertThat(fresh.delivered()).containsExactly(1_000L);
  }

  @Test
  void theGuestsAnswersGoBackAndOutAtTheOldSite() throws IOException {
    hold();
    release();
    fresh.arrives(fromGuest(500));

    assertThat(old.delivered()).containsExactly(500L);
    assertThat(old.path.fromGuestPackets()).isEqualTo(1);
  }

  @Test
  void aRetransmissionTakesThePlaceOfWhatWasStaged() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    old.arrives(toGuest(1_100));
    old.arrives(toGuest(1_000));

    assertThat(release()).isEqualTo(2);
    assertThat(fresh.delivered()).containsExactly(1_100L, 1_000L);
    assertThat(old.path.hold().replaced()).isEqualTo(1);
  }

  @Test
  void whileTheLinkIsDownPacketsAreHeldAndFollowInOrder() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    release();
    fresh.delivered();
    old.path.linkDown();
    fresh.path.linkDown();
    old.arrives(toGuest(1_100));
    old.arrives(toGuest(1_200));
    assertThat(fresh.delivered()).isEmpty();

    connectBoth();
    old.path.catchUp();
    old.arrives(toGuest(1_300));

    assertThat(fresh.delivered()).containsExactly(1_100L, 1_200L, 1_300L);
    assertThat(old.path.drops().total()).isZero();
  }

  @Test
  void whatWasStagedBeforeTheLinkWentDownIsStagedAgain() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    old.path.linkDown();
    fresh.path.linkDown();
    old.arrives(toGuest(1_100));
    connectBoth();
    old.path.catchUp();

    assertThat(release()).isEqualTo(2);
    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L);
  }

  @Test
  void aRestartedRedirectorStagesBehindWhatTheEndpointHas() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    old.arrives(toGuest(1_100));
    var restarted = new Site(Role.REDIRECTOR, 1_000_000, StaleSyn.TUNNEL);
    LoopbackLink.Pair pair = LoopbackLink.pair(restarted.inbound, fresh.inbound);
    restarted.path.linkUp(pair.a(), pair.a());
    fresh.path.linkUp(pair.b(), pair.b());
    restarted.path.beginHold(CLOCK.nanoTime());
    restarted.arrives(toGuest(1_200));

    assertThat(release()).isEqualTo(3);
    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L, 1_200L);
    restarted.path.close();
    restarted.outbound.close();
  }

  @Test
  void aNewConnectionIsRejectedWhileDrainingWhereTheConfigSaysSo() throws IOException {
    var strict = new Site(Role.REDIRECTOR, 0, StaleSyn.REJECT);
    strict.path.enter(MigrationState.DRAINING);
    strict.arrives(new PacketBuilder(PEER, OLD).tcp(40_001, 80, 7, 0, PacketView.SYN, 1_000));

    ByteBuf answer = Objects.requireNonNull(strict.tun.take());
    PacketView view = new PacketView();
    assertThat(
            view.check(
                answer, VirtioNetHeader.LENGTH, answer.readableBytes() - VirtioNetHeader.LENGTH))
        .isEqualTo(PacketFault.NONE);
    assertThat(view.source()).isEqualTo(OLD);
    assertThat(view.destination()).isEqualTo(PEER);
    assertThat(view.sourcePort()).isEqualTo(80);
    assertThat(view.destinationPort()).isEqualTo(40_001);
    assertThat(view.tcpFlags()).isEqualTo(PacketView.RST | PacketView.ACK);
    assertThat(view.tcpAcknowledgment()).isEqualTo(8);
    assertThat(strict.path.drops().nonZero()).containsEntry("stale-syn", 1L).hasSize(1);
    answer.release();
    strict.arrives(new PacketBuilder(PEER, OLD).udp(5_000, 53).payload(20));
    assertThat(strict.tun.take()).as("a reset is no answer to a datagram").isNull();
    assertThat(strict.path.drops().nonZero()).containsEntry("stale-syn", 2L);
    strict.path.close();
    strict.outbound.close();
  }

  @Test
  void aMarkerIsAnsweredAfterWhatWasSentBefore() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    release();
    old.path.mark(77);
    old.path.delivered(old.path.sentUpTo());

    assertThat(markersAnswered).containsExactly(77L);
    assertThat(old.path.hold().packets()).isZero();
  }

  @Test
  void rolledBackTheGuestGetsWhatWasHeldOnce() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    old.arrives(toGuest(1_100));
    long count =
        old.path.reinject(packet -> {
          try {
            old.tun.write(packet);
          } catch (IOException e) {
            throw new AssertionError(e);
          }
        });
    old.path.enter(MigrationState.ROLLED_BACK);

    assertThat(count).isEqualTo(2);
    assertThat(old.delivered()).containsExactly(1_000L, 1_100L);
    assertThat(old.path.hold().packets()).isZero();
  }

  @Test
  void aProbeIsAnsweredAndNeverDelivered() {
    List<Long> answers = new ArrayList<>();
    old.path.listenToProbes(answers::add);
    assertThat(old.path.probe(OLD, 5, 1_400)).isTrue();

    assertThat(answers).containsExactly(5L);
    assertThat(fresh.delivered()).isEmpty();
    assertThat(old.delivered()).isEmpty();
  }

  @Test
  void aProbeWithAnotherTokenIsAPacketLikeAnyOther() {
    ByteBuf forged = Probe.request(OLD, new byte[16], 5, 100);
    fresh.inbound.onFrame(FrameType.PACKET, forged);
    forged.release();

    assertThat(fresh.path.drops().total()).isEqualTo(1);
    assertThat(fresh.delivered()).isEmpty();
  }

  @Test
  void whatWasNotGrantedIsDroppedAndCounted() {
    hold();
    release();
    ByteBuf foreign = allocator.buffer(2048);
    new PacketBuilder(PEER, IpAddress.parse("10.1.0.11"))
        .tcp(1, 2, 3, 4, PacketView.ACK, 5)
        .writeWithVnet(foreign);
    fresh.inbound.onFrame(FrameType.PACKET, foreign.duplicate());
    ByteBuf staged = Unpooled.wrappedBuffer(Unpooled.buffer(8).writeLong(9), foreign);
    fresh.inbound.onFrame(FrameType.STAGE, staged);
    staged.release();

    assertThat(fresh.path.drops().get(DropReason.NOT_GRANTED)).isEqualTo(2);
    assertThat(fresh.delivered()).isEmpty();
  }

  @Test
  void theLateEndOfAnEarlierLinkLeavesTheNewOneAlone() throws IOException {
    LoopbackLink.Pair first = LoopbackLink.pair(old.inbound, fresh.inbound);
    fresh.path.linkUp(first.b(), first.b());
    LoopbackLink.Pair second = LoopbackLink.pair(old.inbound, fresh.inbound);
    fresh.path.linkUp(
        second.b(), second.b()); // the endpoint has not noticed that the first is dead
    old.path.linkUp(second.a(), second.a());
    first.a().close();

    hold();
    release();
    fresh.arrives(fromGuest(500));

    assertThat(fresh.path.isLinkUp()).isTrue();
    assertThat(old.delivered()).containsExactly(500L);
  }

  @Test
  void whatFoundNoRoomAtTheEndpointFollowsAtRelease() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    old.arrives(toGuest(1_100));
    old.arrives(toGuest(1_200));
    long first = old.path.hold().lastId() - 2;
    assertThat(fresh.path.staging().remove(first + 1)).isTrue(); // as if it had not been kept
    assertThat(fresh.path.staging().remove(first + 2)).isTrue();

    release();

    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L, 1_200L);
    assertThat(old.path.stagedTotal()).as("each is counted once").isEqualTo(3);
  }

  @Test
  void whatTheKernelMergedOnIpInIpIsASuperPacketAgain() throws IOException {
    hold();
    release();
    var ipInIp = new InboundPath(fresh.path, fresh.tun, CLOCK, fresh, false);
    ByteBuf merged = allocator.directBuffer(8192);
    toGuest(1_000).payload(4_000).writeWithVnet(merged);
    ipInIp.onFrame(FrameType.PACKET, merged);
    merged.release();

    ByteBuf given = java.util.Objects.requireNonNull(fresh.tun.take());
    assertThat(VirtioNetHeader.gsoType(given, 0)).isEqualTo(VirtioNetHeader.GSO_TCPV4);
    given.release();
  }

  @Test
  void nothingIsDeliveredBeforeRelease() {
    hold();
    ByteBuf early = allocator.buffer(2048);
    toGuest(1).writeWithVnet(early);
    fresh.inbound.onFrame(FrameType.PACKET, early);
    early.release();

    assertThat(fresh.path.drops().get(DropReason.WRONG_STATE)).isEqualTo(1);
    assertThat(fresh.delivered()).isEmpty();
  }

  @Test
  void garbageInFramesIsCountedAndHarmsNothing() {
    hold();
    java.util.Random random = new java.util.Random(7);
    FrameType[] types = FrameType.values();
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = new byte[random.nextInt(120)];
      random.nextBytes(bytes);
      if (bytes.length > 12) {
        bytes[10] = (byte) (random.nextBoolean() ? 0x45 : 0x60);
      }
      ByteBuf frame = Unpooled.wrappedBuffer(bytes);
      LinkReceiver to = random.nextBoolean() ? fresh.inbound : old.inbound;
      to.onFrame(types[random.nextInt(types.length)], frame);
      frame.release();
    }
    assertThat(fresh.delivered()).isEmpty();
    assertThat(fresh.path.drops().total()).isPositive();
  }

  @Test
  void packetsOfNoMigrationAreCounted() throws IOException {
    old.arrives(
        new PacketBuilder(PEER, IpAddress.parse("10.1.0.99")).tcp(1, 2, 3, 4, PacketView.ACK, 5));

    assertThat(old.hostDrops.get(DropReason.NO_MIGRATION)).isEqualTo(1);
  }
}
