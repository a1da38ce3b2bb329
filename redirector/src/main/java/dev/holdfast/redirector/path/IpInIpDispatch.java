package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.IpInIpLink;
import dev.holdfast.tunnel.link.IpInIpReceiver;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * IP-in-IP has one raw socket for a host, and no connections: which migration a packet belongs to
 * is told by who sent it and by its inner address. What fits no migration with that remote host is
 * counted and dropped. Data loop only.
 */
public final class IpInIpDispatch implements AutoCloseable {
  private final IpInIpReceiver receiver;
  private final PathTable paths;
  private final DropCounters drops;
  private final Map<MigrationPath, InboundPath> inbound = new HashMap<>();
  private final Map<MigrationPath, IpAddress> remoteOf = new HashMap<>();
  private final Map<MigrationPath, IpInIpLink> links = new HashMap<>();
  private final Set<IpAddress> registered = new HashSet<>();
  private final PacketView view = new PacketView();

  private IpInIpDispatch(IpInIpReceiver receiver, PathTable paths, DropCounters drops) {
    this.receiver = receiver;
    this.paths = paths;
    this.drops = drops;
  }

  /**
   * Opens the raw sockets on {@code local}.
   *
   * @throws IOException naming the privilege that is missing
   */
  public static IpInIpDispatch open(
      IoEventLoop loop, IpAddress local, PathTable paths, DropCounters drops) throws IOException {
    return over(IpInIpReceiver.open(loop, local, drops::count), paths, drops);
  }

  /** Over sockets that are open, or over none; counts what no migration is there for. */
  public static IpInIpDispatch over(IpInIpReceiver receiver, PathTable paths, DropCounters drops) {
    return new IpInIpDispatch(receiver, paths, drops);
  }

  /**
   * The link that sends one migration's packets to {@code remote}, whatever their lane; from there
   * alone they are taken from now on: a remote host may have another address than before.
   */
  public IpInIpLink link(MigrationPath path, IpAddress remote, int innerMtu) {
    IpAddress before = remoteOf.put(path, remote);
    if (before != null && !before.equals(remote)) {
      unregister(before);
      links.remove(path);
    }
    return links.computeIfAbsent(
        path, p -> receiver.link(remote, innerMtu + IpInIp.outerLength(remote)));
  }

  /** From now on, what comes for {@code path} goes to {@code to}. */
  public void add(MigrationPath path, InboundPath to) {
    inbound.put(path, to);
    IpAddress remote = remoteOf.get(path);
    if (remote != null && registered.add(remote)) {
      receiver.register(remote, new FromRemote(remote));
    }
  }

  public void remove(MigrationPath path) {
    inbound.remove(path);
    links.remove(path);
    IpAddress remote = remoteOf.remove(path);
    if (remote != null) {
      unregister(remote);
    }
  }

  /** Unless another migration is with the same remote host. */
  private void unregister(IpAddress remote) {
    if (!remoteOf.containsValue(remote) && registered.remove(remote)) {
      receiver.unregister(remote);
    }
  }

  @Override
  public void close() {
    receiver.close();
  }

  /** Finds the migration by the inner address: granted to that remote host, or not delivered. */
  private final class FromRemote implements LinkReceiver {
    private final IpAddress remote;
    private final Set<InboundPath> touched = new HashSet<>();

    FromRemote(IpAddress remote) {
      this.remote = remote;
    }

    @Override
    public void onFrame(FrameType type, ByteBuf payload) {
      int length = payload.readableBytes() - VirtioNetHeader.LENGTH;
      if (view.check(payload, payload.readerIndex() + VirtioNetHeader.LENGTH, length)
          != PacketFault.NONE) {
        drops.count(DropReason.MALFORMED);
        return;
      }
      MigrationPath path = paths.served(view);
      if (path == null || path.role != Role.ENDPOINT || !remote.equals(remoteOf.get(path))) {
        path = paths.redirected(view);
      }
      InboundPath to =
          path == null || !remote.equals(remoteOf.get(path)) ? null : inbound.get(path);
      if (to == null) {
        drops.count(DropReason.NOT_GRANTED);
        return;
      }
      touched.add(to);
      to.onFrame(type, payload);
    }

    @Override
    public void onBatchEnd() {
      touched.forEach(InboundPath::onBatchEnd);
      touched.clear();
    }
  }
}
