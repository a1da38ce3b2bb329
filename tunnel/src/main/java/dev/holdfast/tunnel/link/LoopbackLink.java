package dev.holdfast.tunnel.link;

import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Two links in memory, each the other's far end. What one sends reaches the other's receiver when
 * it flushes; an answer that the receiver sends and flushes meanwhile follows when the first
 * delivery is complete, in the order sent.
 */
public final class LoopbackLink implements Link {
  private record Frame(FrameType type, ByteBuf payload) {}

  private final LinkReceiver receiver;
  private final Deque<Frame> sent = new ArrayDeque<>();
  private final Wire wire;
  private LoopbackLink other = this;
  private boolean flushed;
  private long queuedBytes;

  /** What both ends share. */
  private static final class Wire {
    boolean up = true;
    boolean delivering;
  }

  /** Both ends; {@code a} sends to {@code b} and the other way round. */
  public record Pair(LoopbackLink a, LoopbackLink b) {}

  private LoopbackLink(LinkReceiver receiver, Wire wire) {
    this.receiver = receiver;
    this.wire = wire;
  }

  /**
   * @param atA takes what {@code b} sends
   * @param atB takes what {@code a} sends
   */
  public static Pair pair(LinkReceiver atA, LinkReceiver atB) {
    Wire wire = new Wire();
    LoopbackLink a = new LoopbackLink(atA, wire);
    LoopbackLink b = new LoopbackLink(atB, wire);
    a.other = b;
    b.other = a;
    return new Pair(a, b);
  }

  @Override
  public Sent send(FrameType type, ByteBuf payload) {
    if (!wire.up) {
      payload.release();
      return Sent.DOWN;
    }
    queuedBytes += payload.readableBytes();
    try {
      sent.add(new Frame(type, payload.copy())); // as a network does: the far end may write to it
    } finally {
      payload.release();
    }
    return Sent.OK;
  }

  @Override
  public void flush() {
    flushed = true;
    if (wire.delivering) {
      return;
    }
    wire.delivering = true;
    try {
      while (deliver() | other.deliver()) {
        // an answer may call for another answer
      }
    } finally {
      wire.delivering = false;
    }
  }

  private boolean deliver() {
    if (!flushed || sent.isEmpty()) {
      return false;
    }
    flushed = false;
    for (int n = sent.size(); n > 0 && wire.up; n--) {
      Frame frame = sent.remove();
      queuedBytes -= frame.payload.readableBytes();
      try {
        other.receiver.onFrame(frame.type, frame.payload);
      } finally {
        frame.payload.release();
      }
    }
    other.receiver.onBatchEnd();
    return true;
  }

  @Override
  public boolean isUp() {
    return wire.up;
  }

  @Override
  public long queuedBytes() {
    return queuedBytes;
  }

  @Override
  public int innerMtu() {
    return 65_535;
  }

  /** Both ends are down from now on; the other end's receiver is told. */
  @Override
  public void close() {
    if (!wire.up) {
      return;
    }
    wire.up = false;
    drop();
    other.drop();
    other.receiver.onDown("the other host closed the connection");
  }

  private void drop() {
    sent.forEach(frame -> frame.payload.release());
    sent.clear();
    queuedBytes = 0;
  }
}
