package dev.holdfast.redirector.capture;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** Where captured frames come from. */
interface FrameSource {
  /** The next frame, from the destination MAC on; null when there is none now. Never waits. */
  byte @Nullable [] poll();

  /**
   * Appends the next frame of UDP longer than the LAN's MTU, without a VLAN tag, as {@code
   * [virtio_net_hdr][frame]}; the header's offsets count from the start of the frame. {@link #poll}
   * gives the same frames too, less well described.
   *
   * @return bytes appended; 0 when there is none now. Never waits.
   */
  int pollLongUdp(ByteBuf into);

  /** Frames that were captured and lost before they could be read, in all. */
  long lost();
}
