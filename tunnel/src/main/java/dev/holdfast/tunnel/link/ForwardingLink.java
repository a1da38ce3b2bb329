package dev.holdfast.tunnel.link;

import io.netty.buffer.ByteBuf;

/** A link that passes everything on to another: a decorator overrides what it is for. */
public abstract class ForwardingLink implements Link {
  /** What it wraps. */
  protected final Link link;

  protected ForwardingLink(Link link) {
    this.link = link;
  }

  @Override
  public Sent send(FrameType type, ByteBuf payload) {
    return link.send(type, payload);
  }

  @Override
  public void flush() {
    link.flush();
  }

  @Override
  public boolean isUp() {
    return link.isUp();
  }

  @Override
  public long queuedBytes() {
    return link.queuedBytes();
  }

  @Override
  public int innerMtu() {
    return link.innerMtu();
  }

  @Override
  public String ends() {
    return link.ends();
  }

  @Override
  public void close() {
    link.close();
  }
}
