package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.decide.Verdict;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.InferredOffload;
import dev.holdfast.tunnel.packet.OffloadCheck;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.IOException;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From the tunnel to the TUN: what a proven remote host sent for one migration. Read it from top to
 * bottom.
 *
 * <pre>
 * onFrame -> packet: check -> probe? -> track flow -> decide -> fit? -> deliver | drop
 *         -> stage | unstage | marker | returned
 * </pre>
 *
 * <p>That the host is proven says who sent the bytes, not that they are sound: every length and the
 * offload header are checked, and the inner address must be this migration's. Data loop only.
 */
public final class InboundPath implements LinkReceiver {
  private static final Logger log = LoggerFactory.getLogger(InboundPath.class);
  private static final int STAGING_ID = 8;

  /** The longest packet that most senders put on a wire. */
  static final int ETHERNET = 1500;

  /** A marker that asks for its answer alone, and says nothing of what was sent before it. */
  static final long SIGN_OF_LIFE = -1;

  private final MigrationPath path;
  private final int number;
  private final Lane lane;
  private final PacketDevice device;
  private final Clock clock;
  private final LinkEvents events;
  private final boolean staging;
  private final Judgement judged = new Judgement();
  private final PacketView view = judged.view;
  private final Sizing sizing = new Sizing(PooledByteBufAllocator.DEFAULT);
  private final Sizing.Ways ways = new FromTunnel();
  private boolean replied;

  /** What the path's owner wants to know. Called on the data loop. */
  public interface LinkEvents {
    /** That data connection has ended. */
    void linkDown(int lane, String reason);

    /** The redirector has sent a marker: it knows of the release. */
    void markerSeen();

    /**
     * The tunnel's own packets come back as ICMP errors, or do so no more.
     *
     * @param why a clause such as {@code host unreachable, from 10.0.0.1}; null where they pass
     *     again
     */
    default void packetsReturned(@Nullable String why) {}
  }

  /**
   * @param lane which of the migration's data connections it is; 0 for IP-in-IP
   * @param staging true for the TLS data connection; false for IP-in-IP, which carries packets
   *     alone
   */
  public InboundPath(
      MigrationPath path,
      int lane,
      PacketDevice device,
      Clock clock,
      LinkEvents events,
      boolean staging) {
    this.path = path;
    this.number = lane;
    this.lane = path.lanes[lane];
    this.device = device;
    this.clock = clock;
    this.events = events;
    this.staging = staging;
  }

  @Override
  public void onFrame(FrameType type, ByteBuf payload) {
    if (staging) {
      lane.heard++;
    }
    Tap tap = path.tap;
    if (tap == null) {
      take(type, payload);
      return;
    }
    show(tap, type, payload);
    take(type, payload);
    tap.done();
  }

  private void show(Tap tap, FrameType type, ByteBuf payload) {
    int at = payload.readerIndex();
    int length = payload.readableBytes();
    if (staging) {
      Tap.Place place = Tap.Place.OUTER_TLS_RECEIVED;
      tap.frame(place, path, number, type, payload, at, length, null);
    }
    Tap.Place place = Tap.Place.INNER_OUT;
    switch (type) {
      case PACKET -> tap.arrived(place, path, payload, at, length, Tap.Fate.DELIVERED);
      case STAGE ->
          tap.arrived(place, path, payload, at + STAGING_ID, length - STAGING_ID, Tap.Fate.STAGED);
      case RETURNED -> tap.arrived(place, path, payload, at, length, Tap.Fate.KEPT);
      default -> {}
    }
  }

  private void fate(Tap.Fate fate) {
    Tap tap = path.tap;
    if (tap != null) {
      tap.fate(fate);
    }
  }

  private void take(FrameType type, ByteBuf payload) {
    switch (type) {
      case PACKET -> packet(payload);
      case STAGE -> stage(payload);
      case UNSTAGE -> {
        if (staging && payload.readableBytes() == STAGING_ID) {
          path.staging.remove(payload.readLong(), number);
        }
      }
      case MARKER -> marker(payload);
      case MARKER_REPLY -> {
        if (staging && payload.readableBytes() == STAGING_ID) {
          long answered = payload.readLong();
          if (answered != SIGN_OF_LIFE) {
            lane.answered(answered);
          }
        }
      }
      case RETURNED -> returned(payload);
      case CONTROL, BIND, BOUND -> path.drop(DropReason.FRAME_UNKNOWN);
    }
  }

