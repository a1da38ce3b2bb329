package dev.holdfast.redirector.capture;

import io.netty.buffer.ByteBuf;
import java.io.IOException;

/** Where frames are put on a LAN. */
interface FrameSink {
  /**
   * Sends {@code [virtio_net_hdr][frame]}, all readable bytes; the header's offsets count from the
   * start of the frame.
   *
   * @return false when the kernel did not take it
   * @throws IOException when the interface is gone
   */
  boolean send(ByteBuf frame) throws IOException;
}
