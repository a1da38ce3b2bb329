package dev.holdfast.interop;

import dev.holdfast.lab.Namespace;
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
import dev.holdfast.redirector.path.IpInIpDispatch;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.OutboundPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.IpInIpLink;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.link.LoopbackLink;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * The redirector's packet path as a daemon has it after release: a real TUN, both paths, the flow
 * table, the raw sockets and their loop. What a daemon has beside it is missing: its control
 * channel and the TLS data connection, which need a Holdfast at the other end.
 */
final class OldHost implements AutoCloseable, InboundPath.LinkEvents {
  private static final String TUN = "hf0";
  private static final int LAN_MTU = 1500;

  private final Namespace site;
  private final IpAddress old;
  private final DataLoop data = new DataLoop();
  private final PathTable paths = new PathTable();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private final MigrationPath path;
  private final IpInIpLink link;

  /** What no migration is to blame for. */
  final DropCounters drops = new DropCounters();

  private volatile int longestRead;

  /**
   * @param site has {@code local}, and routes packets between the peers and its TUN
   * @param remote where the tunnel ends
   * @param old the address that the packets of peers are for
   */
  OldHost(Namespace site, IpAddress local, IpAddress remote, IpAddress old) throws Exception {
    this.site = site;
    this.old = old;
    int innerMtu = LAN_MTU - (local.isV4() ? 20 : 40);
    path =
        new MigrationPath(
            UUID.randomUUID(),
            Role.REDIRECTOR,
            List.of(old),
            new byte[16],
            new Decision(Role.REDIRECTOR, List.of(old), HoldPolicy.QUEUE, StaleSyn.TUNNEL),
            innerMtu,
            65_535,
            1,
            new FlowTable(64, FlowTimers.DEFAULTS, 1),
            new HoldBudget(1_000, 1 << 20),
            HoldLimits.of(1 << 20, 1_000_000_000L),
            0);
    TunDevice tun = keep(site.call(() -> TunDevice.open(TUN)));
    site.ip("link set " + TUN + " up");
    site.ip("route add " + old + " dev " + TUN);
    PacketDevice device = new Measured(tun);
    IpInIpDispatch dispatch =
        keep(
            site.call(
                () -> IpInIpDispatch.open(data.loop(), local, OuterPolicy.DEFAULT, paths, drops)));
    var outbound =
        new OutboundPath(
            device, paths, PooledByteBufAllocator.DEFAULT, SystemClock.INSTANCE, drops);
    link =
        data.call(() -> {
          IpInIpLink made = dispatch.link(path, remote, innerMtu);
          dispatch.add(path, new InboundPath(path, 0, device, SystemClock.INSTANCE, this, false));
          paths.add(path);
          LoopbackLink nowhere = LoopbackLink.pair(new Nobody(), new Nobody()).a();
          path.linkUp(0, nowhere, made);
          path.beginHold(SystemClock.INSTANCE.nanoTime());
          path.beginRedirect(List.of(0L), SystemClock.INSTANCE.nanoTime());
          return made;
        });
    keep(outbound::close);
    keep(FdReadiness.register(data.loop(), tun.fd(), () -> read(outbound)));
  }

  private <T extends AutoCloseable> T keep(T resource) {
    opened.add(resource);
    return resource;
  }

  private static void read(OutboundPath outbound) {
    try {
      outbound.onReadable();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where the TLS data connection would end. */
  private static final class Nobody implements LinkReceiver {
    @Override
    public void onFrame(FrameType type, ByteBuf payload) {}
  }

  /** The TUN, and how long the longest packet was that came from it. */
  private final class Measured implements PacketDevice {
    private final PacketDevice device;

    Measured(PacketDevice device) {
      this.device = device;
    }

    @Override
    public String name() {
      return device.name();
    }

    @Override
    public int read(ByteBuf into) throws IOException {
      int length = device.read(into);
      longestRead = Math.max(longestRead, length - VirtioNetHeader.LENGTH);
      return length;
    }

    @Override
    public boolean write(ByteBuf packet) throws IOException {
      return device.write(packet);
    }

    @Override
    public void close() {
      device.close();
    }
  }

  /** The longest packet that the TUN gave since the last question, in bytes. */
  int longestRead() {
    int longest = longestRead;
    longestRead = 0;
    return longest;
  }

  /** From now on outer packets are at most this long. */
  void pathMtu(int bytes) {
    data.run(() -> link.pathMtu(bytes));
  }

  /** Sends a packet by the link alone, past what the path would do with it before. */
  Link.Sent send(PacketBuilder packet) {
    ByteBuf payload = Unpooled.directBuffer();
    int unused = packet.writeWithVnet(payload);
    return data.call(() -> {
      Link.Sent sent = link.send(FrameType.PACKET, payload);
      link.flush();
      return sent;
    });
  }

  /** What the migration has dropped. */
  DropCounters migrationDrops() {
    return path.drops();
  }

  /** Packets that came out of the tunnel and were delivered. */
  long delivered() {
    return path.fromGuestPackets();
  }

  @Override
  public void linkDown(int lane, String reason) {
    throw new AssertionError("IP-in-IP has no connection that could end: " + reason);
  }

  @Override
  public void markerSeen() {
    throw new AssertionError("a marker without a Holdfast at the other end");
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable each : opened.reversed()) {
      if (each instanceof FdReadiness) {
        each.close();
      } else {
        data.call(() -> {
          each.close();
          return true;
        });
      }
    }
    data.run(path::close);
    data.close();
  }
}
