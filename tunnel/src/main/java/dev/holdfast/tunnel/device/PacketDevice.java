package dev.holdfast.tunnel.device;

import io.netty.buffer.ByteBuf;
import java.io.IOException;

/**
 * Where IP packets leave the kernel and go back to it, each behind a {@code virtio_net_hdr}.
 *
 * <p>A packet is laid out as {@code [virtio_net_hdr 10][IP packet]} ({@link
 * dev.holdfast.tunnel.packet.VirtioNetHeader}); it may be a super-packet of up to 65,535 bytes
 * whose checksum is not complete. Used by one thread, the data loop's; nothing here blocks.
 */
public interface PacketDevice extends AutoCloseable {
  /** Room that a buffer needs for {@link #read}: the header and the longest IP packet. */
  int READ_SIZE = 10 + 65_535;

  /** The interface's name. */
  String name();

  /**
   * Reads one packet, appended at the writer index.
   *
   * @param into direct, with at least {@link #READ_SIZE} writable bytes
   * @return bytes appended, header included; 0 when no packet is there
   * @throws IOException when the device is gone; every later call fails alike
   */
  int read(ByteBuf into) throws IOException;

  /**
   * Writes one packet: all readable bytes. The buffer's indexes and reference stay as they are.
   *
   * @param packet direct
   * @return false when the kernel did not take it: no room, an interface that is down, or a header
   *     that does not fit the bytes; the caller counts it
   * @throws IOException when the device is gone; every later call fails alike
   */
  boolean write(ByteBuf packet) throws IOException;

  /** Closes the device; safe to call twice. */
  @Override
  void close();
}
