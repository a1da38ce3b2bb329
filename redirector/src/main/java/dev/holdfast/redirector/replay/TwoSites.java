package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.replay.Machine.Place;
import dev.holdfast.redirector.replay.Points.Point;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Two sites with a host each, the network between them, and guests that move from one to the other.
 *
 * <pre>
 * peers -- old site: guests before their pause | old host ==WAN== new host | guests after it
 * </pre>
 *
 * <p>The daemons' own words (hold, flows, release) take as long as packets do. What their kernels
 * do is done here: routing to the TUN or the guest, and nothing else.
 */
final class TwoSites implements Sites {
  // RFC 5737: the hosts' own addresses
  static final IpAddress OLD_HOST = IpAddress.parse("192.0.2.1");
  static final IpAddress NEW_HOST = IpAddress.parse("203.0.113.1");

  private static final long LAN_NANOS = 50_000;
  private static final long SETTLED_NANOS = 10_000_000_000L;
  private static final long DRAIN_NANOS = 10_000_000_000L;
  private static final long TICK_NANOS = 200_000_000; // as the daemon's

  private final ReplayOptions options;
  private final VirtualTime time;
  private final Points points;
  private final Arrivals arrivals;
  private final ReplayHost old;
  private final ReplayHost fresh;
  private final Wan there;
  private final Wan back;
  private final List<Machine> machines = new ArrayList<>();
  private final List<MigrationPath> atOld = new ArrayList<>();
  private final List<MigrationPath> atFresh = new ArrayList<>();
  private final List<FrameWire> wires = new ArrayList<>();
  private final PacketView view = new PacketView();
  private final VirtualTime.Line peers;
  private final VirtualTime.Line lan;
  private final Wan.Stream control;
  private final Wan.Stream controlBack;
  private boolean ticking;
  private boolean over;

  /** Takes what arrives at the ends. */
  interface Arrivals {
    /**
     * @param packet {@code [virtio_net_hdr][IP packet]}; no reference is kept
     * @param at whom it has reached; null: a peer
     */
    void arrived(ByteBuf packet, @Nullable Machine at);
  }

  TwoSites(ReplayOptions options, VirtualTime time, Points points, Arrivals arrivals) {
    this.options = options;
    this.time = time;
    this.points = points;
    this.arrivals = arrivals;
    var random = new SplittableRandom(options.seed());
    there = new Wan(time, options.wan(), random.split());
    back = new Wan(time, options.wan(), random.split());
    peers = time.line(options.peerDelayNanos());
    lan = time.line(LAN_NANOS);
    control = there.stream();
    controlBack = back.stream();
    old =
        new ReplayHost(
            Role.REDIRECTOR,
            options,
            time,
            OLD_HOST,
            NEW_HOST,
            outer(there, Point.TUNNEL, packet -> receivesAt(true, packet)),
            this::leavesOldHost);
    fresh =
        new ReplayHost(
            Role.ENDPOINT,
            options,
            time,
            NEW_HOST,
            OLD_HOST,
            outer(back, Point.TUNNEL_BACK, packet -> receivesAt(false, packet)),
            this::leavesNewHost);
    for (GuestPlan plan : options.guests()) {
      arm(new Machine(machines.size(), plan));
    }
  }

  private void receivesAt(boolean newHost, ByteBuf packet) {
    (newHost ? fresh : old).receives(packet);
  }

  private Consumer<ByteBuf> outer(Wan way, Point point, Consumer<ByteBuf> to) {
    return packet -> {
      show(point, packet, packet.readerIndex(), packet.readableBytes());
      way.packet(packet, to);
    };
  }

  private void show(Point point, ByteBuf bytes, int from, int length) {
    if (over) {
      return;
    }
    points.seen(point, time.epochNanos(), bytes, from, length);
  }

  // ---- the life of a migration ----

  private void arm(Machine machine) {
    // What the path between the hosts takes has been measured at arm.
    int innerMtu = options.byIpInIp() ? options.wan().mtu() - IpInIp.outerLength(NEW_HOST) : 1_500;
    MigrationPath a = old.path(machine, innerMtu);
    MigrationPath b = fresh.path(machine, innerMtu);
    machines.add(machine);
    atOld.add(a);
    atFresh.add(b);
    if (options.byIpInIp()) {
      old.dispatch().link(a, NEW_HOST, innerMtu);
      fresh.dispatch().link(b, OLD_HOST, innerMtu);
      old.dispatch().add(a, inbound(a, 0, old, false));
      fresh.dispatch().add(b, inbound(b, 0, fresh, false));
    }
    for (int lane = 0; lane < options.connections(); lane++) {
      FrameWire wire =
          new FrameWire(
              inbound(a, lane, old, true),
              inbound(b, lane, fresh, true),
              there,
              back,
              (byOld, bytes) ->
                  show(
                      byOld ? Point.TUNNEL : Point.TUNNEL_BACK,
                      bytes,
                      bytes.readerIndex(),
                      options.byIpInIp() ? 0 : bytes.readableBytes()));
      wires.add(wire);
      a.linkUp(
          lane,
          wire.atOld(),
          options.byIpInIp() ? old.dispatch().link(a, NEW_HOST, innerMtu) : wire.atOld());
      b.linkUp(
          lane,
          wire.atFresh(),
          options.byIpInIp() ? fresh.dispatch().link(b, OLD_HOST, innerMtu) : wire.atFresh());
    }
    if (machine.plan.move() instanceof GuestPlan.Move.AtTime(long nanos)) {
      time.at(VirtualTime.BEGIN + nanos, () -> move(machine));
    }
  }

