package dev.holdfast.link;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.IpInIpDispatch;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.redirector.path.TunnelErrorCounts;
import dev.holdfast.tunnel.device.MemoryTun;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.IpInIpLink;
import dev.holdfast.tunnel.link.Link.Sent;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** One host's part of an IP-in-IP tunnel of one migration, as its daemon makes it. */
final class TunnelEnd implements InboundPath.LinkEvents, AutoCloseable {
  static final String PASS_AGAIN = "pass again";

  private static final List<IpAddress> OLDS =
      List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00:1::10"));

  /** What the migration is told of its tunnel. */
  final BlockingQueue<String> news = new LinkedBlockingQueue<>();

  final AtomicLong clock = new AtomicLong(1_000);

  private final IoEventLoop loop;
  private final MemoryTun tun = new MemoryTun("hf0", 4_096);
  private final DropCounters hostDrops = new DropCounters();
  private final TunnelErrorCounts counts = new TunnelErrorCounts();
  private final MigrationPath path;
  private final IpInIpDispatch dispatch;
  final IpInIpLink link;

  private TunnelEnd(IoEventLoop loop, IpAddress local, Role role, IpAddress remote, int pathMtu)
      throws Exception {
    this.loop = loop;
    int outer = local.isV4() ? 20 : 40;
    path =
        new MigrationPath(
            new UUID(1, 2),
            role,
            OLDS,
            new byte[16],
            new Decision(role, OLDS, HoldPolicy.QUEUE, StaleSyn.TUNNEL),
            pathMtu - outer,
            pathMtu,
            1,
            new FlowTable(64, FlowTimers.DEFAULTS, 1),
            new HoldBudget(1_000, 1 << 20),
            HoldLimits.of(1 << 20, 1_000_000_000L),
            0);
    path.enter(MigrationState.HOLDING);
    path.enter(MigrationState.REDIRECTING);
    PathTable table = new PathTable();
    table.add(path);
    Clock time =
        new Clock() {
          @Override
          public long nanoTime() {
            return clock.get();
          }

          @Override
          public long epochNanos() {
            return clock.get();
          }
        };
    dispatch = IpInIpDispatch.open(loop, local, OuterPolicy.DEFAULT, table, hostDrops);
    dispatch.listenToErrors(loop, local, counts, time);
    counts.located("remote", remote);
    link =
        onLoop(() -> {
          IpInIpLink made = dispatch.link(path, remote, pathMtu - outer);
          dispatch.add(path, new InboundPath(path, 0, tun, time, this, false));
          return made;
        });
  }

  /** Opened in {@code where}; packets go to {@code remote}, whose path takes {@code pathMtu}. */
  static TunnelEnd open(
      Namespace where, IoEventLoop loop, IpAddress local, Role role, IpAddress remote, int pathMtu)
      throws Exception {
    return where.call(() -> new TunnelEnd(loop, local, role, remote, pathMtu));
  }

  <T> T onLoop(Callable<T> body) throws Exception {
    return loop.submit(body).get();
  }

  Sent send(PacketBuilder packet) throws Exception {
    ByteBuf payload = Unpooled.directBuffer();
    int unused = packet.writeWithVnet(payload);
    return onLoop(() -> {
      Sent sent = link.send(FrameType.PACKET, payload);
      link.flush();
      return sent;
    });
  }

  /** The next packet that comes out of the tunnel. */
  byte[] next() throws InterruptedException {
    while (true) {
      ByteBuf packet = tun.take();
      if (packet != null) {
        try {
          packet.skipBytes(VirtioNetHeader.LENGTH);
          return ByteBufUtil.getBytes(packet);
        } finally {
          packet.release();
        }
      }
      Thread.sleep(1);
    }
  }

  int innerMtu() throws Exception {
    return onLoop(link::innerMtu);
  }

  Map<String, Long> counted() {
    return counts.of("remote");
  }

  Map<String, Long> countedOfNobody() {
    return counts.ofNobody();
  }

  Map<String, Long> dropped() {
    Map<String, Long> all = new LinkedHashMap<>(hostDrops.nonZero());
    all.putAll(path.drops().nonZero());
    return all;
  }

  /** Something that may fail. */
  interface Condition {
    boolean holds() throws Exception;
  }

  /** Waits for at most 10 s. */
  void await(Condition condition, String what) throws Exception {
    long until = System.nanoTime() + 10_000_000_000L;
    while (!condition.holds()) {
      if (System.nanoTime() > until) {
        throw new AssertionError(
            "waited in vain for %s: counted %s, %s".formatted(what, counted(), countedOfNobody()));
      }
      Thread.sleep(5);
    }
  }

  @Override
  public void linkDown(int lane, String reason) {}

  @Override
  public void markerSeen() {}

  @Override
  public void packetsReturned(@Nullable String why) {
    news.add(why == null ? PASS_AGAIN : why);
  }

  @Override
  public void close() throws Exception {
    dispatch.close();
    onLoop(() -> {
      path.close();
      return 0;
    });
    tun.close();
  }
}
