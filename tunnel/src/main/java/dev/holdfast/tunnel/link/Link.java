package dev.holdfast.tunnel.link;

import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * One way to carry packets to one remote host for one migration. Used by the data loop's thread
 * alone.
 *
 * <p>Decorators (counting, tapping, seeded faults) are links that wrap links.
 */
public interface Link extends AutoCloseable {
  /** What became of a frame that was handed over. */
  enum Sent {
    OK(null),
    /** Not sent: there is no connection now. */
    DOWN(DropReason.LINK_DOWN),
    /** Not sent: the bounded queue is full. */
    FULL(DropReason.LINK_FULL),
    /** Not sent: it does not fit this link and may not be fragmented. */
    TOO_BIG(DropReason.TOO_BIG),
    /** Not sent: it is no packet. */
    MALFORMED(DropReason.MALFORMED),
    /** Not sent: it has been in this tunnel, or says that it may not go into one. */
    LOOP(DropReason.LOOP);

    private final @Nullable DropReason drop;

    Sent(@Nullable DropReason drop) {
      this.drop = drop;
    }

    /** Why it was dropped, for the caller to count: the link has not. Null where it was sent. */
    public @Nullable DropReason drop() {
      return drop;
    }
  }

  /**
   * Sends one frame. The link takes over the caller's reference to {@code payload} whatever the
   * answer.
   *
   * @param payload as {@link FrameType} says for this type; its readable bytes are the frame's
   */
  Sent send(FrameType type, ByteBuf payload);

  /** Ends a batch: what was sent since the last flush goes out now. */
  void flush();

  boolean isUp();

  /** Bytes handed over and not yet taken by the kernel. */
  long queuedBytes();

  /** The largest inner packet that passes unfragmented, in bytes; 65535 where any does. */
  int innerMtu();

  /** The same for this packet, whose options may make the outer header longer. */
  default int innerMtu(PacketView packet) {
    return innerMtu();
  }

  /**
   * The connection's two ends as {@code address:port - address:port}, this host's first; "" where
   * there is no connection.
   */
  default String ends() {
    return "";
  }

  @Override
  void close();
}
