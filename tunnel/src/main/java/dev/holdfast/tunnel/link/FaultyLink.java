package dev.holdfast.tunnel.link;

import io.netty.buffer.ByteBuf;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Loses, repeats and reorders packets on their way out, the same ones each time for the same seed.
 * Only PACKET frames are touched: the others are answered or counted on by the protocol, and no
 * network loses them out of a stream.
 */
public final class FaultyLink extends ForwardingLink {
  /**
   * How likely each fault is for one packet, 0 to 1; at most one of them happens to it.
   *
   * @param reorder the packet is sent after the one that follows it, or at the flush
   */
  public record Faults(double loss, double duplicate, double reorder) {
    public Faults {
      if (loss < 0 || duplicate < 0 || reorder < 0 || loss + duplicate + reorder > 1) {
        throw new IllegalArgumentException("the likelihoods must be 0 to 1, all together too");
      }
    }
  }

  private final Faults faults;
  private final RandomGenerator random;
  private @Nullable ByteBuf late;

  public FaultyLink(Link link, Faults faults, RandomGenerator random) {
    super(link);
    this.faults = faults;
    this.random = random;
  }

  @Override
  public Sent send(FrameType type, ByteBuf payload) {
    if (type != FrameType.PACKET) {
      return link.send(type, payload);
    }
    double drawn = random.nextDouble();
    if (drawn < faults.loss) {
      payload.release();
      return Sent.OK;
    }
    drawn -= faults.loss;
    if (drawn < faults.duplicate) {
      Sent unused = link.send(type, payload.copy());
      return link.send(type, payload);
    }
    drawn -= faults.duplicate;
    if (drawn < faults.reorder && late == null && link.isUp()) {
      late = payload;
      return Sent.OK;
    }
    Sent sent = link.send(type, payload);
    sendLate();
    return sent;
  }

  private void sendLate() {
    ByteBuf held = late;
    if (held != null) {
      late = null;
      Sent unused = link.send(FrameType.PACKET, held);
    }
  }

  @Override
  public void flush() {
    sendLate();
    link.flush();
  }

  @Override
  public long queuedBytes() {
    ByteBuf held = late;
    return link.queuedBytes() + (held == null ? 0 : held.readableBytes());
  }

  @Override
  public void close() {
    ByteBuf held = late;
    if (held != null) {
      late = null;
      held.release();
    }
    link.close();
  }
}
