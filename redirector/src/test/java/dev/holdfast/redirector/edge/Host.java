package dev.holdfast.redirector.edge;

import dev.holdfast.redirector.capture.LanInterface;
import dev.holdfast.redirector.capture.MemoryLan;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.DirectReturn;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.decide.Rule;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.IpInIpDispatch;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.OutboundPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.tunnel.device.IpOutput;
import dev.holdfast.tunnel.device.MemoryTun;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.IpInIpLink;
import dev.holdfast.tunnel.link.IpInIpReceiver;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The packet path of one host as a {@link Scene} says, with no kernel, clock or network. */
final class Host implements InboundPath.LinkEvents, AutoCloseable {
  static final MacAddress OWN_MAC = MacAddress.parse("02:00:00:00:00:01");
  static final MacAddress ROUTER_MAC = MacAddress.parse("02:00:00:00:00:02");
  static final MacAddress GUEST_MAC = MacAddress.parse("02:00:00:00:00:10");

  private static final int LAN_MTU = 1_500;
  private static final List<IpPrefix> OLD_LANS =
      List.of(IpPrefix.parse("10.1.0.0/24"), IpPrefix.parse("2001:db8:1::/64"));
  private static final byte[] TOKEN = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  private long now = 1_000_000;
  private final Clock clock =
      new Clock() {
        @Override
        public long nanoTime() {
          return now;
        }

        @Override
        public long epochNanos() {
          return now;
        }
      };

  private final Scene scene;
  private final List<Outgoing> sent = new ArrayList<>();
  private final DropCounters drops = new DropCounters();
  private final MemoryTun tun = new MemoryTun("hf0", 64);
  private final MemoryLan lan =
      new MemoryLan(
          new LanInterface("lan", OWN_MAC, LAN_MTU, List.of(Ip.V4.lan, Ip.V6.lan), List.of()),
          clock,
          drops);
  private final PacketDevice device;
  private final Decision decision;
  private final MigrationPath path;
  private final OutboundPath outbound;
  private final InboundPath inbound;
  private final RecordedLink tls;
  private final @Nullable IpInIpReceiver receiver;
  private final Link entry;
  private final Map<String, Long> before = new LinkedHashMap<>();
  private MigrationState state = MigrationState.ARMED;
  private long stagingId;

  Host(Scene scene) throws IOException {
    this.scene = scene;
    List<IpAddress> olds = List.of(Ip.V4.old, Ip.V6.old);
    device = scene.isPcap ? lan.device() : tun;
    Decision symmetric = new Decision(scene.role, olds, scene.holdPolicy, scene.staleSyn);
    decision = scene.isDirect ? symmetric.answering(new DirectReturn(olds, OLD_LANS)) : symmetric;
    path =
        new MigrationPath(
            new UUID(1, 2),
            scene.role,
            olds,
            TOKEN,
            decision,
            scene.innerMtu,
            scene.deliveryMtu,
            1,
            new FlowTable(64, FlowTimers.DEFAULTS, 1),
            new HoldBudget(1_000, 1 << 20),
            HoldLimits.of(1 << 20, 1_000_000_000L),
            0);
    var paths = new PathTable();
    paths.add(path);
    outbound = new OutboundPath(device, paths, UnpooledByteBufAllocator.DEFAULT, clock, drops);
    inbound = new InboundPath(path, 0, device, clock, this, scene.outer == null);
    tls = new RecordedLink(Link.Sent.OK);
    if (scene.outer == null) {
      receiver = null;
      path.linkUp(0, tls, tls);
      entry = tls;
    } else {
      receiver =
          IpInIpReceiver.over(
              new RecordedOutput(scene.outer.here),
              scene.policy,
              scene.outer.there,
              0,
              drops::count);
      IpInIpDispatch dispatch = IpInIpDispatch.over(receiver, paths, drops);
      IpAddress remote = scene.outer.there;
      IpInIpLink live = dispatch.link(path, remote, scene.pathMtu - scene.outer.header());
      live.learntMtu(scene.learntMtu);
      entry = live;
      dispatch.add(path, inbound);
      path.linkUp(0, tls, live);
    }
    prepare();
  }

