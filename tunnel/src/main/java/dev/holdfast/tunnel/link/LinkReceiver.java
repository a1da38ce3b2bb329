package dev.holdfast.tunnel.link;

import io.netty.buffer.ByteBuf;

/** Takes what arrives on a {@link Link}. Called on the data loop's thread alone. */
public interface LinkReceiver {
  /**
   * One frame whose length has been checked and whose type is known; its content is still
   * untrusted.
   *
   * @param payload readable bytes are the frame's payload; released by the link after this call, so
   *     retain or copy what is kept. It may be written to (headroom before it may not).
   */
  void onFrame(FrameType type, ByteBuf payload);

  /** A read batch has ended: flush what was written because of it. */
  default void onBatchEnd() {}

  /** There is room again after a frame was answered with {@link Link.Sent#FULL}. */
  default void onWritable() {}

  /** The link came up (again). */
  default void onUp() {}

  /** The link went down; it may come up again by itself unless it was closed. */
  default void onDown(String reason) {}
}
