package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.LanInterface;
import dev.holdfast.redirector.capture.MemoryLan;
import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.OutboundPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One host of the {@link Rehearsal}: the packet paths of one role behind a device whose other end,
 * where the kernel would be, is in the rehearsal's hands.
 */
final class RehearsalSite implements InboundPath.LinkEvents, AutoCloseable {
  private static final int MAX_FLOWS = 256;
  private static final int HELD_PACKETS = 4096;
  private static final long HELD_BYTES = 16L << 20;
  private static final long HELD_NANOS = 60_000_000_000L;

  private static final int LAN_MTU = 1500;

  // locally administered, in use nowhere
  private static final MacAddress OWN_MAC = MacAddress.parse("02:00:5e:00:53:03");
  private static final MacAddress GUEST_MAC = MacAddress.parse("02:00:5e:00:53:04");
  private static final MacAddress PEER_MAC = MacAddress.parse("02:00:5e:00:53:05");

  private final DataLoop loop;
  private final Clock clock;
  private final TunDevice tun;
  private final TunDevice kernel;
  private final FdReadiness readiness;
  private final ByteBuf sent = PooledByteBufAllocator.DEFAULT.directBuffer(PacketDevice.READ_SIZE);
  private final ByteBuf frame = PooledByteBufAllocator.DEFAULT.directBuffer(PacketDevice.READ_SIZE);
  private final ByteBuf received =
      PooledByteBufAllocator.DEFAULT.directBuffer(PacketDevice.READ_SIZE);
  final MigrationPath path;
  final InboundPath inbound;
  private final OutboundPath outbound;
  private final MemoryLan lan;
  private final OutboundPath captured;
  private final DropCounters hostDrops = new DropCounters();
  private @Nullable Link live;

  RehearsalSite(Role role, List<IpAddress> guest, UUID id, DataLoop loop, Clock clock)
      throws IOException {
    this.loop = loop;
    this.clock = clock;
    List<TunDevice> pair = TunDevice.pair("rehearsal");
    tun = pair.getFirst();
    kernel = pair.getLast();
    path =
        new MigrationPath(
            id,
            role,
            guest,
            Rehearsal.TOKEN,
            new Decision(role, guest, HoldPolicy.QUEUE, StaleSyn.TUNNEL),
            1500,
            65_535,
            1,
            new FlowTable(MAX_FLOWS, FlowTimers.DEFAULTS, 1),
            new HoldBudget(HELD_PACKETS, HELD_BYTES),
            HoldLimits.of(HELD_BYTES, HELD_NANOS),
            0);
    var table = new PathTable();
    table.add(path);
    outbound = new OutboundPath(tun, table, PooledByteBufAllocator.DEFAULT, clock, hostDrops);
    inbound = new InboundPath(path, 0, tun, clock, this, true);
    lan =
        new MemoryLan(
            new LanInterface("rehearsal", OWN_MAC, LAN_MTU, List.of(), List.of()),
            clock,
            hostDrops);
    guest.forEach(each -> lan.pin(each, GUEST_MAC));
    captured =
        new OutboundPath(lan.device(), table, PooledByteBufAllocator.DEFAULT, clock, hostDrops);
    readiness = FdReadiness.register(loop.loop(), tun.fd(), this::readable);
  }

  private void readable() {
    try {
      outbound.onReadable();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The kernel has a packet for the tunnel. */
  void send(PacketBuilder packet) throws IOException {
    sent.clear();
    packet.writeWithVnet(sent);
    boolean unused = kernel.write(sent); // what finds no room was enough to do
  }

  /** Frames for the tunnel are captured. */
  void capture(List<PacketBuilder> packets) {
    loop.run(() -> {
      packets.forEach(packet -> lan.arrive(OWN_MAC, PEER_MAC, packet));
      try {
        captured.onReadable();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    });
  }

  /** Packets out of the tunnel go to the LAN as frames. */
  void sendFrames(List<PacketBuilder> packets) {
    loop.run(() -> {
      for (PacketBuilder packet : packets) {
        frame.clear();
        packet.writeWithVnet(frame);
        try {
          boolean unused = lan.device().write(frame);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
        for (ByteBuf sentFrame = lan.take(); sentFrame != null; sentFrame = lan.take()) {
          sentFrame.release();
        }
      }
    });
  }

  /** Takes what the paths have given to the kernel; returns how many packets. */
  int drain() throws IOException {
    int count = 0;
    while (kernel.read(received.clear()) > 0) {
      count++;
    }
    return count;
  }

  /** What takes this site's packets from IP-in-IP. */
  InboundPath ipInIp() {
    return new InboundPath(path, 0, tun, clock, this, false);
  }

  void hold() {
    loop.run(() -> path.beginHold(clock.nanoTime()));
  }

  /** Its data connection is up. */
  void connect(Link stage, Link carrier) {
    live = carrier;
    path.linkUp(0, stage, carrier);
    lan.limit(carrier.innerMtu()); // as a LAN's interface is told
  }

  /** The next guest is to be staged for. */
  void stage(Link link) {
    loop.run(() -> {
      path.enter(MigrationState.HOLDING);
      Link carrier = live;
      path.linkUp(0, link, carrier == null ? link : carrier);
    });
  }

  /** Returns up to which of the staged packets the guest has. */
  long release() {
    return loop.call(() -> {
      long unused = outbound.deliverStaged(path, () -> {});
      return path.deliveredUpTo().getFirst();
    });
  }

  void redirect(long deliveredUpTo) {
    loop.run(() -> path.beginRedirect(List.of(deliveredUpTo), clock.nanoTime()));
  }

  long staged() {
    return path.stagedTotal();
  }

  /** What was dropped, and why: nothing should be. */
  Map<String, Long> drops() {
    return loop.call(() -> {
      Map<String, Long> all = new TreeMap<>(path.drops().nonZero());
      hostDrops.nonZero().forEach((reason, count) -> all.merge(reason, count, Long::sum));
      return all;
    });
  }

  @Override
  public void close() {
    readiness.close();
    loop.run(() -> {
      outbound.close();
      captured.close();
      lan.close();
      frame.release();
      path.close();
      sent.release();
      received.release();
    });
    tun.close();
    kernel.close();
  }

  @Override
  public void linkDown(int lane, String reason) {}

  @Override
  public void markerSeen() {}
}
