package dev.holdfast.tunnel.link;

import io.netty.buffer.ByteBuf;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts what passes in both directions. It wraps the link, and the receiver that the link is made
 * with. Counters are written by the data loop's thread alone and read by any.
 */
public final class CountingLink extends ForwardingLink {
  /** Frames and payload bytes of one direction. */
  public static final class Counter {
    private final AtomicLong frames = new AtomicLong();
    private final AtomicLong bytes = new AtomicLong();

    private void count(int length) {
      frames.setRelease(frames.getPlain() + 1);
      bytes.setRelease(bytes.getPlain() + length);
    }

    public long frames() {
      return frames.getAcquire();
    }

    public long bytes() {
      return bytes.getAcquire();
    }
  }

  /** The counters of one link; they outlive it where it is opened anew. */
  public static final class Counters {
    private final Counter sent = new Counter();
    private final Counter received = new Counter();

    /** Frames that the link took. */
    public Counter sent() {
      return sent;
    }

    public Counter received() {
      return received;
    }
  }

  private final Counters counters;

  public CountingLink(Link link, Counters counters) {
    super(link);
    this.counters = counters;
  }

  /** Give this to the link in {@code receiver}'s place. */
  public static LinkReceiver receiver(LinkReceiver receiver, Counters counters) {
    return new LinkReceiver() {
      @Override
      public void onFrame(FrameType type, ByteBuf payload) {
        counters.received.count(payload.readableBytes());
        receiver.onFrame(type, payload);
      }

      @Override
      public void onBatchEnd() {
        receiver.onBatchEnd();
      }

      @Override
      public void onWritable() {
        receiver.onWritable();
      }

      @Override
      public void onUp() {
        receiver.onUp();
      }

      @Override
      public void onDown(String reason) {
        receiver.onDown(reason);
      }
    };
  }

  @Override
  public Sent send(FrameType type, ByteBuf payload) {
    int length = payload.readableBytes();
    Sent sent = link.send(type, payload);
    if (sent == Sent.OK) {
      counters.sent.count(length);
    }
    return sent;
  }
}
