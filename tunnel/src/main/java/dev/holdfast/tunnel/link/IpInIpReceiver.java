package dev.holdfast.tunnel.link;

import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.IpOutput;
import dev.holdfast.tunnel.device.RawIpSocket;
import dev.holdfast.tunnel.encap.Ecn;
import dev.holdfast.tunnel.encap.Identifications;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.encap.Unwrapping;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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
  private static final Logger log = LoggerFactory.getLogger(IpInIpReceiver.class);

  /** System calls in a row before others on the loop have their turn. */
  private static final int BATCHES = 4;

  private static final SecureRandom RANDOM = new SecureRandom();

  private static final class Remote {
    final IpAddress address;
    final LinkReceiver receiver;
    boolean inBatch;
    long unusedEcn;

    Remote(IpAddress address, LinkReceiver receiver) {
      this.address = address;
      this.receiver = receiver;
    }
  }

  private final OuterPolicy policy;
  private final Consumer<DropReason> dropped;
  private final Map<IpAddress, Identifications> identifications = new HashMap<>();
  private final Unwrapping unwrapping = new Unwrapping();
  private final List<RawIpSocket> sockets = new ArrayList<>();
  private @Nullable IpOutput output;
  private @Nullable OuterPackets watcher;
  private final List<FdReadiness> readiness = new ArrayList<>();
  private Remote[] remotes = new Remote[0]; // few: looking through them allocates nothing
  private boolean closed;

  /** Is shown what comes in on the raw sockets, before its inner packet goes to its receiver. */
  public interface OuterPackets {
    /**
     * @param local this host's end of the tunnels
     * @param packet readable bytes are what the socket gave: over IPv4 with the outer header, over
     *     IPv6 what was inside of it; to be read during the call
     * @param high and {@code low}: the outer source
     * @param protocol that the outer header says
     * @param trafficClass of an outer IPv6 header; 0 over IPv4
     * @param inner laid over the inner packet; null where it is dropped
     * @param drop why it goes no further; null where it goes to its receiver
     */
    void received(
        IpAddress local,
        ByteBuf packet,
        long high,
        long low,
        int protocol,
        int trafficClass,
        @Nullable PacketView inner,
        @Nullable DropReason drop);
  }

  private IpInIpReceiver(OuterPolicy policy, Consumer<DropReason> dropped) {
    this.policy = policy;
    this.dropped = dropped;
  }

  /** As below, with what is usual in the outer headers. */
  public static IpInIpReceiver open(IoEventLoop loop, IpAddress local, Consumer<DropReason> dropped)
      throws IOException {
    return open(loop, local, OuterPolicy.DEFAULT, dropped);
  }

  /**
   * Opens the sockets in the calling thread's network namespace and listens on the loop.
   *
   * @param local this host's address of the tunnels
   * @param policy of the outer headers that its links write
   * @param dropped counts, on the loop's thread
   * @throws IOException in one sentence: privilege is missing or the address is not here
   */
  public static IpInIpReceiver open(
      IoEventLoop loop, IpAddress local, OuterPolicy policy, Consumer<DropReason> dropped)
      throws IOException {
    IpInIpReceiver receiver = new IpInIpReceiver(policy, dropped);
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
   * @param remote whose first identification is {@code first}, so that the same is sent each time
   * @param dropped counts
   */
  public static IpInIpReceiver over(
      IpOutput output,
      OuterPolicy policy,
      IpAddress remote,
      int first,
      Consumer<DropReason> dropped) {
    IpInIpReceiver receiver = new IpInIpReceiver(policy, dropped);
    receiver.output = output;
    receiver.identifications.put(remote, new Identifications(first));
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

  /** Shows what comes in to somebody, or to nobody any more. Called on the loop's thread. */
  public void watch(@Nullable OuterPackets by) {
    watcher = by;
  }

  /**
   * A link to a remote host; receiving from it does not depend on there being one.
   *
   * @param remote of the same family as this host's own address
   * @param pathMtu of the path between the hosts, outer header included
   */
  public IpInIpLink link(IpAddress remote, int pathMtu) {
    return link(remote, pathMtu, sending -> sending);
  }

  /**
   * The same, of a link whose outer packets pass a decorator.
   *
   * @param wrap makes the decorator of the socket's output
   */
  public IpInIpLink link(IpAddress remote, int pathMtu, UnaryOperator<IpOutput> wrap) {
    IpOutput sending = wrap.apply(Objects.requireNonNull(output, "no raw socket is open"));
    IpAddress local = sending.local();
    if (remote.isV4() != local.isV4()) {
      throw new IllegalArgumentException(
          "IP-in-IP from " + local + " cannot go to an address of another family, " + remote);
    }
    // Whoever writes the outer header writes the protocol too: one socket sends both.
    return new IpInIpLink(
        sending,
        remote,
        pathMtu,
        policy,
        identifications.computeIfAbsent(remote, r -> new Identifications(RANDOM.nextInt())));
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
      OuterPackets shown = watcher;
      if (remote == null) {
        dropped.accept(DropReason.UNKNOWN_REMOTE);
        if (shown != null) {
          DropReason drop = DropReason.UNKNOWN_REMOTE;
          shown.received(local(), packet, high, low, protocol, trafficClass, null, drop);
        }
        return;
      }
      int at = packet.readerIndex();
      int length = packet.readableBytes();
      Unwrapping.Verdict verdict =
          v4
              ? unwrapping.check(packet, at, length)
              : unwrapping.checkInner(packet, at, length, protocol, trafficClass);
      if (shown != null) {
        DropReason drop = drop(verdict);
        PacketView inner = drop == null ? unwrapping.inner() : null;
        shown.received(local(), packet, high, low, protocol, trafficClass, inner, drop);
      }
      received(remote, packet, verdict);
    };
  }

  private IpAddress local() {
    return Objects.requireNonNull(output, "no raw socket is open").local();
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
    endBatch();
  }

  /** Ends a batch of what was given to {@link #taking}: receivers are told. */
  public void endBatch() {
    for (Remote remote : remotes) {
      if (remote.inBatch) {
        remote.inBatch = false;
        remote.receiver.onBatchEnd();
      }
    }
  }

  private void received(Remote remote, ByteBuf packet, Unwrapping.Verdict verdict) {
    DropReason drop = drop(verdict);
    if (drop != DropReason.MALFORMED) {
      tellOfUnusedEcn(remote);
    }
    if (drop == null) {
      deliver(remote, packet, unwrapping.inner());
    } else {
      dropped.accept(drop);
    }
  }

  private static @Nullable DropReason drop(Unwrapping.Verdict verdict) {
    return switch (verdict) {
      case OK -> null;
      case CONGESTED -> DropReason.CONGESTED;
      case BAD_OUTER, NOT_IP_IN_IP, FRAGMENT, BAD_INNER -> DropReason.MALFORMED;
    };
  }

  /**
   * RFC 6040 section 4.2: such a pair should be logged, but not so often that it becomes a flood.
   * So the first one is, the second, the fourth, the eighth ... Who does not want it, raises the
   * level of this class's log.
   */
  private void tellOfUnusedEcn(Remote remote) {
    if (unwrapping.isEcnUnused() && Long.bitCount(++remote.unusedEcn) == 1) {
      log.warn(
          "{} packets in all came from {} with ECN bits that no tunnel's entry makes: {} inside, {} outside now."
              + " Something on the way rewrites them",
          remote.unusedEcn,
          remote.address,
          Ecn.name(unwrapping.ecnInside()),
          Ecn.name(unwrapping.ecnOutside()));
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
