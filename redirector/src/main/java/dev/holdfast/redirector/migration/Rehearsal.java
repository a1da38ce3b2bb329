package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.OutboundPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.tunnel.device.MemoryTun;
import dev.holdfast.tunnel.link.LoopbackLink;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.List;
import java.util.UUID;

/**
 * Holds, stages, releases and answers made-up packets at arm, through the real packet paths of both
 * roles on devices and queues that are thrown away, so that no class is loaded and nothing runs for
 * the first time when a guest waits.
 */
final class Rehearsal {
  private static final int ROUNDS = 12;
  private static final int PACKETS = 100;
  private static final IpAddress GUEST = IpAddress.parse("192.0.2.1"); // RFC 5737: documentation
  private static final IpAddress PEER = IpAddress.parse("198.51.100.1");

  private Rehearsal() {}

  /** One host of the play. */
  private static final class Site implements InboundPath.LinkEvents {
    final MemoryTun tun = new MemoryTun("rehearsal", 2 * PACKETS);
    final DropCounters drops = new DropCounters();
    final MigrationPath path;
    final OutboundPath outbound;
    final InboundPath inbound;

    Site(Role role, Clock clock) {
      path =
          new MigrationPath(
              new UUID(0, 0),
              role,
              List.of(GUEST),
              new byte[16],
              new Decision(role, List.of(GUEST), HoldPolicy.QUEUE, StaleSyn.TUNNEL),
              1500,
              new FlowTable(64, FlowTimers.DEFAULTS, 1),
              new HoldBudget(PACKETS, 1 << 20),
              HoldLimits.of(1 << 20, 1_000_000_000L));
      PathTable table = new PathTable();
      table.add(path);
      outbound = new OutboundPath(tun, table, PooledByteBufAllocator.DEFAULT, clock, drops);
      inbound = new InboundPath(path, tun, clock, this, true);
    }

    /** What the kernel would give, taken to the link. */
    void carry(PacketBuilder packet) throws IOException {
      ByteBuf bytes = Unpooled.directBuffer(512);
      packet.writeWithVnet(bytes);
      if (!tun.inject(bytes)) {
        bytes.release();
      }
      outbound.onReadable();
    }

    void empty() {
      for (ByteBuf packet = tun.take(); packet != null; packet = tun.take()) {
        packet.release();
      }
    }

    void close() {
      empty();
      outbound.close();
      path.close();
    }

    @Override
    public void linkDown(String reason) {}

    @Override
    public void markerAnswered(long marker) {}

    @Override
    public void markerSeen(long marker) {}
  }

  static void run(Clock clock) {
    try {
      for (int round = 0; round < ROUNDS; round++) {
        play(clock);
      }
    } catch (IOException e) {
      throw new IllegalStateException("the rehearsal failed: " + e.getMessage(), e);
    }
  }

  private static void play(Clock clock) throws IOException {
    Site old = new Site(Role.REDIRECTOR, clock);
    Site fresh = new Site(Role.ENDPOINT, clock);
    LoopbackLink.Pair pair = LoopbackLink.pair(old.inbound, fresh.inbound);
    old.path.linkUp(pair.a(), pair.a());
    fresh.path.linkUp(pair.b(), pair.b());
    old.path.beginHold(clock.nanoTime());
    fresh.path.enter(MigrationState.HOLDING);
    for (int i = 0; i < PACKETS; i++) {
      old.carry(toGuest(i));
    }
    long unused = fresh.path.deliverStaged(packet -> write(fresh, packet), clock.nanoTime());
    for (int i = 0; i < PACKETS; i++) {
      fresh.carry(fromGuest(i));
      old.empty();
      fresh.empty();
    }
    old.path.beginRedirect(fresh.path.deliveredUpTo(), clock.nanoTime());
    old.path.mark(1);
    for (int i = PACKETS; i < 2 * PACKETS; i++) {
      old.carry(toGuest(i));
      old.empty();
      fresh.empty();
    }
    old.close();
    fresh.close();
  }

  private static void write(Site site, ByteBuf packet) {
    try {
      boolean unused = site.tun.write(packet);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static PacketBuilder toGuest(int i) {
    return new PacketBuilder(PEER, GUEST)
        .tcp(4000 + i % 8, 80, 1_000L + 10L * (i / 8), 1, PacketView.ACK, 1_000)
        .payload(10);
  }

  private static PacketBuilder fromGuest(int i) {
    return new PacketBuilder(GUEST, PEER)
        .tcp(80, 4000 + i % 8, 1 + 10L * (i / 8), 1_000, PacketView.ACK, 1_000)
        .payload(10);
  }
}
