package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.PacketView;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which guests a packet is from and for. */
final class Players {
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
}