  private void prepare() throws IOException {
    lan.limit(scene.innerMtu);
    path.keepTtl(scene.keepsTtl);
    if (scene.keepsTtl) {
      lan.keepTtl(packet -> drops.count(DropReason.TTL_EXCEEDED));
    }
    lan.pin(Ip.V4.old, GUEST_MAC);
    lan.pin(Ip.V6.old, GUEST_MAC);
    if (scene.isPcap) {
      for (Ip ip : Ip.values()) { // so that it is known by which router the peer is reached
        lan.arrive(GUEST_MAC, ROUTER_MAC, ip.toGuest().udp().builder());
        ByteBuf unused = Unpooled.directBuffer(PacketDevice.READ_SIZE);
        device.read(unused);
        unused.release();
      }
    }
    boolean isDraining = scene.state == MigrationState.DRAINING;
    reach(isDraining ? MigrationState.REDIRECTING : scene.state);
    for (Packet packet : scene.before) {
      carry(packet);
      now += scene.apartNanos;
    }
    if (isDraining) {
      reach(MigrationState.DRAINING);
    }
    if (scene.laterNanos > 0) {
      now += scene.laterNanos;
      int unused = path.flows().countRemaining(now); // as is asked each second
    }
    if (scene.isLinkDown) {
      path.linkDown(0);
    }
    tls.says = scene.linkSays;
    collect();
    sent.clear();
    before.putAll(counts());
  }

  private void reach(MigrationState next) {
    switch (next) {
      case HOLDING -> hold();
      case REDIRECTING -> {
        hold();
        if (scene.role == Role.REDIRECTOR) {
          path.beginRedirect(List.of(0L), now);
        } else {
          path.deliverStaged(packet -> {}, now);
        }
      }
      case PLANNED, ARMED, DRAINING, DONE, ROLLED_BACK -> path.enter(next);
    }
    state = next;
  }

  private void hold() {
    if (scene.role == Role.REDIRECTOR) {
      path.beginHold(now);
    } else {
      path.enter(MigrationState.HOLDING);
    }
  }

  /** A packet of earlier, by the way that it goes. */
  private void carry(Packet packet) throws IOException {
    boolean isCaptured = packet.isToGuest() == (scene.role == Role.REDIRECTOR);
    boolean isStaged = scene.role == Role.ENDPOINT && state == MigrationState.HOLDING;
    take(
        isCaptured
            ? PacketRow.Way.CAPTURED
            : isStaged ? PacketRow.Way.STAGED : PacketRow.Way.RECEIVED,
        packet);
  }

  /** By which rule the packet would be decided now. */
  @Nullable Rule rule(PacketRow.Way way, Packet packet) {
    ByteBuf bytes = Unpooled.wrappedBuffer(packet.bytes());
    PacketView view = new PacketView();
    PacketFault fault = view.check(bytes, 0, bytes.readableBytes());
    if (fault == PacketFault.NONE && way == PacketRow.Way.ARRIVED) {
      fault = view.check(bytes, view.transportStart(), view.end() - view.transportStart());
    }
    if (fault != PacketFault.NONE) {
      return null;
    }
    boolean isCaptured = way == PacketRow.Way.CAPTURED;
    Direction direction =
        isCaptured == (scene.role == Role.REDIRECTOR) ? Direction.TO_GUEST : Direction.FROM_GUEST;
    return decision.rule(state, direction, view, path.flows().find(view, direction));
  }

  /** The packet comes, and all is done that is done because of it. */
  void take(PacketRow.Way way, Packet packet) throws IOException {
    switch (way) {
      case CAPTURED -> capture(packet);
      case RECEIVED -> frame(FrameType.PACKET, Unpooled.directBuffer(), packet);
      case STAGED -> frame(FrameType.STAGE, Unpooled.directBuffer().writeLong(++stagingId), packet);
      case ARRIVED -> arrive(packet.bytes());
      case ENTERS -> enter(packet);
    }
    collect();
  }

  private void capture(Packet packet) throws IOException {
    if (scene.isPcap) {
      boolean toGuest = packet.isToGuest();
      lan.arrive(frame(toGuest ? GUEST_MAC : ROUTER_MAC, toGuest ? ROUTER_MAC : GUEST_MAC, packet));
    } else {
      ByteBuf bytes = Unpooled.wrappedBuffer(packet.bytesWithOffload());
      tun.inject(bytes);
      bytes.release();
    }
    outbound.onReadable();
  }

  private static byte[] frame(MacAddress to, MacAddress from, Packet packet) {
    int type = packet.ip() == Ip.V4 ? Ethernet.TYPE_IPV4 : Ethernet.TYPE_IPV6;
    ByteBuf frame = Unpooled.buffer();
    Ethernet.writeHeader(frame, to, from, type);
    return Outgoing.bytesOf(frame.writeBytes(packet.bytes()));
  }

