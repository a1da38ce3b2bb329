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
import dev.holdfast.tunnel.link.LoopbackLink;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;

/** One host's TUN and paths, without a kernel, a clock or a network. */
final class Site implements InboundPath.LinkEvents, AutoCloseable {
  static final IpAddress OLD = IpAddress.parse("10.1.0.10");
  static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  static final byte[] TOKEN = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

  static final Clock CLOCK =
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

  final MemoryTun tun = new MemoryTun("hf0", 1024);
  final DropCounters hostDrops = new DropCounters();
  final MigrationPath path;
  private final PathTable table = new PathTable();
  final OutboundPath outbound;

  /** What comes by each data connection. */
  final List<InboundPath> inbound;

  int markersSeen;

  Site(Role role, int connections) {
    this(role, connections, 0, StaleSyn.TUNNEL);
  }

  Site(Role role, int connections, long lastHeldId, StaleSyn stale) {
    path =
        new MigrationPath(
            new UUID(1, 2),
            role,
            List.of(OLD),
            TOKEN,
            new Decision(role, List.of(OLD), HoldPolicy.QUEUE, stale),
            1500,
            65_535,
            connections,
            new FlowTable(64, FlowTimers.DEFAULTS, 1),
            new HoldBudget(1000, 1 << 20),
            HoldLimits.of(1 << 20, 1_000_000_000L),
            lastHeldId);
    table.add(path);
    outbound = new OutboundPath(tun, table, UnpooledByteBufAllocator.DEFAULT, CLOCK, hostDrops);
    inbound =
        IntStream.range(0, connections)
            .mapToObj(lane -> new InboundPath(path, lane, tun, CLOCK, this, true))
            .toList();
  }

  /** Whom packets are shown to. */
  PathTable table() {
    return table;
  }

  /** Another guest, with this old address, is to come here as well. */
  void servesToo(IpAddress other) {
    table.add(
        new MigrationPath(
            new UUID(3, 4),
            Role.ENDPOINT,
            List.of(other),
            TOKEN,
            new Decision(Role.ENDPOINT, List.of(other), HoldPolicy.QUEUE, StaleSyn.TUNNEL),
            1500,
            65_535,
            1,
            new FlowTable(64, FlowTimers.DEFAULTS, 1),
            new HoldBudget(1000, 1 << 20),
            HoldLimits.of(1 << 20, 1_000_000_000L),
            0));
  }

  /** Connects one data connection of two hosts. */
  static LoopbackLink.Pair connect(Site a, Site b, int lane) {
    LoopbackLink.Pair pair = LoopbackLink.pair(a.inbound.get(lane), b.inbound.get(lane));
    a.path.linkUp(lane, pair.a(), pair.a());
    b.path.linkUp(lane, pair.b(), pair.b());
    return pair;
  }

  @Override
  public void linkDown(int lane, String reason) {
    path.linkDown(lane);
  }

  @Override
  public void markerSeen() {
    markersSeen++;
  }

  /** What the kernel gives us on the TUN. */
  void arrives(PacketBuilder packet) throws IOException {
    ByteBuf bytes = UnpooledByteBufAllocator.DEFAULT.buffer(2048);
    packet.writeWithVnet(bytes);
    assertThat(tun.inject(bytes)).isTrue();
    bytes.release();
    outbound.onReadable();
  }

  /** Sequence numbers of what we gave the kernel, in order. */
  List<Long> delivered() {
    List<Long> sequences = new ArrayList<>();
    PacketView view = new PacketView();
    for (ByteBuf packet = tun.take(); packet != null; packet = tun.take()) {
      assertThat(
              view.check(
                  packet, VirtioNetHeader.LENGTH, packet.readableBytes() - VirtioNetHeader.LENGTH))
          .isEqualTo(PacketFault.NONE);
      sequences.add(view.tcpSequence());
      packet.release();
    }
    return sequences;
  }

  /** The redirector: the guest is paused. */
  static void hold(Site old, Site fresh) {
    old.path.beginHold(CLOCK.nanoTime());
    fresh.path.enter(MigrationState.HOLDING);
  }

  /** The endpoint: the guest runs here now; how many packets it was given. */
  long release() {
    return path.deliverStaged(
        packet -> {
          try {
            tun.write(packet);
          } catch (IOException e) {
            throw new AssertionError(e);
          }
        },
        CLOCK.nanoTime());
  }

  /** The redirector hears of the release. */
  void redirect(Site fresh) {
    path.beginRedirect(fresh.path.deliveredUpTo(), CLOCK.nanoTime());
  }

  @Override
  public void close() {
    path.close();
    outbound.close();
  }
}