  private static InboundPath.LinkEvents events(MigrationPath path) {
    return new InboundPath.LinkEvents() {
      @Override
      public void linkDown(int lane, String reason) {
        path.linkDown(lane);
      }

      @Override
      public void markerSeen() {}
    };
  }

  private InboundPath inbound(MigrationPath path, int lane, ReplayHost host, boolean staging) {
    return new InboundPath(path, lane, host.device(), time, events(path), staging);
  }

  @Override
  public List<Machine> machines() {
    return machines;
  }

  @Override
  public void passTo(long nanos) {
    time.runUntil(nanos);
  }

  @Override
  public void passToPacket(long number, long captureNanos) {
    time.runUntil(VirtualTime.BEGIN + captureNanos);
    for (Machine machine : machines) {
      if (machine.plan.move() instanceof GuestPlan.Move.AtPacket(long at)
          && at == number
          && machine.place() == Place.OLD_HOST) {
        move(machine);
      }
    }
  }

  /** The guest is paused now; it goes on at the new host when its pause is over. */
  private void move(Machine machine) {
    MigrationPath a = atOld.get(machine.number);
    MigrationPath b = atFresh.get(machine.number);
    machine.pause(time.nanoTime());
    a.beginHold(time.nanoTime());
    List<FlowKey> flows = new ArrayList<>();
    for (Flow flow : a.flows().remaining(time.nanoTime())) {
      flows.add(
          new FlowKey(
              flow.protocol(), flow.guest(), flow.guestPort(), flow.peer(), flow.peerPort()));
    }
    control.send(64 + 40 * flows.size(), () -> hears(machine, b, flows));
    time.after(machine.plan.pauseNanos(), () -> release(machine));
    if (!ticking) {
      ticking = true;
      time.after(TICK_NANOS, this::tick);
    }
  }

  /** The endpoint is told of the hold, unless its guest was quicker. */
  private void hears(Machine machine, MigrationPath b, List<FlowKey> flows) {
    if (machine.place() != Place.NEW_HOST) {
      b.enter(MigrationState.HOLDING);
    }
    flows.forEach(flow -> b.flows().list(flow, time.nanoTime(), Origin.SNAPSHOT));
  }

  private void release(Machine machine) {
    MigrationPath a = atOld.get(machine.number);
    MigrationPath b = atFresh.get(machine.number);
    machine.resume(time.nanoTime());
    long unused = fresh.outbound().deliverStaged(b, () -> {});
    List<Long> upTo = b.deliveredUpTo();
    controlBack.send(
        64,
        () -> {
          a.beginRedirect(upTo, time.nanoTime());
          controlUp(a, b);
          if (options.drainAfterNanos() >= 0) {
            time.after(options.drainAfterNanos(), () -> drain(a, b));
          }
        });
  }

  private static void drain(MigrationPath a, MigrationPath b) {
    a.enter(MigrationState.DRAINING);
    b.enter(MigrationState.DRAINING);
  }

  /** As two daemons do once both know of the release. */
  private void controlUp(MigrationPath a, MigrationPath b) {
    a.mark();
    controlBack.send(64, () -> a.delivered(b.deliveredUpTo()));
  }

  /** What a daemon does from time to time. */
  private void tick() {
    long now = time.nanoTime();
    for (MigrationPath path : atOld) {
      path.tend(now);
    }
    for (MigrationPath path : atFresh) {
      path.tend(now);
    }
    ticking = isUnsettled(now);
    if (ticking) {
      time.after(TICK_NANOS, this::tick);
    }
  }

  /** Something is held, or a release was a short time ago. */
  private boolean isUnsettled(long now) {
    for (Machine machine : machines) {
      boolean settled =
          machine.place() == Place.NEW_HOST && now - machine.resumedAt() > SETTLED_NANOS;
      if (machine.place() != Place.OLD_HOST && !settled) {
        return true;
      }
    }
    return atOld.stream().anyMatch(path -> path.hold().packets() > 0);
  }

  // ---- packets ----

  @Override
  public void fromPeer(ByteBuf packet, Machine to) {
    if (over) {
      packet.release();
      return;
    }
    peers.add(() -> reachesOldSite(packet, to, null));
  }

