package dev.holdfast.tunnel.device;

import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.buffer.ByteBuf;
import java.io.IOException;

/**
 * Where whole IP packets go out, the header that their sender wrote included. A {@link RawIpSocket}
 * is one; without a kernel it may be a list.
 */
public interface IpOutput {
  /** This host's address: the source of what is sent. */
  IpAddress local();

  /**
   * Queues one packet; it goes to the destination written in it.
   *
   * @param packet direct, its readable bytes; the reference is taken over
   */
  void send(ByteBuf packet) throws IOException;

  /**
   * Sends all that is queued. What is not taken is reported elsewhere, and not kept.
   *
   * @return how many packets were taken
   */
  int flush();
}
