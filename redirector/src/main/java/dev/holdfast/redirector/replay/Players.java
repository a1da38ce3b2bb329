package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which guests a packet is from and for. */
final class Players {
  private static final long V4_MAPPED = 0xffff_0000_0000L; // as IpAddress has IPv4

  private Players() {}

  static @Nullable Machine from(List<Machine> machines, PacketView view) {
    for (int i = 0; i < machines.size(); i++) {
      if (machines.get(i).isFrom(view)) {
        return machines.get(i);
      }
    }
    return null;
  }

  static @Nullable Machine to(List<Machine> machines, PacketView view) {
    for (int i = 0; i < machines.size(); i++) {
      if (machines.get(i).isTo(view)) {
        return machines.get(i);
      }
    }
    return null;
  }

  /**
   * Whom a kernel would route a packet to that a path has checked: by its destination alone.
   *
   * @param start index of the IP header
   */
  static @Nullable Machine to(List<Machine> machines, ByteBuf packet, int start) {
    boolean isV4 = packet.getByte(start) >> 4 == 4;
    long high = isV4 ? 0 : packet.getLong(start + 24);
    long low = isV4 ? V4_MAPPED | packet.getUnsignedInt(start + 16) : packet.getLong(start + 32);
    for (int i = 0; i < machines.size(); i++) {
      List<IpAddress> olds = machines.get(i).olds();
      for (int each = 0; each < olds.size(); each++) {
        if (olds.get(each).low() == low && olds.get(each).high() == high) {
          return machines.get(i);
        }
      }
    }
    return null;
  }
}
