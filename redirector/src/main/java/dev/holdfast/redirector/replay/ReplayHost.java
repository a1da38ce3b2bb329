package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.path.IpInIpDispatch;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.OutboundPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.tunnel.device.IpOutput;
import dev.holdfast.tunnel.device.RawIpSocket;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.link.IpInIpReceiver;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;

/** One of the two hosts: its TUN, its paths, and its end of IP-in-IP. */
final class ReplayHost implements AutoCloseable {
  private static final int MAX_FLOWS = 262_144; // as a daemon has
  private static final int HELD_PACKETS = 1 << 18;
  private static final int TUN_MTU = 65_535;
  private static final int LAN_MTU = 1_500;

  private final Role role;
  private final ReplayOptions options;
  private final VirtualTime time;
  private final ReplayDevice device;
  private final PathTable table = new PathTable();
  private final OutboundPath outbound;
  private final DropCounters drops = new DropCounters();
  private final HoldBudget budget;
  private final Outer outer;
  private final IpInIpReceiver receiver;
  private final IpInIpDispatch dispatch;
  private final IpAddress remote;
  private final RawIpSocket.Receiver taking;
  private final Ipv4Reassembly fragments = new Ipv4Reassembly();

  /**
   * @param local its own address, as outer source
   * @param remote the other host's
   * @param way for its outer packets
   * @param delivered is shown what it writes to its TUN
   */
  ReplayHost(
      Role role,
      ReplayOptions options,
      VirtualTime time,
      IpAddress local,
      IpAddress remote,
      Consumer<ByteBuf> way,
      Consumer<ByteBuf> delivered) {
    this.role = role;
    this.options = options;
    this.time = time;
    this.device = new ReplayDevice(role.label(), delivered);
    this.outbound = new OutboundPath(device, table, PooledByteBufAllocator.DEFAULT, time, drops);
    this.budget = new HoldBudget(HELD_PACKETS, 4 * options.hold().maxBytes());
    this.outer = new Outer(local, way);
    this.receiver =
        IpInIpReceiver.over(outer, OuterPolicy.DEFAULT, remote, (int) options.seed(), drops::count);
    this.dispatch = IpInIpDispatch.over(receiver, table, drops);
    this.remote = remote;
    this.taking = receiver.taking(true, RawIpSocket.PROTOCOL_IPV4);
  }

  MigrationPath path(Machine machine, int innerMtu) {
    MigrationPath path =
        new MigrationPath(
            new UUID(0, machine.number),
            role,
            machine.olds(),
            token(machine),
            new Decision(role, machine.olds(), options.hold().policy(), options.staleSyn()),
            innerMtu,
            role == Role.REDIRECTOR ? TUN_MTU : LAN_MTU,
            options.connections(),
            new FlowTable(MAX_FLOWS, FlowTimers.DEFAULTS, options.seed()),
            budget,
            HoldLimits.of(options.hold().maxBytes(), options.hold().maxAgeNanos()),
            0);
    table.add(path);
    return path;
  }

  private static byte[] token(Machine machine) {
    byte[] token = new byte[16];
    token[15] = (byte) machine.number;
    return token;
  }

  ReplayDevice device() {
    return device;
  }

  IpInIpDispatch dispatch() {
    return dispatch;
  }

  OutboundPath outbound() {
    return outbound;
  }

  /** A packet comes to its TUN. Takes over the reference. */
  void arrives(ByteBuf packet) {
    device.arrive(packet);
    try {
      outbound.onReadable();
    } catch (IOException e) {
      throw new UncheckedIOException(e); // a device in memory does not go away
    }
  }

  /** An outer packet comes in, perhaps in fragments. Takes over the reference. */
  void receives(ByteBuf packet) {
    ByteBuf whole = fragments.whole(packet);
    if (whole == null) {
      return;
    }
    try {
      taking.onPacket(whole, remote.high(), remote.low(), 0);
      receiver.endBatch();
    } finally {
      whole.release();
    }
  }

  /** What no migration's path has dropped. */
  DropCounters drops() {
    return drops;
  }

  @Override
  public void close() {
    table.all().forEach(MigrationPath::close);
    outbound.close();
    device.close();
    outer.close();
    fragments.close();
    dispatch.close();
  }

  /** Its raw socket. */
  private static final class Outer implements IpOutput {
    private final IpAddress local;
    private final Consumer<ByteBuf> way;
    private final List<ByteBuf> queued = new ArrayList<>();

    Outer(IpAddress local, Consumer<ByteBuf> way) {
      this.local = local;
      this.way = way;
    }

    @Override
    public IpAddress local() {
      return local;
    }

    @Override
    public void send(ByteBuf packet) {
      queued.add(packet);
    }

    @Override
    public int flush() {
      int count = queued.size();
      for (ByteBuf packet : queued) {
        way.accept(packet);
      }
      queued.clear();
      return count;
    }

    void close() {
      queued.forEach(ByteBuf::release);
      queued.clear();
    }
  }
}