  private void frame(FrameType type, ByteBuf payload, Packet packet) {
    payload.writeBytes(packet.bytesWithOffload());
    inbound.onFrame(type, payload);
    inbound.onBatchEnd();
    payload.release();
  }

  /** As the kernel gives it to a raw socket: over IPv6 without the outer header. */
  private void arrive(byte[] packet) {
    if (receiver == null) {
      throw new IllegalStateException("the scene has no IP-in-IP");
    }
    boolean isV4 = packet[0] >> 4 == 4;
    ByteBuf bytes = Unpooled.directBuffer().writeBytes(packet);
    int protocol = packet[isV4 ? 9 : 6];
    if (isV4) {
      long source = 0xffff_0000_0000L | bytes.getUnsignedInt(12);
      receiver.taking(true, protocol).onPacket(bytes, 0, source, packet[1] & 0xff);
    } else {
      long high = bytes.getLong(8);
      long low = bytes.getLong(16);
      int trafficClass = bytes.getUnsignedShort(0) >> 4 & 0xff;
      bytes.skipBytes(40);
      receiver.taking(false, protocol).onPacket(bytes, high, low, trafficClass);
    }
    bytes.release();
  }

  private void enter(Packet packet) {
    Link.Sent said =
        entry.send(FrameType.PACKET, Unpooled.wrappedBuffer(packet.bytesWithOffload()));
    DropReason why = said.drop();
    if (why != null) { // who hands it over counts
      drops.count(why);
    }
    entry.flush();
  }

  private void collect() {
    for (ByteBuf packet = tun.take(); packet != null; packet = tun.take()) {
      sent.add(new Outgoing(Outgoing.Where.DEVICE, Outgoing.bytesOf(packet)));
      packet.release();
    }
    for (ByteBuf frame = lan.take(); frame != null; frame = lan.take()) {
      sent.add(new Outgoing(Outgoing.Where.LAN, Outgoing.bytesOf(frame)));
      frame.release();
    }
  }

  /** What has come out because of the row's own packet. */
  List<Outgoing> sent() {
    return sent;
  }

  /** What the row's own packet has added to the counters, by label. */
  Map<String, Long> dropped() {
    Map<String, Long> added = counts();
    before.forEach((label, count) -> added.merge(label, -count, Long::sum));
    added.values().removeIf(count -> count == 0);
    return added;
  }

  private Map<String, Long> counts() {
    Map<String, Long> counts = new LinkedHashMap<>();
    for (DropReason reason : DropReason.values()) {
      counts.put(reason.label(), drops.get(reason) + path.drops().get(reason));
    }
    return counts;
  }

  @Override
  public void linkDown(int lane, String reason) {
    throw new IllegalStateException(reason);
  }

  @Override
  public void markerSeen() {}

  @Override
  public void close() {
    path.close();
    outbound.close();
    lan.close();
    tun.close();
  }

  /** What is sent by TLS. Markers and the like are not packets, and no row's business. */
  private final class RecordedLink implements Link {
    Sent says;

    RecordedLink(Sent says) {
      this.says = says;
    }

    @Override
    public Sent send(FrameType type, ByteBuf payload) {
      if (type == FrameType.STAGE) {
        payload.skipBytes(8);
      }
      if (says == Sent.OK && (type == FrameType.PACKET || type == FrameType.STAGE)) {
        var where = type == FrameType.STAGE ? Outgoing.Where.STAGE : Outgoing.Where.TUNNEL;
        sent.add(new Outgoing(where, Outgoing.bytesOf(payload)));
      }
      payload.release();
      return says;
    }

    @Override
    public void flush() {}

    @Override
    public boolean isUp() {
      return true;
    }

    @Override
    public long queuedBytes() {
      return 0;
    }

    @Override
    public int innerMtu() {
      return 65_535;
    }

    @Override
    public void close() {}
  }

  /** What is sent by the raw socket. */
  private final class RecordedOutput implements IpOutput {
    private final IpAddress local;

    RecordedOutput(IpAddress local) {
      this.local = local;
    }

    @Override
    public IpAddress local() {
      return local;
    }

    @Override
    public void send(ByteBuf packet) {
      sent.add(new Outgoing(Outgoing.Where.WIRE, Outgoing.bytesOf(packet)));
      packet.release();
    }

    @Override
    public int flush() {
      return 0;
    }
  }
}