  @Override
  public void fromMachine(ByteBuf packet, Machine from, @Nullable Machine to) {
    if (over) {
      packet.release();
      return;
    }
    if (from.place() == Place.NEW_HOST) {
      lan.add(() -> {
        show(Point.ANSWERED, packet, start(packet), length(packet));
        fresh.arrives(packet);
      });
      return;
    }
    lan.add(() -> {
      learn(packet, from, Direction.FROM_GUEST);
      if (to == null) {
        toPeer(packet);
      } else {
        reachesOldSite(packet, to, from);
      }
    });
  }

  /** It is on the old LAN. */
  private void reachesOldSite(ByteBuf packet, Machine to, @Nullable Machine from) {
    if (to.place() == Place.OLD_HOST) {
      learn(packet, to, Direction.TO_GUEST);
      deliver(packet, to);
      packet.release();
      return;
    }
    show(Point.CAPTURED, packet, start(packet), length(packet));
    old.arrives(packet);
  }

  /** Before the hold the old host only listens. */
  private void learn(ByteBuf packet, Machine machine, Direction direction) {
    if (view.check(packet, start(packet), length(packet)) == PacketFault.NONE) {
      atOld.get(machine.number).flows().seen(view, direction, time.nanoTime(), Origin.CAPTURED);
    }
  }

  /** Out of the tunnel, or held and given back: the old host's kernel routes it. */
  private void leavesOldHost(ByteBuf packet) {
    Machine machine = Players.to(machines, packet, start(packet));
    ByteBuf again = packet.copy();
    if (machine == null) {
      toPeer(again);
    } else {
      time.after(0, () -> reachesOldSite(again, machine, null));
    }
  }

  private void toPeer(ByteBuf packet) {
    peers.add(() -> {
      show(Point.PEER, packet, start(packet), length(packet));
      arrivals.arrived(packet, null);
      packet.release();
    });
  }

  private void leavesNewHost(ByteBuf packet) {
    Machine machine = Players.to(machines, packet, start(packet));
    if (machine == null) {
      fresh.drops().count(DropReason.NO_MIGRATION);
    } else if (machine.place() == Place.NEW_HOST) {
      deliver(packet, machine);
    } else {
      fresh.drops().count(DropReason.WRONG_STATE);
    }
  }

  private void deliver(ByteBuf packet, Machine to) {
    show(Point.GUEST, packet, start(packet), length(packet));
    if (!over) {
      arrivals.arrived(packet, to);
    }
  }

  private static int start(ByteBuf packet) {
    return packet.readerIndex() + VirtioNetHeader.LENGTH;
  }

  private static int length(ByteBuf packet) {
    return packet.readableBytes() - VirtioNetHeader.LENGTH;
  }

  // ---- what is to be told ----

  @Override
  public boolean isMoving() {
    return machines.stream().anyMatch(machine -> machine.place() == Place.PAUSED);
  }

  @Override
  public String carriage() {
    return options.byIpInIp() ? "ipip" : "tls";
  }

  @Override
  public @Nullable Lateness lateness() {
    return null;
  }

  @Override
  public Map<String, Map<DropReason, Long>> drops() {
    Map<String, Map<DropReason, Long>> all = new LinkedHashMap<>();
    all.put("old-host", new EnumMap<>(DropReason.class));
    all.put("new-host", new EnumMap<>(DropReason.class));
    for (DropReason reason : DropReason.values()) {
      long a = old.drops().get(reason);
      for (MigrationPath path : atOld) {
        a += path.drops().get(reason);
      }
      long b = fresh.drops().get(reason);
      for (MigrationPath path : atFresh) {
        b += path.drops().get(reason);
      }
      if (a > 0) {
        all.get("old-host").put(reason, a);
      }
      if (b > 0) {
        all.get("new-host").put(reason, b);
      }
    }
    return all;
  }

  /** Packets that were held at the old host, all guests together. */
  @Override
  public long held() {
    return atOld.stream().mapToLong(path -> path.hold().total()).sum();
  }

  /** Packets that were staged at the new host. */
  @Override
  public long staged() {
    return atFresh.stream().mapToLong(MigrationPath::stagedTotal).sum();
  }

  @Override
  public long tunnelled(boolean toGuest) {
    return toGuest
        ? atFresh.stream().mapToLong(MigrationPath::toGuestPackets).sum()
        : atOld.stream().mapToLong(MigrationPath::fromGuestPackets).sum();
  }

  @Override
  public long lost() {
    return there.lost() + back.lost();
  }

  /** Nothing is sent and nobody hears any more: what is on its way arrives, and is freed. */
  private void runOut() {
    over = true;
    time.runUntil(time.nanoTime() + DRAIN_NANOS);
  }

  @Override
  public void close() {
    runOut();
    wires.forEach(FrameWire::close);
    old.close();
    fresh.close();
  }
}
