package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.Lanes;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * One of a migration's data connections, and how far what is held of its flows has got on it. Which
 * flows those are is said by {@link Lanes}. A lane that is down holds its own flows and no others.
 *
 * <p>Data loop only; the links may be looked at by others.
 */
final class Lane {
  private final MigrationPath path;
  private final int number;

  /** Carries live packets; null while there is none. */
  volatile @Nullable Link live;

  /**
   * The TLS data connection: staging and markers; with tls also the live link. Null while it is
   * down.
   */
  volatile @Nullable Link stage;

  /** Frames that have come on it. */
  long heard;

  /** The highest id that was held of this lane's flows. */
  private long lastHeld;

  /** The highest id that was sent ahead on the present {@link #stage}, without a gap. */
  private long sentUpTo;

  /** The highest staging id that this endpoint has delivered, or that the endpoint said it has. */
  private long deliveredUpTo;

  /** Staged packets up to this id come again on a new connection, and are here already. */
  private long againUpTo;

  private long countedUpTo;

  /** A held packet was not sent ahead; those after it wait for it. */
  private boolean gap;

  /** Something was sent for which no marker has followed yet. */
  private boolean markDue;

  /**
   * @param lastHeldId what is held gets higher ids
   */
  Lane(MigrationPath path, int number, long lastHeldId) {
    this.path = path;
    this.number = number;
    lastHeld = lastHeldId;
    sentUpTo = lastHeldId;
    deliveredUpTo = lastHeldId;
  }

  // ---- the redirector's: what is held goes ahead ----

  /**
   * The link is down, or older packets still wait for it, or the guest may be on its way back:
   * going on holding keeps the order and loses nothing.
   */
  boolean mustWait() {
    return waitsFor() != Wait.NOTHING;
  }

  /** What a packet for the guest would have to wait for. */
  enum Wait {
    NOTHING("nothing older waits for it"),
    RETURNING("the guest may be on its way back, and this is for whichever host has it then"),
    LINK("its data connection is down"),
    OLDER("older packets wait for the same data connection"),
    STAGED("what was held is still being sent by TLS, and IP-in-IP would overtake it");

    final String reason;

    Wait(String reason) {
      this.reason = reason;
    }
  }

  Wait waitsFor() {
    Link link = live;
    if (path.back.isQueueing()) {
      return Wait.RETURNING;
    }
    if (link == null || !link.isUp()) {
      return Wait.LINK;
    }
    if (lastHeld > sentUpTo) {
      return Wait.OLDER;
    }
    return isOvertaking(link) ? Wait.STAGED : Wait.NOTHING;
  }

  /**
   * By IP-in-IP a packet would leave before what was held, and waits to be sent by TLS. What TLS
   * has sent is ahead on the same way.
   */
  private boolean isOvertaking(Link packets) {
    Link held = stage;
    return held != null && held != packets && lastHeld > deliveredUpTo && held.queuedBytes() > 0;
  }

  /** A packet is held: it is sent ahead, if all before it have been. */
  void held(long id, ByteBuf packet) {
    lastHeld = id;
    Link link = stage;
    gap = // if true, catchUp sends it later
        gap || path.back.isQueueing() || link == null || !link.isUp() || !send(link, id, packet);
  }

  private boolean send(Link link, long id, ByteBuf packet) {
    if (link.send(FrameType.STAGE, prefixed(id, packet)) != Link.Sent.OK) {
      return false;
    }
    sentUpTo = id;
    markDue = true;
    if (id > countedUpTo) { // one that goes again is counted once
      countedUpTo = id;
      path.stagedTotal++;
    }
    return true;
  }

  /** The packet has been replaced or given up: the endpoint need not keep it either. */
  void removed(long id) {
    Link link = stage;
    if (link != null && link.isUp() && id <= sentUpTo && !path.isReleased()) {
      link.send(FrameType.UNSTAGE, number(id));
    }
  }

