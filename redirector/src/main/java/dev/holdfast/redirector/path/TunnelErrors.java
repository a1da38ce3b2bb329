package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.IcmpErrorSocket;
import dev.holdfast.tunnel.device.RawIpSocket;
import dev.holdfast.tunnel.encap.ReturnedPackets;
import dev.holdfast.tunnel.encap.TunnelError;
import dev.holdfast.tunnel.encap.TunnelErrorCheck;
import dev.holdfast.tunnel.encap.TunnelPathMtu;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * ICMP errors from inside the tunnel become soft state (RFC 2003 section 4, RFC 2473 section 8, RFC
 * 4213 section 3.4):
 *
 * <pre>
 * onError -> check -> counted
 *                  -> too big:     the remote host's path MTU falls, for ten minutes
 *                  -> unreachable: told once, and once more when packets pass again
 * </pre>
 *
 * <p>None is sent on to a peer: what does not fit is answered with an error of our own, in the size
 * that passes. Data loop only.
 */
final class TunnelErrors implements AutoCloseable {

  /** The tunnels that errors can be about. */
  interface Tunnels extends TunnelErrorCheck.Sent {
    /** Outer packets to {@code remote} are at most this long from now on. */
    void limit(IpAddress remote, int bytes);

    /** Packets to {@code remote} come back; {@code why} is a clause. */
    void returned(IpAddress remote, String why);

    /** They do so no more. */
    void passAgain(IpAddress remote);
  }

  /** Runs a task on the data loop, later. */
  @FunctionalInterface
  interface Later {
    void run(Runnable task, long nanos);
  }

  private static final class Remote {
    final TunnelPathMtu pathMtu = new TunnelPathMtu();
    final ReturnedPackets returned = new ReturnedPackets();
  }

  private final Tunnels tunnels;
  private final TunnelErrorCheck check;
  private final TunnelErrorCounts counts;
  private final Clock clock;
  private final Later later;
  private final Map<IpAddress, Remote> remotes = new HashMap<>();
  private final List<IcmpErrorSocket> sockets = new ArrayList<>();
  private final List<FdReadiness> readiness = new ArrayList<>();
  private boolean closed;

  TunnelErrors(Tunnels tunnels, TunnelErrorCounts counts, Clock clock, Later later) {
    this.tunnels = tunnels;
    this.check = new TunnelErrorCheck(tunnels);
    this.counts = counts;
    this.clock = clock;
    this.later = later;
  }

  /**
   * Opens the sockets in the calling thread's network namespace, and listens on the loop.
   *
   * @throws IOException naming the privilege that is missing
   */
  static TunnelErrors open(IoEventLoop loop, Tunnels tunnels, TunnelErrorCounts counts, Clock clock)
      throws IOException {
    TunnelErrors errors =
        new TunnelErrors(
            tunnels,
            counts,
            clock,
            (task, nanos) -> {
              var unused = loop.schedule(task, nanos, TimeUnit.NANOSECONDS);
            });
    try {
      for (int protocol : new int[] {RawIpSocket.PROTOCOL_IPV4, RawIpSocket.PROTOCOL_IPV6}) {
        IcmpErrorSocket socket = IcmpErrorSocket.open(tunnels.local(), protocol);
        errors.sockets.add(socket);
        errors.readiness.add(FdReadiness.register(loop, socket.fd(), () -> errors.read(socket)));
      }
      return errors;
    } catch (IOException | RuntimeException e) {
      errors.close();
      throw e;
    }
  }

  /** One batch: what is left is read in the loop's next turn, after the packets that wait. */
  private void read(IcmpErrorSocket socket) {
    if (closed) {
      return;
    }
    try {
      int unused = socket.readBatch(this::onError);
    } catch (IOException e) {
      throw new IllegalStateException(e); // an error queue has no error that lasts
    }
  }

  /** One error, as {@link IcmpErrorSocket.Receiver} gives it. */
  void onError(ByteBuf quoted, int type, int code, int mtu, @Nullable IpAddress router) {
    TunnelError error = check.check(quoted, type, code, mtu);
    IpAddress remote = check.remote();
    if (remote != null && error == TunnelError.TOO_BIG) {
      error = tooBig(remote, check.mtu());
    }
    counts.count(remote, error);
    if (remote != null
        && error.meansUnreachable()
        && of(remote).returned.returned(clock.nanoTime())) {
      tunnels.returned(remote, router == null ? error.text() : error.text() + ", from " + router);
    }
  }

  private TunnelError tooBig(IpAddress remote, int mtu) {
    TunnelPathMtu pathMtu = of(remote).pathMtu;
    return switch (pathMtu.tooBig(mtu, tunnels.longest(remote), clock.nanoTime())) {
      case LOWERED -> {
        tunnels.limit(remote, mtu);
        later.run(() -> expire(remote), TunnelPathMtu.LIFE_NANOS);
        yield TunnelError.TOO_BIG;
      }
      case NONE -> TunnelError.TOO_BIG;
      case TOO_SOON -> TunnelError.TOO_SOON;
    };
  }

  /** Lowered once more since then, it has longer to live, and another task sees to that. */
  private void expire(IpAddress remote) {
    Remote known = remotes.get(remote);
    if (!closed && known != null && known.pathMtu.expire(clock.nanoTime())) {
      tunnels.limit(remote, TunnelPathMtu.UNLIMITED);
    }
  }

  private Remote of(IpAddress remote) {
    return remotes.computeIfAbsent(remote, r -> new Remote());
  }

  /** What is known of the path: outer packets of so many bytes pass. */
  int limit(IpAddress remote) {
    Remote known = remotes.get(remote);
    return known == null ? TunnelPathMtu.UNLIMITED : known.pathMtu.limit();
  }

  /** Packets have come from {@code remote}. */
  void heard(IpAddress remote) {
    if (remotes.isEmpty()) {
      return;
    }
    Remote known = remotes.get(remote);
    if (known != null && known.returned.isPending() && known.returned.heard(clock.nanoTime())) {
      tunnels.passAgain(remote);
    }
  }

  /** Nothing is sent there any more. */
  void forget(IpAddress remote) {
    remotes.remove(remote);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    readiness.forEach(FdReadiness::close);
    sockets.forEach(IcmpErrorSocket::close);
  }
}