  private void packet(ByteBuf payload) {
    if (!isSound(payload)) {
      return;
    }
    if (Probe.is(view, path.token)) {
      fate(Tap.Fate.PROBE);
      probe();
      return;
    }
    boolean toGuest = path.role == Role.ENDPOINT;
    Direction direction = toGuest ? Direction.TO_GUEST : Direction.FROM_GUEST;
    if (!isGranted(toGuest)) {
      path.drop(DropReason.NOT_GRANTED);
      return;
    }
    // The kernel would say so to the sender. What comes from a guest may be for this host itself,
    // where it may arrive with 1: who knows the host's addresses sees to that, behind the device
    // (steer.HopLimitRules, capture.LanDevice), as to what is staged.
    if (toGuest && path.isSpent(view)) {
      path.drop(DropReason.TTL_EXCEEDED);
      return;
    }
    long now = clock.nanoTime();
    judged.inbound(path, direction, payload, now);
    Tap tap = path.tap;
    if (tap != null) {
      tap.decided(judged.rule());
    }
    switch (judged.verdict()) {
      case Verdict.Pass pass -> {
        path.flows.track(judged.known(), view, direction, now, Origin.SEEN);
        if (toGuest && path.back.isPaused()) {
          keep(payload);
          return;
        }
        if (toGuest) {
          path.toGuestPackets++;
          path.toGuestBytes += view.length();
        } else {
          path.fromGuestPackets++;
          path.fromGuestBytes += view.length();
        }
        deliver(payload, direction, judged.fit(), judged.limit(), now);
      }
      case Verdict.Drop(DropReason reason) -> path.drop(reason);
      case Verdict.Hold hold -> path.drop(DropReason.WRONG_STATE);
      case Verdict.Tunnel tunnel -> path.drop(DropReason.LOOP);
      case Verdict.Leave leave -> path.drop(DropReason.LOOP);
      case Verdict.Reject reject -> path.drop(DropReason.STALE_SYN);
    }
  }

  /**
   * Checks the packet behind the virtio header, and that header against it; counts what is wrong.
   */
  private boolean isSound(ByteBuf payload) {
    DropReason wrong = fault(path, payload, view, staging);
    if (wrong != null) {
      path.drop(wrong);
    }
    return wrong == null;
  }

  /**
   * What is wrong with a payload, or null; lays {@code view} over the packet.
   *
   * @param isDescribed whether it came with its offload header, as by TLS
   */
  static @Nullable DropReason fault(
      MigrationPath path, ByteBuf payload, PacketView view, boolean isDescribed) {
    int vnet = payload.readerIndex();
    int length = payload.readableBytes() - VirtioNetHeader.LENGTH;
    if (length <= 0
        || view.check(payload, vnet + VirtioNetHeader.LENGTH, length) != PacketFault.NONE) {
      return DropReason.MALFORMED;
    }
    if (!isDescribed) {
      // IP-in-IP brings no offload header, and the kernel may have merged segments on receipt.
      // A segment that came in outer fragments is longer than what passes whole, and stays one.
      InferredOffload.write(payload, vnet, view, Math.max(path.innerMtu, ETHERNET), path.innerMtu);
    }
    return OffloadCheck.check(payload, vnet, view) == PacketFault.NONE
        ? null
        : DropReason.BAD_OFFLOAD;
  }

  private boolean isGranted(boolean toGuest) {
    return isGranted(path, view, toGuest);
  }

  /** Whether the inner address is one that this migration grants. */
  static boolean isGranted(MigrationPath path, PacketView view, boolean toGuest) {
    for (int i = 0; i < path.olds.size(); i++) {
      if (toGuest ? view.isTo(path.olds.get(i)) : view.isFrom(path.olds.get(i))) {
        return true;
      }
    }
    return false;
  }

  /** Answers a probe by the link on which live packets go, so that both ways of it are proven. */
  private void probe() {
    if (Probe.isRequest(view)) {
      Link live = lane.live;
      if (live != null) {
        Link.Sent sent =
            Probe.whole(
                live, Probe.answer(view.source(), path.token, Probe.number(view), view.length()));
        replied = true;
        if (sent != Link.Sent.OK) {
          log.warn("a probe could not be answered: {}", sent);
        }
      }
    } else {
      LongConsumer listener = path.probes;
      if (listener != null) {
        listener.accept(Probe.number(view));
      }
    }
  }

