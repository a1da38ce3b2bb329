package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.hold.HoldQueue;
import dev.holdfast.redirector.hold.StagingQueue;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One migration as the packet path sees it. Read and written by the data loop's thread alone; the
 * counters may be read by others, who then see a value of the recent past.
 */
public final class MigrationPath {
  final UUID id;
  final Role role;
  final List<IpAddress> olds;
  final byte[] token;
  final Decision decision;
  final int innerMtu;
  final DropCounters drops = new DropCounters();
  final HoldQueue hold;

  private final Supplier<StagingQueue> stages;
  StagingQueue staging;
  FlowTable flows;

  volatile MigrationState state = MigrationState.ARMED;

  /** Carries live packets; null while there is none. */
  volatile @Nullable Link live;

  /**
   * The TLS data connection: staging and markers; with tls also the live link. Null while it is
   * down.
   */
  volatile @Nullable Link stage;

  /**
   * The highest id of the hold queue that was sent ahead on the present {@link #stage} connection,
   * without a gap.
   */
  long sentUpTo;

  /** The highest staging id that this endpoint has delivered, or that the endpoint said it has. */
  long deliveredUpTo;

  volatile long toGuestPackets;
  volatile long toGuestBytes;
  volatile long fromGuestPackets;
  volatile long fromGuestBytes;
  volatile long stagedTotal;

  /** Copies ahead to the endpoint what the hold queue keeps. */
  final HoldQueue.Mirror mirror =
      new HoldQueue.Mirror() {
        @Override
        public void kept(long packetId, ByteBuf packet) {
          stage(packetId, packet);
        }

        @Override
        public void removed(long packetId, DropReason why) {
          unstage(packetId);
        }
      };

  /** Staged packets up to this id come again on a new connection, and are here already. */
  long againUpTo;

  private long countedUpTo;

  /** A held packet was not sent ahead; those after it wait for it. */
  private boolean gap;

  boolean flushWanted;

  /** Frames that came on data connections. */
  long heard;

  @Nullable ProbeListener probes;

  /** Told of each answered probe. */
  public interface ProbeListener {
    void answered(long number);
  }

  /**
   * @param budget shared by all migrations of this host
   * @param lastHeldId what is held gets higher ids; they must rise from one process to the next
   */
  public MigrationPath(
      UUID id,
      Role role,
      List<IpAddress> olds,
      byte[] token,
      Decision decision,
      int innerMtu,
      FlowTable flows,
      HoldBudget budget,
      HoldLimits limits,
      long lastHeldId) {
    this.id = id;
    this.role = role;
    this.olds = List.copyOf(olds);
    this.token = token.clone();
    this.decision = decision;
    this.innerMtu = innerMtu;
    this.flows = flows;
    ByteBufAllocator allocator = PooledByteBufAllocator.DEFAULT;
    this.hold = new HoldQueue(limits, budget, allocator, drops, lastHeldId);
    if (role == Role.REDIRECTOR) {
      this.sentUpTo = lastHeldId;
      this.deliveredUpTo = lastHeldId;
    }
    this.stages =
        () -> new StagingQueue(limits.packets(), limits.bytes(), budget, allocator, drops);
    this.staging = stages.get();
  }

  public UUID id() {
    return id;
  }

  public DropCounters drops() {
    return drops;
  }

  /** Only on the data loop. */
  public FlowTable flows() {
    return flows;
  }

  /** Only on the data loop. */
  public HoldQueue hold() {
    return hold;
  }

  /** Only on the data loop. */
  public StagingQueue staging() {
    return staging;
  }

  /** Only on the data loop. */
  public void enter(MigrationState next) {
    state = next;
    if (next == MigrationState.HOLDING && staging.isClosed()) {
      staging = stages.get();
    }
    if (next == MigrationState.DRAINING) {
      flows.drainingBegan();
    }
  }

  /** The guest is paused: what comes for it is kept. Only on the data loop. */
  public void beginHold(long nowNanos) {
    state = MigrationState.HOLDING;
    flows.held(nowNanos);
  }

