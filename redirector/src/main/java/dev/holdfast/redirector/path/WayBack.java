package dev.holdfast.redirector.path;

import dev.holdfast.redirector.flow.Lanes;
import dev.holdfast.redirector.hold.ReturnedQueue;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A migration's packets while its guest is, or may be, on its way back to the redirector.
 *
 * <pre>
 * redirector   what is captured joins the hold queue, and nothing is sent; what the endpoint
 *              returns is older, and goes before it, to whichever host has the guest then
 * endpoint     the guest is paused: what still comes for it is kept, and returned as soon as the
 *              redirector has said that it holds; the guest gets it where it goes on here
 * </pre>
 *
 * <p>Data loop only; the counters may be read by others.
 */
public final class WayBack {
  private final MigrationPath path;
  private final ReturnedQueue kept;

  /** The redirector's: nothing more is sent to the endpoint. */
  private boolean queues;

  /** The redirector's: the endpoint may return packets, now or later. */
  private boolean expects;

  /** The endpoint's: the guest is paused here. */
  private boolean paused;

  /** The endpoint's: the redirector takes packets back. */
  private boolean returns;

  private volatile long total;

  WayBack(MigrationPath path, ReturnedQueue kept) {
    this.path = path;
    this.kept = kept;
  }

  // ---- the redirector's ----

  /**
   * While it is not known which host will have the guest, what comes is queued: it belongs to that
   * one. When it is over without the guest's coming back, all of it goes to the endpoint.
   */
  public void queue(boolean on) {
    queues = on;
    expects |= on;
    if (!on) {
      for (Lane lane : path.lanes) {
        sendAgain(lane);
        lane.catchUp();
      }
    }
  }

  boolean isQueueing() {
    return queues;
  }

  boolean isExpecting() {
    return expects;
  }

  /** The endpoint could not give it to the paused guest. Checked, and for the guest. */
  void returned(PacketView view, ByteBuf vnetPacket) {
    keep(view, vnetPacket);
  }

  /** What was returned goes out once more, where it is not known to be on its way back. */
  void sendAgain(Lane lane) {
    Link live = lane.live;
    if (!queues && live != null && live.isUp()) {
      kept.drain(
          lane.number(), packet -> isDealtWith(packet, FrameType.PACKET, live, Tap.Fate.TUNNELLED));
    }
  }

  /** What no link will ever take is in nobody's way; what finds no room now is tried again. */
  private boolean isDealtWith(ByteBuf packet, FrameType type, Link link, Tap.Fate fate) {
    Link.Sent sent = link.send(type, packet.retainedDuplicate());
    DropReason drop = sent.drop();
    if (sent == Link.Sent.FULL || sent == Link.Sent.DOWN) {
      return false;
    }
    if (drop != null) {
      path.drops.count(drop);
    }
    show(Tap.Place.HELD_OUT, packet, drop == null ? fate : Tap.Fate.DROPPED, drop);
    return true;
  }

  private void show(Tap.Place place, ByteBuf packet, Tap.Fate fate, @Nullable DropReason drop) {
    Tap tap = path.tap;
    if (tap != null) {
      tap.held(place, path, 0, packet, fate, drop);
    }
  }

  /** The guest runs at the redirector again: returns how many packets it was given. */
  long giveTo(Consumer<ByteBuf> guest) {
    long[] count = new long[1];
    for (Lane lane : path.lanes) {
      kept.drain(
          lane.number(),
          packet -> {
            show(Tap.Place.HELD_OUT, packet, Tap.Fate.GIVEN_TO_GUEST, null);
            guest.accept(packet);
            count[0]++;
            return true;
          });
    }
    return count[0];
  }

  // ---- the endpoint's ----

  /** The guest is paused here, or gone. What comes for it from now on is kept. */
  public void pause() {
    paused = true;
  }

  /** The redirector holds: it gets what is kept and what still comes. */
  public void returnAll() {
    returns = paused;
    for (Lane lane : path.lanes) {
      giveBack(lane);
      lane.flush();
    }
  }

  /** The guest goes on here. Returns how many packets it was given. */
  long resume(Consumer<ByteBuf> guest) {
    paused = false;
    returns = false;
    return giveTo(packet -> {
      path.toGuestPackets++;
      path.toGuestBytes += packet.readableBytes() - VirtioNetHeader.LENGTH;
      guest.accept(packet);
    });
  }

  boolean isPaused() {
    return paused;
  }

  /** It cannot be delivered. Checked, and for the guest. */
  void keep(PacketView view, ByteBuf vnetPacket) {
    int lane = Lanes.of(view, path.lanes.length);
    if (kept.add(lane, vnetPacket)) {
      total = kept.total();
      show(Tap.Place.HELD_IN, vnetPacket, Tap.Fate.KEPT, null);
    }
    giveBack(path.lanes[lane]);
  }

  /** Tries again what found no room, or no connection. */
  void giveBack(Lane lane) {
    Link stage = lane.stage;
    if (returns && stage != null && stage.isUp()) {
      kept.drain(
          lane.number(),
          packet -> isDealtWith(packet, FrameType.RETURNED, stage, Tap.Fate.RETURNED));
    }
  }

  // ---- both ----

  int packets() {
    return kept.packets();
  }

  long bytes() {
    return kept.bytes();
  }

  /** Packets that were kept because of the guest's pause, since it was armed. */
  public long total() {
    return total;
  }

  void close() {
    kept.close();
  }
}
