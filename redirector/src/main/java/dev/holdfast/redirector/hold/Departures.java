package dev.holdfast.redirector.hold;

import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** Sees what leaves a queue, while somebody wants to. */
@FunctionalInterface
public interface Departures {
  /**
   * A packet leaves.
   *
   * @param id 0 where it has none
   * @param vnetPacket the queue's own copy, to be read during the call
   * @param why null where it was delivered, or taken back by who had it staged
   */
  void left(long id, ByteBuf vnetPacket, @Nullable DropReason why);
}
