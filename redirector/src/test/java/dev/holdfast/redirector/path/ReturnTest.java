package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.device.MemoryTun;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.link.LoopbackLink;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The redirector's packets while the endpoint is asked to give the address back. */
class ReturnTest {
  private static final IpAddress OLD = IpAddress.parse("10.1.0.10");
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");

  private final MemoryTun tun = new MemoryTun("hf0", 64);
  private final List<FrameType> sent = new ArrayList<>();
  private final MigrationPath path =
      new MigrationPath(
          new UUID(1, 2),
          Role.REDIRECTOR,
          List.of(OLD),
          new byte[16],
          new Decision(Role.REDIRECTOR, List.of(OLD), HoldPolicy.QUEUE, StaleSyn.TUNNEL),
          1500,
          65_535,
          1,
          new FlowTable(64, FlowTimers.DEFAULTS, 1),
          new HoldBudget(1000, 1 << 20),
          HoldLimits.of(1 << 20, 60_000_000_000L),
          100);
  private final PathTable table = new PathTable();
  private final OutboundPath outbound =
      new OutboundPath(
          tun, table, UnpooledByteBufAllocator.DEFAULT, SystemClock.INSTANCE, new DropCounters());

  /** Notes what comes. */
  private final class Recorder implements LinkReceiver {
    @Override
    public void onFrame(FrameType type, ByteBuf payload) {
      sent.add(type);
    }

    @Override
    public void onDown(String reason) {}
  }

  @BeforeEach
  void redirect() {
    table.add(path);
    LoopbackLink.Pair pair = LoopbackLink.pair(new Recorder(), new Recorder());
    path.linkUp(0, pair.a(), pair.a());
    path.enter(MigrationState.REDIRECTING);
  }

  @AfterEach
  void free() {
    path.close();
    outbound.close();
  }

  private void arrives(long sequence) throws IOException {
    ByteBuf bytes = Unpooled.buffer(2048);
    new PacketBuilder(PEER, OLD)
        .tcp(40_000, 80, sequence, 500, PacketView.ACK | PacketView.PSH, 1_000)
        .payload(100)
        .writeWithVnet(bytes);
    assertThat(tun.inject(bytes)).isTrue();
    outbound.onReadable();
  }

  private List<Long> given() {
    List<Long> sequences = new ArrayList<>();
    var view = new PacketView();
    for (ByteBuf packet = tun.take(); packet != null; packet = tun.take()) {
      var unused =
          view.check(
              packet, VirtioNetHeader.LENGTH, packet.readableBytes() - VirtioNetHeader.LENGTH);
      sequences.add(view.tcpSequence());
      packet.release();
    }
    return sequences;
  }

  @Test
  void nothingIsSentWhileItIsAskedAndAllOfItAfterARefusal() throws IOException {
    arrives(1_000);
    path.wayBack().queue(true);
    arrives(1_100);
    arrives(1_200);
    path.tend(SystemClock.INSTANCE.nanoTime());
    assertThat(sent).containsExactly(FrameType.PACKET);
    assertThat(path.hold().packets()).isEqualTo(2);

    path.wayBack().queue(false);
    arrives(1_300);
    assertThat(sent)
        .containsExactly(
            FrameType.PACKET, FrameType.STAGE, FrameType.STAGE, FrameType.MARKER, FrameType.PACKET);
    assertThat(given()).isEmpty();
  }

  @Test
  void theGuestGetsWhatTheEndpointHasNotDelivered() throws IOException {
    path.wayBack().queue(true);
    arrives(1_000);
    path.wayBack().queue(false);
    path.wayBack().queue(true);
    arrives(1_100);
    arrives(1_200);
    path.delivered(List.of(101L));
    path.enter(MigrationState.ROLLED_BACK);
    assertThat(outbound.reinject(path)).isEqualTo(2);
    arrives(1_300);
    assertThat(given()).containsExactly(1_100L, 1_200L, 1_300L);
  }

  @Test
  void theGuestsSilenceIsCountedFromItsLastPacket() {
    assertThat(path.flows().guestSilence(50)).isEqualTo(Long.MAX_VALUE);
    ByteBuf bytes = Unpooled.buffer();
    int at =
        new PacketBuilder(OLD, PEER)
            .tcp(80, 40_000, 1, 1, PacketView.ACK, 1_000)
            .payload(1)
            .write(bytes);
    var view = new PacketView();
    assertThat(view.check(bytes, at, bytes.writerIndex() - at)).isEqualTo(PacketFault.NONE);
    path.flows().seen(view, Direction.FROM_GUEST, 100, Origin.SEEN);
    assertThat(path.flows().guestSilence(150)).isEqualTo(50);
  }
}
