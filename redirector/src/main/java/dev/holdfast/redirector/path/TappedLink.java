package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.link.ForwardingLink;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;

/** A migration's data connection whose frames are shown to whoever records them. */
final class TappedLink extends ForwardingLink {
  private final MigrationPath path;
  private final int lane;

  TappedLink(Link link, MigrationPath path, int lane) {
    super(link);
    this.path = path;
    this.lane = lane;
  }

  /** True for a decorator of {@code other}. */
  boolean isOf(Link other) {
    return link == other;
  }

  @Override
  public Sent send(FrameType type, ByteBuf payload) {
    Tap tap = path.tap;
    if (tap == null) {
      return link.send(type, payload);
    }
    int at = payload.readerIndex();
    int length = payload.readableBytes();
    payload.retain(); // the link reads it to its end, and lets it go
    try {
      Sent sent = link.send(type, payload);
      tap.frame(Tap.Place.OUTER_TLS_SENT, path, lane, type, payload, at, length, sent.drop());
      return sent;
    } finally {
      payload.release();
    }
  }

  @Override
  public int innerMtu(PacketView packet) {
    return link.innerMtu(packet);
  }
}
