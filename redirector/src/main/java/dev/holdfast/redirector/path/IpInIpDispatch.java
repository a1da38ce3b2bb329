package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.LogBudget;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.encap.TunnelPathMtu;
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
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * IP-in-IP has one raw socket for a host, and no connections: which migration a packet belongs to
 * is told by who sent it and by its inner address. What fits no migration with that remote host is
 * counted and dropped. Data loop only.
 */
public final class IpInIpDispatch implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(IpInIpDispatch.class);

  private final IpInIpReceiver receiver;
  private final PathTable paths;
  private final DropCounters drops;
  private final Map<MigrationPath, InboundPath> inbound = new HashMap<>();
  private final Map<MigrationPath, IpAddress> remoteOf = new HashMap<>();
  private final Map<MigrationPath, IpInIpLink> links = new HashMap<>();
  private final Set<IpAddress> registered = new HashSet<>();
  private final PacketView view = new PacketView();
  private @Nullable TunnelErrors errors;

  private IpInIpDispatch(IpInIpReceiver receiver, PathTable paths, DropCounters drops) {
    this.receiver = receiver;
    this.paths = paths;
    this.drops = drops;
    receiver.watch(new ReceivedPackets(paths));
  }

  /**
   * Opens the raw sockets on {@code local}.
   *
   * @param policy of the outer headers
   * @throws IOException naming the privilege that is missing
   */
  public static IpInIpDispatch open(
      IoEventLoop loop, IpAddress local, OuterPolicy policy, PathTable paths, DropCounters drops)
      throws IOException {
    return over(IpInIpReceiver.open(loop, local, policy, drops::count), paths, drops);
  }

  /** Over sockets that are open, or over none; counts what no migration is there for. */
  public static IpInIpDispatch over(IpInIpReceiver receiver, PathTable paths, DropCounters drops) {
    return new IpInIpDispatch(receiver, paths, drops);
  }

  /**
   * Listens to ICMP errors about the packets that are sent from {@code local}, too.
   *
   * @throws IOException naming the privilege that is missing
   */
  public void listenToErrors(
      IoEventLoop loop, IpAddress local, TunnelErrorCounts counts, Clock clock) throws IOException {
    errors = TunnelErrors.open(loop, new Tunnels(local, counts, clock), counts, clock);
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
        path,
        p -> {
          IpInIpLink made =
              receiver.link(
                  remote,
                  innerMtu + IpInIp.outerLength(remote),
                  output -> new TappedOutput(output, path));
          if (errors != null) {
            made.learntMtu(errors.limit(remote));
          }
          return made;
        });
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
      if (errors != null) {
        errors.forget(remote);
      }
    }
  }

  @Override
  public void close() {
    if (errors != null) {
      errors.close();
    }
    receiver.close();
  }

  /** Finds the migration by the inner address: granted to that remote host, or not delivered. */
  private final class FromRemote implements LinkReceiver {
    private final IpAddress remote;
    private final List<InboundPath> touched = new ArrayList<>(); // few, batch after batch

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
      if (!touched.contains(to)) {
        touched.add(to);
      }
      to.onFrame(type, payload);
    }

    @Override
    public void onBatchEnd() {
      for (int i = 0; i < touched.size(); i++) {
        touched.get(i).onBatchEnd();
      }
      touched.clear();
      if (errors != null) {
        errors.heard(remote);
      }
    }
  }

  /** What was sent to whom: what an ICMP error can be about, and whom it concerns. */
  private final class Tunnels implements TunnelErrors.Tunnels {
    private final IpAddress local;
    private final TunnelErrorCounts counts;
    private final Clock clock;
    private final LogBudget lines = new LogBudget(); // whoever can send ICMP may cause them

    Tunnels(IpAddress local, TunnelErrorCounts counts, Clock clock) {
      this.local = local;
      this.counts = counts;
      this.clock = clock;
    }

    @Override
    public IpAddress local() {
      return local;
    }

    @Override
    public int longest(IpAddress remote) {
      return links(remote).mapToInt(IpInIpLink::provenMtu).max().orElse(0);
    }

    @Override
    public boolean isGranted(IpAddress remote, IpAddress source, IpAddress destination) {
      return paths(remote)
          .anyMatch(
              path -> path.olds.contains(path.role == Role.REDIRECTOR ? destination : source));
    }

    @Override
    public void limit(IpAddress remote, int bytes) {
      links(remote).forEach(link -> link.learntMtu(bytes));
      log(
          bytes == TunnelPathMtu.UNLIMITED
              ? "longer packets to " + counts.name(remote) + " are tried again"
              : "the path to " + counts.name(remote) + " takes packets of " + bytes + " bytes");
    }

    @Override
    public void returned(IpAddress remote, String why) {
      log("the tunnel's packets to " + counts.name(remote) + " come back: " + why);
      tell(remote, why);
    }

    @Override
    public void passAgain(IpAddress remote) {
      log("the tunnel's packets to " + counts.name(remote) + " pass again");
      tell(remote, null);
    }

    private void log(String text) {
      String line = lines.line(text, clock.nanoTime());
      if (line != null) {
        log.warn("{}", line);
      }
    }

    private void tell(IpAddress remote, @Nullable String why) {
      paths(remote)
          .map(inbound::get)
          .filter(Objects::nonNull)
          .forEach(to -> to.packetsReturned(why));
    }

    private Stream<MigrationPath> paths(IpAddress remote) {
      return remoteOf.entrySet().stream()
          .filter(entry -> entry.getValue().equals(remote))
          .map(Map.Entry::getKey);
    }

    private Stream<IpInIpLink> links(IpAddress remote) {
      return paths(remote).map(links::get).filter(Objects::nonNull);
    }
  }
}
