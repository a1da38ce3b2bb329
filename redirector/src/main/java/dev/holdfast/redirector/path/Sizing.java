package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.Fragmenter;
import dev.holdfast.tunnel.packet.IcmpErrors;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.SegmentLength;
import dev.holdfast.tunnel.packet.Segmenter;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Does what {@link Fit} says with a packet that is too big for what it is to go onto: the tunnel on
 * the way in, the LAN on the way out. Packets that fit never come here.
 *
 * <p>An error about a packet comes from the address that the packet was for: this end of the tunnel
 * stands for it (RFC 4443 section 2.2 a), so the error takes the way that answers take, through
 * every filter that lets those pass. Data loop only.
 */
final class Sizing {
  /** Where the pieces go. Each takes over the reference to {@code [virtio_net_hdr][packet]}. */
  interface Ways {
    /** Where the packet was going. */
    void onward(ByteBuf piece);

    /** To the packet's sender; false where it could not be sent, which has been counted. */
    boolean back(ByteBuf answer);
  }

  private final ByteBufAllocator allocator;
  private final Segmenter segmenter = new Segmenter();
  private final Fragmenter fragmenter = new Fragmenter();
  private final PacketView piece = new PacketView();

  Sizing(ByteBufAllocator allocator) {
    this.allocator = allocator;
  }

  /**
   * What is to become of a packet. Changes nothing.
   *
   * @param view checked, behind its virtio_net_hdr at {@code vnet}
   * @param limit bytes that pass whole
   */
  static Fit fit(
      MigrationPath path,
      ByteBuf packet,
      int vnet,
      PacketView view,
      Direction direction,
      int limit,
      long nowNanos) {
    int longest = VirtioNetHeader.longestPiece(packet, vnet, view);
    if (longest <= limit) {
      return Fit.WHOLE;
    }
    return Fit.of(view, longest, limit, path.senders(), flow(path, view, direction), nowNanos);
  }

  private static int flow(MigrationPath path, PacketView view, Direction direction) {
    return path.flows.hash(view, direction) * 31 + direction.ordinal();
  }

  /**
   * Deals with a packet that does not fit, all but its release, or says that it goes on although it
   * is too long.
   *
   * @param packet readable bytes are {@code [virtio_net_hdr][packet]}
   * @param fit what {@link #fit} has said of it, anything but WHOLE
   * @return true where it goes on, for whoever carries it to cut
   */
  boolean goesOn(
      MigrationPath path,
      Fit fit,
      ByteBuf packet,
      PacketView view,
      Direction direction,
      int limit,
      long nowNanos,
      Ways to) {
    int vnet = packet.readerIndex();
    if (!fit.isTold() || tell(path, packet, vnet, view, limit, to)) {
      path.senders().note(fit, limit, flow(path, view, direction), nowNanos);
    }
    if (fit == Fit.IN_FRAGMENTS) {
      path.sizes.cutInside++;
      cut(packet, vnet, view, limit, to);
      return false;
    }
    if (fit.isDropped()) {
      path.drop(DropReason.TOO_BIG);
      return false;
    }
    return true;
  }

  /**
   * The same for what is to go onto a LAN, where no outer packet can be cut: what is to go on goes
   * as shorter TCP segments. What cannot be is dropped and counted, and that its sender does not
   * heed what he is told, or may not be told, is counted as well.
   */
  void deliver(
      MigrationPath path,
      Fit fit,
      ByteBuf packet,
      PacketView view,
      Direction direction,
      int limit,
      long nowNanos,
      Ways to) {
    if (!goesOn(path, fit, packet, view, direction, limit, nowNanos, to)) {
      return;
    }
    if (SegmentLength.shorten(packet, packet.readerIndex(), view, limit)) {
      path.sizes.cutTcp++;
      to.onward(packet.retain());
      return;
    }
    path.drop(DropReason.TOO_BIG);
    if (fit != Fit.TOLD_AND_CARRIED && fit != Fit.CARRIED_MEANWHILE) {
      path.sizes.unheeded++;
    }
  }

  private void cut(ByteBuf packet, int vnet, PacketView view, int limit, Ways to) {
    int longest = Math.max(limit, Fragmenter.SMALLEST_MTU);
    segmenter.begin(packet, vnet, view);
    for (int left = segmenter.segmentCount(); left > 0; left--) {
      ByteBuf segment = plain(segmenter.maxSegmentLength());
      boolean unused = segmenter.next(segment);
      int length = segment.writerIndex() - VirtioNetHeader.LENGTH;
      if (length <= longest
          || piece.check(segment, VirtioNetHeader.LENGTH, length) != PacketFault.NONE) {
        to.onward(segment);
        continue;
      }
      fragmenter.begin(piece, longest);
      for (ByteBuf fragment = plain(longest); ; fragment = plain(longest)) {
        if (!fragmenter.next(fragment)) {
          fragment.release();
          break;
        }
        to.onward(fragment);
      }
      segment.release();
    }
  }

  /** Sends an error to the remote host's side; false, and counted, where that cannot be. */
  static boolean sendBack(MigrationPath path, @Nullable Link live, ByteBuf error) {
    if (live == null) {
      error.release();
      path.drops.count(DropReason.LINK_DOWN);
      return false;
    }
    boolean sent = live.send(FrameType.PACKET, error) == Link.Sent.OK;
    if (!sent) {
      path.drops.count(DropReason.LINK_FULL);
    }
    return sent;
  }

  /** Quotes the packet as its sender's wire has it: of a super-packet, the first segment. */
  private boolean tell(
      MigrationPath path, ByteBuf packet, int vnet, PacketView view, int limit, Ways to) {
    segmenter.begin(packet, vnet, view);
    ByteBuf first = plain(segmenter.maxSegmentLength());
    try {
      boolean unused = segmenter.next(first);
      int length = first.writerIndex() - VirtioNetHeader.LENGTH;
      if (piece.check(first, VirtioNetHeader.LENGTH, length) != PacketFault.NONE) {
        return false;
      }
      ByteBuf error = plain(Fit.SMALLEST_V6);
      if (IcmpErrors.tooBig(error, piece, piece.destination(), Fit.told(limit, piece.isV4()))) {
        boolean sent = to.back(error);
        if (sent) {
          path.sizes.told++;
        }
        return sent;
      }
      error.release();
      return false;
    } finally {
      first.release();
    }
  }

  /** Room for a plain packet, behind a header that says so. */
  private ByteBuf plain(int length) {
    return allocator
        .directBuffer(VirtioNetHeader.LENGTH + length)
        .writeZero(VirtioNetHeader.LENGTH);
  }
}