  /** Sends ahead what could not be sent when it was held, and what is due after it. */
  void catchUp() {
    Link link = stage;
    if (link == null || !link.isUp() || path.back.isQueueing()) {
      return;
    }
    if (lastHeld > sentUpTo) {
      gap = false;
      path.hold.forEachInOrder(
          number, sentUpTo, (id, lane, packet) -> gap = gap || !send(link, id, packet));
      if (!gap) {
        sentUpTo = lastHeld; // the last ones may have been given up meanwhile
      }
    }
    if (markDue && path.isReleased()) {
      mark();
    }
    link.flush();
  }

  /**
   * Asks the endpoint to say when it has delivered everything that was sent so far; that it is
   * asked at all tells it that its release is known here. Only after release.
   */
  void mark() {
    Link link = stage;
    if (link != null && link.isUp()) {
      markDue = link.send(FrameType.MARKER, number(sentUpTo)) != Link.Sent.OK;
      link.flush();
    }
  }

  /** The endpoint's answer to a marker: it has these, and the copies may go. */
  void answered(long upTo) {
    if (path.isReleased() && upTo <= sentUpTo) {
      deliveredUpTo = Math.max(deliveredUpTo, upTo);
      path.hold.deliveredUpTo(number, deliveredUpTo);
    }
  }

  /**
   * The endpoint has delivered what was staged up to {@code stagedUpTo}. What it had no room for,
   * or had not yet got, goes once more; it knows what it has delivered.
   */
  void beginRedirect(long stagedUpTo) {
    deliveredUpTo = Math.max(deliveredUpTo, Math.min(stagedUpTo, sentUpTo));
    sentUpTo = deliveredUpTo;
    markDue = true;
    catchUp();
  }

  // ---- the endpoint's: what was staged ----

  /** True where the guest has that packet, or it is staged. */
  boolean isHere(long id) {
    return id <= deliveredUpTo || id <= againUpTo;
  }

  /** The guest has that packet now. */
  void delivered(long id) {
    deliveredUpTo = Math.max(deliveredUpTo, id);
  }

  int number() {
    return number;
  }

  long deliveredUpTo() {
    return deliveredUpTo;
  }

  // ---- both ----

  /**
   * The connection is up (again). What was sent on an earlier one may be lost, so it is sent again
   * unless it is known to be delivered.
   */
  void linkUp(Link stageLink, Link liveLink) {
    Link before = stage;
    if (before instanceof TappedLink earlier && !earlier.isOf(stageLink)) {
      // Its end may be noticed here much later than at the other host, which has made a new one:
      // nothing more may come of it, least of all the word that the link is down.
      before.close();
    }
    Link tapped = new TappedLink(stageLink, path, number);
    stage = tapped;
    live = liveLink == stageLink ? tapped : liveLink;
    sentUpTo = deliveredUpTo;
    gap = lastHeld > sentUpTo;
    markDue = path.role == Role.REDIRECTOR; // those on the earlier one may have got no answer
    if (path.role == Role.ENDPOINT && !path.isReleased()) {
      // What the redirector still holds comes again. What is here stays here: if that host's daemon
      // was killed, these are the only copies.
      againUpTo = path.staging.lastId(number);
    }
  }

  void linkDown() {
    // IP-in-IP has no connection that could tell: what cannot be staged is not tunnelled either but
    // held. What comes from the guest cannot be held, and may still arrive.
    if (path.role == Role.REDIRECTOR || live == stage) {
      live = null;
    }
    stage = null;
  }

  /** Asks the other host to say that it is there. */
  void askForLife() {
    Link link = stage;
    if (link != null && link.isUp()) {
      link.send(FrameType.MARKER, number(InboundPath.SIGN_OF_LIFE));
      link.flush();
    }
  }

  boolean isUp() {
    Link link = stage;
    return link != null && link.isUp();
  }

  MigrationView.ConnectionView view() {
    Link link = stage;
    return link != null && link.isUp()
        ? new MigrationView.ConnectionView(number + 1, true, link.ends(), link.queuedBytes())
        : new MigrationView.ConnectionView(number + 1, false, "", 0);
  }

  /** Ends the batch on its links. */
  void flush() {
    Link packets = live;
    Link staged = stage;
    if (packets != null) {
      packets.flush();
    }
    if (staged != null && staged != packets) {
      staged.flush();
    }
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
}
