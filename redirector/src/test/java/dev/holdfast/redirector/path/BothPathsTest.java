package dev.holdfast.redirector.path;

import static dev.holdfast.redirector.path.Site.OLD;
import static dev.holdfast.redirector.path.Site.PEER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.link.LoopbackLink;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
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
  private final ByteBufAllocator allocator = UnpooledByteBufAllocator.DEFAULT;
  private final Site old = new Site(Role.REDIRECTOR, 1);
  private final Site fresh = new Site(Role.ENDPOINT, 1);

  @BeforeEach
  void connect() {
    connectBoth();
    old.path.enter(MigrationState.ARMED);
    fresh.path.enter(MigrationState.ARMED);
  }

  private void connectBoth() {
    Site.connect(old, fresh, 0);
  }

  @AfterEach
  void free() {
    old.close();
    fresh.close();
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
    Site.hold(old, fresh);
  }

  private long release() {
    long delivered = fresh.release();
    old.redirect(fresh);
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
    fresh.path.deliverStaged(packet -> {}, Site.CLOCK.nanoTime());
    old.arrives(toGuest(1_000)); // the redirector does not know of the release yet

    assertThat(fresh.delivered()).containsExactly(1_000L);
  }

  /** RFC 1812 section 5.3.1: what may not be forwarded is dropped; here nobody is told. */
  @Test
  void whatWouldBeUsedUpAtTheEndpointGoesNoFurther() throws IOException {
    hold();
    release();
    old.arrives(toGuest(1_000).ttl(1));
    old.arrives(toGuest(1_100).ttl(2));
    assertThat(fresh.delivered()).containsExactly(1_100L);
    assertThat(fresh.path.drops().get(DropReason.TTL_EXCEEDED)).isOne();

    fresh.path.keepTtl(true);
    old.arrives(toGuest(1_200).ttl(1));
    old.arrives(toGuest(1_300).ttl(0));
    assertThat(fresh.delivered()).containsExactly(1_200L);
    assertThat(fresh.path.drops().get(DropReason.TTL_EXCEEDED)).isEqualTo(2);
  }

  /** It may be for the redirector itself, where it may arrive with 1: the kernel tells. */
  @Test
  void whatComesFromTheGuestWithOneHopLeftIsForTheKernelToJudge() throws IOException {
    hold();
    release();
    fresh.arrives(fromGuest(500).ttl(1));
    assertThat(old.delivered()).containsExactly(500L);
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
    old.path.linkDown(0);
    fresh.path.linkDown(0);
    old.arrives(toGuest(1_100));
    old.arrives(toGuest(1_200));
    assertThat(fresh.delivered()).isEmpty();

    connectBoth();
    old.path.catchUp(0);
    old.arrives(toGuest(1_300));

    assertThat(fresh.delivered()).containsExactly(1_100L, 1_200L, 1_300L);
    assertThat(old.path.drops().total()).isZero();
  }

  @Test
  void whatWasStagedBeforeTheLinkWentDownIsStagedAgain() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    old.path.linkDown(0);
    fresh.path.linkDown(0);
    old.arrives(toGuest(1_100));
    connectBoth();
    old.path.catchUp(0);

    assertThat(release()).isEqualTo(2);
    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L);
  }

  @Test
  void aRestartedRedirectorStagesBehindWhatTheEndpointHas() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    old.arrives(toGuest(1_100));
    var restarted = new Site(Role.REDIRECTOR, 1, 1_000_000, StaleSyn.TUNNEL);
    Site.connect(restarted, fresh, 0);
    restarted.path.beginHold(Site.CLOCK.nanoTime());
    restarted.arrives(toGuest(1_200));

    assertThat(release()).isEqualTo(3);
    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L, 1_200L);
    restarted.close();
  }

  @Test
  void aNewConnectionIsRejectedWhileDrainingWhereTheConfigSaysSo() throws IOException {
    var strict = new Site(Role.REDIRECTOR, 1, 0, StaleSyn.REJECT);
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
    strict.close();
  }

  @Test
  void aMarkerFollowsTheReleaseAndItsAnswerLetsTheCopiesGo() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    assertThat(old.path.hold().packets()).isEqualTo(1);
    release();

    assertThat(fresh.markersSeen).isEqualTo(1);
    assertThat(old.path.hold().packets()).isZero();
  }

  @Test
  void theEndpointLearnsThatItsReleaseIsKnownWhereNothingWasHeldToo() {
    hold();
    release();
    assertThat(fresh.markersSeen).isEqualTo(1);
    old.path.mark(); // it has asked again

    assertThat(fresh.markersSeen).isEqualTo(2);
  }

  @Test
  void theAnswerToAMarkerSpeaksOfWhatWasSentBeforeItAlone() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    old.arrives(toGuest(1_100));
    release();
    Site.connect(old, fresh, 0);
    old.path.linkDown(0); // what follows is held, and not sent
    old.arrives(toGuest(1_200));
    old.arrives(toGuest(1_300));
    long last = old.path.hold().lastId();
    answer(last - 2);
    assertThat(old.path.hold().packets()).isEqualTo(2);
    answer(last); // of what it has never been sent: it is not believed

    assertThat(old.path.hold().packets()).isEqualTo(2);
  }

  @Test
  void beforeReleaseNoAnswerTakesACopyAway() throws IOException {
    hold();
    old.arrives(toGuest(1_000));
    answer(old.path.hold().lastId());

    assertThat(old.path.hold().packets()).isEqualTo(1);
  }

  private void answer(long upTo) {
    ByteBuf answer = Lane.number(upTo);
    old.inbound.getFirst().onFrame(FrameType.MARKER_REPLY, answer);
    answer.release();
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
    fresh.inbound.getFirst().onFrame(FrameType.PACKET, forged);
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
    fresh.inbound.getFirst().onFrame(FrameType.PACKET, foreign.duplicate());
    ByteBuf staged = Unpooled.wrappedBuffer(Unpooled.buffer(8).writeLong(9), foreign);
    fresh.inbound.getFirst().onFrame(FrameType.STAGE, staged);
    staged.release();

    assertThat(fresh.path.drops().get(DropReason.NOT_GRANTED)).isEqualTo(2);
    assertThat(fresh.delivered()).isEmpty();
  }

  @Test
  void theLateEndOfAnEarlierLinkLeavesTheNewOneAlone() throws IOException {
    LoopbackLink.Pair first = LoopbackLink.pair(old.inbound.getFirst(), fresh.inbound.getFirst());
    fresh.path.linkUp(0, first.b(), first.b());
    connectBoth(); // the endpoint has not noticed that the first is dead
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
    assertThat(fresh.path.staging().remove(first + 1, 0)).isTrue(); // as if it had not been kept
    assertThat(fresh.path.staging().remove(first + 2, 0)).isTrue();

    release();

    assertThat(fresh.delivered()).containsExactly(1_000L, 1_100L, 1_200L);
    assertThat(old.path.stagedTotal()).as("each is counted once").isEqualTo(3);
  }

  @Test
  void whatTheKernelMergedOnIpInIpIsASuperPacketAgain() throws IOException {
    hold();
    release();
    var ipInIp = new InboundPath(fresh.path, 0, fresh.tun, Site.CLOCK, fresh, false);
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
    fresh.inbound.getFirst().onFrame(FrameType.PACKET, early);
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
      LinkReceiver to = (random.nextBoolean() ? fresh : old).inbound.getFirst();
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