  /**
   * The endpoint has the guest, and has delivered what was staged up to {@code stagedUpTo}; what it
   * has not yet seen goes now, then live packets. Only on the data loop.
   */
  public void beginRedirect(long stagedUpTo, long nowNanos) {
    state = MigrationState.REDIRECTING;
    flows.released(nowNanos);
    deliveredUpTo = Math.max(deliveredUpTo, Math.min(stagedUpTo, sentUpTo));
    // What the endpoint had no room for, or had not yet got, goes once more; it knows what it has
    // delivered.
    sentUpTo = deliveredUpTo;
    gap = false;
    catchUp();
  }

  /**
   * The guest runs here: what is staged goes to it, in order. Only on the data loop.
   *
   * @return how many packets
   */
  public long deliverStaged(Consumer<ByteBuf> guest, long nowNanos) {
    state = MigrationState.REDIRECTING;
    flows.released(nowNanos);
    long[] delivered = new long[1];
    staging.release((id, packet) -> {
      guest.accept(packet);
      toGuestPackets++;
      toGuestBytes += packet.readableBytes() - VirtioNetHeader.LENGTH;
      delivered[0]++;
      deliveredUpTo = Math.max(deliveredUpTo, id);
    });
    return delivered[0];
  }

  /** The guest runs here again: what is held goes to it, once. Only on the data loop. */
  public long reinject(Consumer<ByteBuf> guest) {
    long[] count = new long[1];
    hold.forEachInOrder(
        0,
        (id, packet) -> {
          guest.accept(packet);
          count[0]++;
        });
    hold.close();
    return count[0];
  }

  /** The hold queue's and the stage's figures. Only on the data loop. */
  public MigrationView.HeldView held() {
    return role == Role.REDIRECTOR
        ? new MigrationView.HeldView(
            hold.packets(),
            hold.bytes(),
            stagedTotal,
            hold.replaced(),
            hold.dropped(),
            hold.total())
        : new MigrationView.HeldView(
            staging.packets(), staging.bytes(), stagedTotal, 0, 0, stagedTotal);
  }

  /** What carries live packets; null while there is none. */
  public @Nullable Link liveLink() {
    return live;
  }

  public boolean isRedirecting() {
    return isReleased();
  }

  /** The longest inner packet that the tunnel carries whole, in bytes. */
  public int innerMtu() {
    return innerMtu;
  }

  /**
   * What is due from time to time: held packets that are too old, gaps in what was sent ahead. Only
   * on the data loop.
   */
  public void tend(long nowNanos) {
    hold.expire(nowNanos, mirror);
    catchUp();
    flush();
  }

  /** Only on the data loop. */
  public void learn(FlowTable learnt) {
    flows = learnt;
  }

  /** True from release on: what comes for the guest is delivered, not staged. */
  boolean isReleased() {
    return state == MigrationState.REDIRECTING || state == MigrationState.DRAINING;
  }

  /**
   * The link is down, or older packets still wait for it: going on holding keeps the order and
   * loses nothing.
   */
  boolean mustWait() {
    return live == null || !live.isUp() || hold.lastId() > sentUpTo;
  }

  /** Sends one held packet ahead, if all before it have been. */
  void stage(long id, ByteBuf packet) {
    Link link = stage;
    if (link == null || !link.isUp() || gap) {
      gap = true; // catchUp sends it later, in order
      return;
    }
    if (link.send(FrameType.STAGE, prefixed(id, packet)) == Link.Sent.OK) {
      sent(id);
    } else {
      gap = true;
    }
  }

  /** Sent ahead; one that goes again is counted once. */
  private void sent(long id) {
    sentUpTo = id;
    if (id > countedUpTo) {
      countedUpTo = id;
      stagedTotal++;
    }
  }

  /** The packet has been replaced or given up: the endpoint need not keep it either. */
  void unstage(long id) {
    Link link = stage;
    if (link != null && link.isUp() && id <= sentUpTo && !isReleased()) {
      link.send(FrameType.UNSTAGE, number(id));
    }
  }

