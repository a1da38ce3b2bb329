package dev.holdfast.redirector.replay;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** Carries what the re-enacted ends send. */
interface Network {
  /**
   * A peer sends a packet for a guest. Takes over the reference.
   *
   * @param packet {@code [virtio_net_hdr][IP packet]}
   */
  void fromPeer(ByteBuf packet, Machine to);

  /**
   * A guest, which runs, sends a packet. Takes over the reference.
   *
   * @param to the guest that it is for; null: a peer
   */
  void fromMachine(ByteBuf packet, Machine from, @Nullable Machine to);
}
