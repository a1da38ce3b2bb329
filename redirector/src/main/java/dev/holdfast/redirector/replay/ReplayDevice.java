package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.device.PacketDevice;
import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.function.Consumer;

/** A host's TUN: what arrives is read from it, and what is written goes on at once. */
final class ReplayDevice implements PacketDevice {
  private final String name;
  private final Queue<ByteBuf> arrived = new ArrayDeque<>();
  private final Consumer<ByteBuf> written;

  /**
   * @param written is shown each packet, {@code [virtio_net_hdr][IP packet]}, and keeps no
   *     reference to it
   */
  ReplayDevice(String name, Consumer<ByteBuf> written) {
    this.name = name;
    this.written = written;
  }

  /** Puts a packet in. Takes over the reference. */
  void arrive(ByteBuf packet) {
    arrived.add(packet);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int read(ByteBuf into) {
    ByteBuf packet = arrived.poll();
    if (packet == null) {
      return 0;
    }
    int length = packet.readableBytes();
    into.writeBytes(packet);
    packet.release();
    return length;
  }

  @Override
  public boolean write(ByteBuf packet) {
    written.accept(packet);
    return true;
  }

  @Override
  public void close() {
    arrived.forEach(ByteBuf::release);
    arrived.clear();
  }
}