  private void stage(ByteBuf payload) {
    if (!staging || path.role != Role.ENDPOINT || payload.readableBytes() <= STAGING_ID) {
      path.drop(DropReason.WRONG_STATE);
      return;
    }
    long id = payload.readLong();
    if (lane.isHere(id)) {
      fate(Tap.Fate.RECEIVED);
      return; // sent again after a reconnect: the guest has it, or it is staged
    }
    if (!isSound(payload)) {
      return;
    }
    if (!isGranted(true)) {
      path.drop(DropReason.NOT_GRANTED);
      return;
    }
    path.stagedTotal++;
    if (path.isReleased()) {
      // The release overtook it: it is next in order, and the guest waits for it.
      lane.delivered(id);
      path.flows.seen(view, Direction.TO_GUEST, clock.nanoTime(), Origin.SEEN);
      if (path.back.isPaused()) {
        keep(payload); // from here on it is this host that sees to it
        return;
      }
      path.toGuestPackets++;
      path.toGuestBytes += view.length();
      fate(Tap.Fate.DELIVERED);
      deliver(payload);
    } else {
      path.flows.seen(view, Direction.TO_GUEST, clock.nanoTime(), Origin.SEEN);
      long full = path.drops.get(DropReason.HOLD_FULL);
      boolean staged =
          path.staging.add(id, number, path.flows.hash(view, Direction.TO_GUEST), payload);
      Tap tap = path.tap;
      if (tap != null && staged) {
        tap.held(Tap.Place.HELD_IN, path, id, payload, Tap.Fate.STAGED, null);
      } else if (tap != null) {
        tap.dropped( // which the queue has counted
            path.drops.get(DropReason.HOLD_FULL) > full
                ? DropReason.HOLD_FULL
                : DropReason.BAD_STAGING_ID);
      }
    }
  }

  /** The guest is paused here, and may be on its way back to the redirector. */
  private void keep(ByteBuf payload) {
    fate(Tap.Fate.KEPT);
    path.back.keep(view, payload);
    replied = true;
  }

  /** The endpoint could not deliver it, since the guest is on its way back here. */
  private void returned(ByteBuf payload) {
    if (!staging || path.role != Role.REDIRECTOR) {
      path.drop(DropReason.WRONG_STATE);
      return;
    }
    if (!isSound(payload)) {
      return;
    }
    if (!isGranted(true) || isGranted(false)) {
      path.drop(DropReason.NOT_GRANTED);
      return;
    }
    switch (path.state) {
      case REDIRECTING, DRAINING -> path.back.returned(view, payload); // unasked after a restart
      case ROLLED_BACK -> {
        if (path.back.isExpecting()) {
          fate(Tap.Fate.GIVEN_TO_GUEST);
          write(payload); // the guest was quicker
        } else {
          path.drop(DropReason.WRONG_STATE);
        }
      }
      default -> path.drop(DropReason.WRONG_STATE);
    }
  }

  private void marker(ByteBuf payload) {
    if (!staging || payload.readableBytes() != STAGING_ID) {
      path.drop(DropReason.FRAME_UNKNOWN);
      return;
    }
    long marker = payload.readLong();
    Link stage = lane.stage;
    if (stage != null) {
      stage.send(FrameType.MARKER_REPLY, Lane.number(marker));
      replied = true;
    }
    if (marker != SIGN_OF_LIFE) {
      events.markerSeen();
    }
  }

  /** To the guest, after its release had overtaken the packet. */
  private void deliver(ByteBuf payload) {
    long now = clock.nanoTime();
    Direction way = Direction.TO_GUEST;
    int limit = path.deliveryMtu();
    Fit fit = Sizing.fit(path, payload, payload.readerIndex(), view, way, limit, now);
    deliver(payload, way, fit, limit, now);
  }

  /** To the guest, or to its peers; what their LAN does not take is cut, or its sender told. */
  private void deliver(ByteBuf payload, Direction direction, Fit fit, int limit, long now) {
    if (fit == Fit.WHOLE) {
      write(payload);
    } else {
      sizing.deliver(path, fit, payload, view, direction, limit, now, ways);
    }
  }

  private final class FromTunnel implements Sizing.Ways {
    @Override
    public void onward(ByteBuf piece) {
      write(piece);
      piece.release();
    }

    @Override
    public boolean back(ByteBuf answer) {
      replied = true;
      return Sizing.sendBack(path, lane.live, answer);
    }
  }

  private void write(ByteBuf packet) {
    try {
      if (!device.write(packet)) {
        path.drop(DropReason.DEVICE_FULL);
      }
    } catch (IOException e) {
      path.drop(DropReason.DEVICE_FULL);
      log.debug("cannot deliver to the guest: {}", e.getMessage()); // its device has said so
    }
  }

  @Override
  public void onBatchEnd() {
    if (replied) {
      replied = false;
      path.flush();
    }
  }

  /** What found no room waits no longer. */
  @Override
  public void onWritable() {
    lane.catchUp();
    path.back.giveBack(lane);
  }

  @Override
  public void onDown(String reason) {
    events.linkDown(number, reason);
  }

  /** As {@link LinkEvents#packetsReturned}. */
  void packetsReturned(@Nullable String why) {
    events.packetsReturned(why);
  }
}
