package dev.holdfast.tunnel.link;

import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.IpOutput;
import dev.holdfast.tunnel.device.RawIpSocket;
import dev.holdfast.tunnel.encap.Unwrapping;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A daemon's end of all IP-in-IP tunnels: the raw sockets, what comes in on them, and the links
 * that send through them. Outside is the family of this host's own address; inside are both.
 *
 * <p>What arrives goes to whoever is registered for the outer source address, as {@code
 * [virtio_net_hdr, zero][inner packet]}. An address is no proof: whoever may write packets into the
 * network between the hosts may claim it, which is why this encapsulation is for trusted networks
 * only. The inner addresses are for the receiver to check against its grants.
 */
public final class IpInIpReceiver implements AutoCloseable {
  /** System calls in a row before others on the loop have their turn. */
  private static final int BATCHES = 4;

  private static final class Remote {
    final IpAddress address;
    final LinkReceiver receiver;
    boolean inBatch;

    Remote(IpAddress address, LinkReceiver receiver) {
      this.address = address;
      this.receiver = receiver;
    }
  }

  private final Consumer<DropReason> dropped;
  private final Unwrapping unwrapping = new Unwrapping();
  private final List<RawIpSocket> sockets = new ArrayList<>();
  private @Nullable IpOutput output;
  private final List<FdReadiness> readiness = new ArrayList<>();
  private Remote[] remotes = new Remote[0]; // few: looking through them allocates nothing
  private boolean closed;

  private IpInIpReceiver(Consumer<DropReason> dropped) {
    this.dropped = dropped;
  }

  /**
   * Opens the sockets in the calling thread's network namespace and listens on the loop.
   *
   * @param local this host's address of the tunnels
   * @param dropped counts, on the loop's thread
   * @throws IOException in one sentence: privilege is missing or the address is not here
   */
  public static IpInIpReceiver open(IoEventLoop loop, IpAddress local, Consumer<DropReason> dropped)
      throws IOException {
    IpInIpReceiver receiver = new IpInIpReceiver(dropped);
    try {
      for (int protocol : new int[] {RawIpSocket.PROTOCOL_IPV4, RawIpSocket.PROTOCOL_IPV6}) {
        RawIpSocket socket = RawIpSocket.open(local, protocol, receiver::refused);
        receiver.sockets.add(socket);
        receiver.output = receiver.sockets.getFirst(); // sends both: it writes the protocol itself
        RawIpSocket.Receiver taking = receiver.taking(local.isV4(), protocol);
        receiver.readiness.add(
            FdReadiness.register(loop, socket.fd(), () -> receiver.receive(socket, taking)));
      }
      return receiver;
    } catch (IOException | RuntimeException e) {
      receiver.close();
      throw e;
    }
  }

  /**
   * One without sockets: what it sends goes to {@code output}, and what comes is given to {@link
   * #taking}. For tests, and for who asks what would become of a packet.
   *
   * @param dropped counts
   */
  public static IpInIpReceiver over(IpOutput output, Consumer<DropReason> dropped) {
    IpInIpReceiver receiver = new IpInIpReceiver(dropped);
    receiver.output = output;
    return receiver;
  }

  /**
   * From now on, {@code receiver} takes what comes from this address. Called on the loop's thread.
   *
   * @throws IllegalStateException when another takes it already
   */
  public void register(IpAddress remote, LinkReceiver receiver) {
    if (find(remote.high(), remote.low()) != null) {
      throw new IllegalStateException("packets from " + remote + " have a receiver already");
    }
    List<Remote> more = new ArrayList<>(List.of(remotes));
    more.add(new Remote(remote, receiver));
    remotes = more.toArray(Remote[]::new);
  }

  /** What comes from this address is nobody's from now on. Called on the loop's thread. */
  public void unregister(IpAddress remote) {
    List<Remote> fewer = new ArrayList<>(List.of(remotes));
    fewer.removeIf(each -> each.address.equals(remote));
    remotes = fewer.toArray(Remote[]::new);
  }

  /**
   * A link to a remote host; receiving from it does not depend on there being one.
   *
   * @param remote of the same family as this host's own address
   * @param pathMtu of the path between the hosts, outer header included
   */
  public IpInIpLink link(IpAddress remote, int pathMtu) {
    IpOutput sending = Objects.requireNonNull(output, "no raw socket is open");
    IpAddress local = sending.local();
    if (remote.isV4() != local.isV4()) {
      throw new IllegalArgumentException(
          "IP-in-IP from " + local + " cannot go to an address of another family, " + remote);
    }
    return new IpInIpLink(sending, remote, pathMtu, dropped);
  }

  private void refused(ByteBuf unused, RawIpSocket.Refusal why) {
    dropped.accept(
        switch (why) {
          case TOO_BIG -> DropReason.TOO_BIG;
          case FULL -> DropReason.LINK_FULL;
          case FORBIDDEN, NO_ROUTE, OTHER -> DropReason.LINK_DOWN;
        });
  }

  /**
   * What takes a socket's packets; over IPv6 they come without their outer header.
   *
   * @param v4 whether the outer header is IPv4
   * @param protocol what is inside: 4 or 41
   */
  public RawIpSocket.Receiver taking(boolean v4, int protocol) {
    return (packet, high, low, trafficClass) -> {
      Remote remote = find(high, low);
      if (remote == null) {
        dropped.accept(DropReason.UNKNOWN_REMOTE);
        return;
      }
      int at = packet.readerIndex();
      int length = packet.readableBytes();
      received(
          remote,
          packet,
          v4
              ? unwrapping.check(packet, at, length)
              : unwrapping.checkInner(packet, at, length, protocol, trafficClass));
    };
  }

  private void receive(RawIpSocket socket, RawIpSocket.Receiver taking) {
    try {
      for (int i = 0; i < BATCHES && !closed; i++) {
        if (socket.receiveBatch(taking) < RawIpSocket.BATCH) {
          break;
        }
      }
    } catch (IOException e) {
      throw new IllegalStateException(e); // a raw socket has no error that lasts
    }
    for (Remote remote : remotes) {
      if (remote.inBatch) {
        remote.inBatch = false;
        remote.receiver.onBatchEnd();
      }
    }
  }

  private void received(Remote remote, ByteBuf packet, Unwrapping.Verdict verdict) {
    switch (verdict) {
      case OK -> deliver(remote, packet, unwrapping.inner());
      case CONGESTED -> dropped.accept(DropReason.CONGESTED);
      case BAD_OUTER, NOT_IP_IN_IP, FRAGMENT, BAD_INNER -> dropped.accept(DropReason.MALFORMED);
    }
  }

  private static void deliver(Remote remote, ByteBuf packet, PacketView inner) {
    // The receiver may keep what it gets, and the socket's memory is used again.
    ByteBuf payload =
        ByteBufAllocator.DEFAULT.directBuffer(VirtioNetHeader.LENGTH + inner.length());
    try {
      payload.writeZero(VirtioNetHeader.LENGTH);
      payload.writeBytes(packet, inner.start(), inner.length());
      remote.inBatch = true;
      remote.receiver.onFrame(FrameType.PACKET, payload);
    } finally {
      payload.release();
    }
  }

  private @Nullable Remote find(long high, long low) {
    for (Remote remote : remotes) {
      if (remote.address.low() == low && remote.address.high() == high) {
        return remote;
      }
    }
    return null;
  }

  /** Closes the sockets; links made here are down from then on. Safe to call twice. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    readiness.forEach(FdReadiness::close);
    sockets.forEach(RawIpSocket::close);
  }
}
