package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * At which MAC the receiver of a packet is, without the kernel's neighbour table: this host's is
 * not to be changed, and may have no address in the LAN at all.
 *
 * <p>First comes what a peer's own frames have shown, which costs no question and is right where
 * routers share an address. What is older than {@link #FRESH_NANOS} is looked up by route and asked
 * for (ARP, RFC 826; neighbour solicitation, RFC 4861); until somebody answers it still holds. Only
 * where nothing at all is known do packets wait, a bounded number of them. There is no timer: each
 * packet that finds no answer asks again, and senders repeat themselves. Data loop only.
 */
final class Neighbours {
  /** So soon a router that was replaced, or a peer that has another MAC now, is found. */
  static final long FRESH_NANOS = 30_000_000_000L;

  /** Between two questions for the same neighbour. */
  static final long ASK_NANOS = 200_000_000L;

  /** Packets that wait for one neighbour; the oldest give way. */
  static final int WAITING = 64;

  /** Bytes that wait for all of them: a super-packet is as long as fifty others. */
  static final int WAITING_BYTES = 4 << 20;

  /** Nobody waits for an answer that long; what is sent later than that would only confuse. */
  static final long WAITING_NANOS = 3_000_000_000L;

  /** Neighbours that are asked for; who is asked for longest gives way. */
  static final int ASKED = 256;

  /** Asks who has {@code target}, as {@code asker}, where {@code near} is or was. */
  interface Questions {
    void ask(IpAddress target, IpAddress asker, long near);
  }

  private static final class Neighbour {
    final ArrayDeque<ByteBuf> waiting = new ArrayDeque<>();
    long link = LinkAddress.NONE;
    long confirmedNanos;
    long askedNanos;
    long waitingSinceNanos;
    boolean wasAsked;
  }

  private final LinkCache heard = new LinkCache();
  private final PinnedLinks pinned = new PinnedLinks();
  private final NextHops routes;
  private final Questions questions;
  private final DropCounters drops;
  private final LinkedHashMap<IpAddress, Neighbour> asked = new LinkedHashMap<>();
  private int waitingBytes;

  Neighbours(NextHops routes, Questions questions, DropCounters drops) {
    this.routes = routes;
    this.questions = questions;
    this.drops = drops;
  }

  /** From now on {@code address} is at {@code link} for good: the guest's own. */
  void pin(IpAddress address, long link) {
    pinned.put(address, link);
  }

  void unpin(IpAddress address) {
    pinned.remove(address);
  }

  /**
   * A frame from {@code link} brought a packet from the address in {@code view}'s source. Anybody
   * can write a guest's address there, so of that only the guest's own frames tell anything.
   */
  void heard(PacketView view, long link, long nowNanos) {
    if (!pinned.heard(view.sourceHigh(), view.sourceLow(), link)) {
      heard.put(view.sourceHigh(), view.sourceLow(), link, nowNanos);
    }
  }

  /**
   * Where to send the packet in {@code view}; {@link LinkAddress#NONE} where that is not known yet,
   * and then it was asked for, if somebody could know it.
   */
  long of(PacketView view, long nowNanos) {
    long high = view.destinationHigh();
    long low = view.destinationLow();
    long guest = pinned.get(high, low);
    if (guest != LinkAddress.NONE) {
      return guest;
    }
    long link = heard.get(high, low, nowNanos - FRESH_NANOS);
    return link == LinkAddress.NONE ? find(high, low, view.source(), nowNanos) : link;
  }

  private long find(long high, long low, IpAddress asker, long nowNanos) {
    IpAddress destination = new IpAddress(high, low);
    long last = heard.get(high, low, Long.MIN_VALUE);
    IpAddress hop = routes.to(destination);
    if (hop == null) {
      return last;
    }
    Neighbour neighbour = neighbour(hop);
    boolean isConfirmed =
        neighbour.link != LinkAddress.NONE && nowNanos - neighbour.confirmedNanos < FRESH_NANOS;
    if (isConfirmed) {
      heard.put(high, low, neighbour.link, nowNanos);
      return neighbour.link;
    }
    if (!neighbour.wasAsked || nowNanos - neighbour.askedNanos >= ASK_NANOS) {
      neighbour.wasAsked = true;
      neighbour.askedNanos = nowNanos;
      questions.ask(hop, asker, neighbour.link != LinkAddress.NONE ? neighbour.link : last);
    }
    return neighbour.link != LinkAddress.NONE ? neighbour.link : last;
  }

  private Neighbour neighbour(IpAddress hop) {
    Neighbour known = asked.get(hop);
    if (known != null) {
      return known;
    }
    if (asked.size() >= ASKED) {
      giveUp(asked.pollFirstEntry().getValue());
    }
    Neighbour fresh = new Neighbour();
    asked.put(hop, fresh);
    return fresh;
  }

  /** Keeps a copy of a packet whose receiver {@link #of} did not know. */
  void await(PacketView view, ByteBuf packet, long nowNanos) {
    IpAddress hop = routes.to(view.destination());
    Neighbour neighbour = hop == null ? null : asked.get(hop);
    if (neighbour == null) {
      drops.count(DropReason.NO_NEIGHBOUR);
      return;
    }
    giveUpOld(neighbour, nowNanos);
    if (neighbour.waiting.size() >= WAITING) {
      drop(neighbour.waiting.remove());
    }
    if (waitingBytes + packet.readableBytes() > WAITING_BYTES) {
      drops.count(DropReason.NO_NEIGHBOUR);
      return;
    }
    if (neighbour.waiting.isEmpty()) {
      neighbour.waitingSinceNanos = nowNanos;
    }
    neighbour.waiting.add(packet.copy());
    waitingBytes += packet.readableBytes();
  }

  private void giveUpOld(Neighbour neighbour, long nowNanos) {
    if (nowNanos - neighbour.waitingSinceNanos > WAITING_NANOS) {
      giveUp(neighbour);
    }
  }

  /**
   * {@code address} says that it is at {@code link}; who was not asked for is not listened to.
   *
   * @param send gets the packets that waited for it, and does not keep them
   */
  void answered(
      @Nullable IpAddress address, long link, long nowNanos, BiConsumer<ByteBuf, Long> send) {
    Neighbour neighbour = address == null ? null : asked.get(address);
    if (neighbour == null) {
      return;
    }
    neighbour.link = link;
    neighbour.confirmedNanos = nowNanos;
    giveUpOld(neighbour, nowNanos);
    for (ByteBuf packet = neighbour.waiting.poll();
        packet != null;
        packet = neighbour.waiting.poll()) {
      waitingBytes -= packet.readableBytes();
      send.accept(packet, link);
      packet.release();
    }
  }

  private void giveUp(Neighbour neighbour) {
    neighbour.waiting.forEach(this::drop);
    neighbour.waiting.clear();
  }

  private void drop(ByteBuf packet) {
    drops.count(DropReason.NO_NEIGHBOUR);
    waitingBytes -= packet.readableBytes();
    packet.release();
  }

  /** Frees what still waits. */
  void close() {
    asked.values().forEach(this::giveUp);
    asked.clear();
  }
}
