package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.DirectReturn;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.decide.TooBigSenders;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.Lanes;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.hold.HoldQueue;
import dev.holdfast.redirector.hold.ReturnedQueue;
import dev.holdfast.redirector.hold.StagingQueue;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.link.IpInIpLink;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
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
  Decision decision;
  final DropCounters drops = new DropCounters();
  final HoldQueue hold;
  final SizeCounts sizes = new SizeCounts();
  public final LeftCounts left = new LeftCounts();

  /** Bytes of the longest inner packet that the tunnel carries whole. */
  volatile int innerMtu;

  private final int deliveryMtu;

  private @Nullable TooBigSenders senders;

  private final Supplier<StagingQueue> stages;
  StagingQueue staging;
  FlowTable flows;

  volatile MigrationState state = MigrationState.ARMED;

  /** Its data connections. */
  final Lane[] lanes;

  volatile long toGuestPackets;
  volatile long toGuestBytes;
  volatile long fromGuestPackets;
  volatile long fromGuestBytes;

  /** Captured packets that were given to the guest on this host. */
  long passed;

  volatile long stagedTotal;

  final AheadCopies mirror = new AheadCopies(this);

  /** Is shown what passes; null while nobody records it. */
  @Nullable Tap tap;

  final WayBack back;

  boolean flushWanted;

  /** This host takes no hop. */
  private boolean keepsTtl;

  /** Is told the number of each answered probe. */
  @Nullable LongConsumer probes;

  /**
   * @param innerMtu bytes of the longest packet that the tunnel carries whole
   * @param deliveryMtu bytes of the longest packet that may be written to the device; what is
   *     longer would be lost without a word, or answered by this host's kernel
   * @param connections how many data connections it has
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
      int deliveryMtu,
      int connections,
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
    this.deliveryMtu = deliveryMtu;
    this.flows = flows;
    ByteBufAllocator allocator = PooledByteBufAllocator.DEFAULT;
    this.hold = new HoldQueue(limits, budget, allocator, drops, connections, lastHeldId);
    this.lanes = new Lane[connections];
    Arrays.setAll(
        lanes, number -> new Lane(this, number, role == Role.REDIRECTOR ? lastHeldId : 0));
    this.stages =
        () ->
            new StagingQueue(
                limits.packets(), limits.bytes(), budget, allocator, drops, connections);
    this.staging = stages.get();
    this.back = new WayBack(this, new ReturnedQueue(limits, budget, allocator, drops, connections));
  }

  public UUID id() {
    return id;
  }

  /** From now on what passes is shown there; null for nobody. */
  void tap(@Nullable Tap by) {
    tap = by;
    hold.watch(by == null ? null : mirror);
    staging.watch(by == null ? null : mirror);
  }

  /** Counts a packet that is dropped here, and says so to whoever records it. */
  void drop(DropReason reason) {
    drops.count(reason);
    if (tap != null) {
      tap.dropped(reason);
    }
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

  /** What passes this host keeps its TTL or hop limit. Before the first packet. */
  public void keepTtl(boolean keep) {
    keepsTtl = keep;
  }

  boolean keepsTtl() {
    return keepsTtl;
  }

  /**
   * Whether this host must not forward the packet: its TTL or hop limit would be used up here (RFC
   * 1812 section 5.3.1, RFC 8200 section 3).
   */
  boolean isSpent(PacketView packet) {
    return packet.hopLimit() <= (keepsTtl ? 0 : 1);
  }

  /** From now on answers leave here that {@code direct} takes. Only on the data loop. */
  public void answer(DirectReturn direct) {
    decision = decision.answering(direct);
  }

  /** Only on the data loop. */
  public void enter(MigrationState next) {
    state = next;
    if (next == MigrationState.HOLDING && staging.isClosed()) {
      staging = stages.get();
      tap(tap);
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
   * The endpoint has the guest, and has delivered what was staged up to {@code stagedUpTo} on each
   * data connection; what it has not yet seen goes now, then live packets. Only on the data loop.
   */
  public void beginRedirect(List<Long> stagedUpTo, long nowNanos) {
    state = MigrationState.REDIRECTING;
    flows.released(nowNanos);
    for (int i = 0; i < lanes.length; i++) {
      lanes[i].beginRedirect(i < stagedUpTo.size() ? stagedUpTo.get(i) : 0);
    }
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
    staging.release((id, lane, packet) -> {
      if (tap != null) {
        tap.held(Tap.Place.HELD_OUT, this, id, packet, Tap.Fate.DELIVERED, null);
      }
      guest.accept(packet);
      toGuestPackets++;
      toGuestBytes += packet.readableBytes() - VirtioNetHeader.LENGTH;
      delivered[0]++;
      lanes[lane].delivered(id);
    });
    return delivered[0];
  }

  /** What it does while its guest may be on its way back. Only on the data loop. */
  public WayBack wayBack() {
    return back;
  }

  /** The guest runs here again: what is held goes to it, once. Only on the data loop. */
  public long reinject(Consumer<ByteBuf> guest) {
    long[] count = {back.giveTo(guest)};
    hold.forEachInOrder((id, lane, packet) -> {
      if (tap != null) {
        tap.held(Tap.Place.HELD_OUT, this, id, packet, Tap.Fate.GIVEN_TO_GUEST, null);
      }
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
            hold.packets() + back.packets(),
            hold.bytes() + back.bytes(),
            stagedTotal,
            hold.replaced(),
            hold.dropped() + drops.get(DropReason.HOLD_POLICY_DROP),
            hold.total())
        : new MigrationView.HeldView(
            staging.packets() + back.packets(),
            staging.bytes() + back.bytes(),
            stagedTotal,
            0,
            0,
            stagedTotal);
  }

  /** Its data connections as they stand, by number. Only on the data loop. */
  public List<MigrationView.ConnectionView> connections() {
    return Arrays.stream(lanes).map(Lane::view).toList();
  }

  /** The longest inner packet that the tunnel carries whole, in bytes. */
  public int innerMtu() {
    return innerMtu;
  }

  /** What passes whole at this moment; 65535 by TLS, whose stream knows no packets. Any thread. */
  public int tunnelMtu() {
    Link live = lanes[0].live;
    return live == null ? innerMtu : live.innerMtu();
  }

  /** What the tunnel carries whole has been measured. Only on the data loop. */
  public void innerMtu(int bytes) {
    innerMtu = bytes;
    for (Lane lane : lanes) {
      if (lane.live instanceof IpInIpLink link) {
        link.innerMtu(bytes);
      }
    }
  }

  /** Bytes of the longest packet that the way from here to the guest, or to its peers, takes. */
  public int deliveryMtu() {
    return deliveryMtu;
  }

  public SizeCounts sizes() {
    return sizes;
  }

  /** Who was told that his packets are too big; most migrations never need it. Data loop only. */
  TooBigSenders senders() {
    TooBigSenders known = senders;
    if (known == null) {
      known = new TooBigSenders();
      senders = known;
    }
    return known;
  }

  /**
   * What is due from time to time: held packets that are too old, gaps in what was sent ahead. Only
   * on the data loop.
   */
  public void tend(long nowNanos) {
    hold.expire(nowNanos, mirror);
    for (Lane lane : lanes) {
      back.sendAgain(lane);
      lane.catchUp();
    }
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

  /** Which data connection that packet's flow takes. */
  Lane lane(PacketView packet) {
    return lanes[Lanes.of(packet, lanes.length)];
  }

  /**
   * Asks the endpoint on each data connection to say when it has delivered everything sent so far.
   * Only after release, on the data loop.
   */
  public void mark() {
    for (Lane lane : lanes) {
      lane.mark();
    }
  }

  /**
   * A data connection is up (again), with {@code liveLink} for live packets: what is held for it
   * and not known to be delivered goes there. Only on the data loop.
   */
  public void linkUp(int lane, Link stageLink, Link liveLink) {
    lanes[lane].linkUp(stageLink, liveLink);
    back.giveBack(lanes[lane]);
  }

  /**
   * What is held goes out on a data connection that is up again, and after release the endpoint is
   * told that its release is known. Only on the data loop.
   */
  public void catchUp(int lane) {
    lanes[lane].catchUp();
  }

  /** A data connection is gone. Only on the data loop. */
  public void linkDown(int lane) {
    lanes[lane].linkDown();
  }

  /**
   * Sends a probe of {@code size} bytes of inner packet by the live link; false when it cannot.
   * Only on the data loop.
   */
  public boolean probe(IpAddress old, long number, int size) {
    return Probe.send(lanes[0].live, old, token, number, size);
  }

  /**
   * Sends a burst of probes of {@code size} bytes by each data connection. Only on the data loop.
   *
   * @param last the number of the last probe; those before it have the numbers before it
   * @param each how many go by each data connection
   */
  public void burst(IpAddress old, long last, int each, int size) {
    long number = last - (long) each * lanes.length;
    for (Lane lane : lanes) {
      for (int i = 0; i < each; i++) {
        Probe.send(lane.stage, old, token, ++number, size);
      }
    }
  }

  /** Ends the batch on every link. */
  void flush() {
    for (Lane lane : lanes) {
      lane.flush();
    }
  }

  /**
   * Up to which id what was staged has been delivered, on each data connection. Only on the data
   * loop.
   */
  public List<Long> deliveredUpTo() {
    return Arrays.stream(lanes).map(Lane::deliveredUpTo).toList();
  }

  /**
   * The guest has got at the endpoint what was held up to these ids, one for each data connection:
   * the copies may go. Only on the data loop.
   */
  public void delivered(List<Long> upTo) {
    for (int i = 0; i < Math.min(lanes.length, upTo.size()); i++) {
      lanes[i].delivered(upTo.get(i));
      hold.deliveredUpTo(i, upTo.get(i));
    }
  }

  /** True when every data connection is up. */
  public boolean isLinkUp() {
    for (Lane lane : lanes) {
      if (!lane.isUp()) {
        return false;
      }
    }
    return true;
  }

  /** Frees every buffer. Only on the data loop. */
  public void close() {
    hold.close();
    back.close();
    staging.discard();
  }

  /** How many frames have come on a data connection. Only on the data loop. */
  public long heard(int lane) {
    return lanes[lane].heard;
  }

  /** Asks for an answer on a data connection, whatever it carries. Only on the data loop. */
  public void askForLife(int lane) {
    lanes[lane].askForLife();
  }

  /** Only on the data loop. */
  public void listenToProbes(@Nullable LongConsumer listener) {
    probes = listener;
  }

  /** Captured packets that the guest, which is on this host again, was given. Data loop only. */
  public long passed() {
    return passed;
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