  /** Sends ahead what could not be sent when it was held. Only on the data loop. */
  public void catchUp() {
    Link link = stage;
    if (link == null || !link.isUp() || hold.lastId() <= sentUpTo) {
      return;
    }
    gap = false;
    hold.forEachInOrder(
        sentUpTo,
        (id, packet) -> {
          if (gap || link.send(FrameType.STAGE, prefixed(id, packet)) != Link.Sent.OK) {
            gap = true;
            return;
          }
          sent(id);
        });
    if (!gap) {
      sentUpTo = hold.lastId(); // the last ones may have been given up meanwhile
    }
    link.flush();
  }

  /** Asks the endpoint to say when it has handled everything sent so far. Only on the data loop. */
  public void mark(long marker) {
    Link link = stage;
    if (link != null && link.isUp()) {
      link.send(FrameType.MARKER, number(marker));
      link.flush();
    }
  }

  /**
   * The data connection is up (again). What was sent on an earlier one may be lost, so it is sent
   * again unless it is known to be delivered. Only on the data loop.
   */
  public void linkUp(Link stageLink, Link liveLink) {
    Link before = stage;
    if (before != null && before != stageLink) {
      // Its end may be noticed here much later than at the other host, which has made a new one:
      // nothing more may come of it, least of all the word that the link is down.
      before.close();
    }
    stage = stageLink;
    live = liveLink;
    sentUpTo = deliveredUpTo;
    gap = hold.lastId() > sentUpTo;
    if (role == Role.ENDPOINT && !isReleased()) {
      // What the redirector still holds comes again. What is here stays here: if that host's daemon
      // was killed, these are the only copies.
      againUpTo = staging.lastId();
    }
  }

  /** The data connection is gone. Only on the data loop. */
  public void linkDown() {
    // IP-in-IP has no connection that could tell: what cannot be staged is not tunnelled either but
    // held. What comes from the guest cannot be held, and may still arrive.
    if (role == Role.REDIRECTOR || live == stage) {
      live = null;
    }
    stage = null;
  }

  /** The endpoint has these; the copies may go. Only on the data loop. */
  public void delivered(long upTo) {
    deliveredUpTo = Math.max(deliveredUpTo, upTo);
    hold.deliveredUpTo(deliveredUpTo);
  }

  /**
   * Sends a probe of {@code size} bytes of inner packet by the live link; false when it cannot.
   * Only on the data loop.
   */
  public boolean probe(IpAddress old, long number, int size) {
    Link link = live;
    if (link == null
        || link.send(FrameType.PACKET, Probe.request(old, token, number, size)) != Link.Sent.OK) {
      return false;
    }
    link.flush();
    return true;
  }

  /** Ends the batch on every link. */
  void flush() {
    if (live != null) {
      live.flush();
    }
    if (stage != null && stage != live) {
      stage.flush();
    }
  }

  public long sentUpTo() {
    return sentUpTo;
  }

  public long deliveredUpTo() {
    return deliveredUpTo;
  }

  public boolean isLinkUp() {
    Link link = live;
    return link != null && link.isUp();
  }

  /** Frees every buffer. Only on the data loop. */
  public void close() {
    hold.close();
    staging.discard();
  }

  static ByteBuf number(long value) {
    return Unpooled.buffer(8).writeLong(value);
  }

  private static ByteBuf prefixed(long id, ByteBuf packet) {
    return PooledByteBufAllocator.DEFAULT
        .directBuffer(8 + packet.readableBytes())
        .writeLong(id)
        .writeBytes(packet, packet.readerIndex(), packet.readableBytes());
  }

  /** How many frames have come on data connections. Only on the data loop. */
  public long heard() {
    return heard;
  }

  /** Only on the data loop. */
  public void listenToProbes(@Nullable ProbeListener listener) {
    probes = listener;
  }

  public long toGuestPackets() {
    return toGuestPackets;
  }

  public long toGuestBytes() {
    return toGuestBytes;
  }

  public long fromGuestPackets() {
    return fromGuestPackets;
  }

  public long fromGuestBytes() {
    return fromGuestBytes;
  }

  /**
   * Held packets that were copied ahead to the endpoint (at the redirector), or received so (at the
   * endpoint).
   */
  public long stagedTotal() {
    return stagedTotal;
  }
}
