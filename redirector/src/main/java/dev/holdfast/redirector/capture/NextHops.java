package dev.holdfast.redirector.capture;

import dev.holdfast.redirector.steer.HostFacts.LanRoute;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which neighbour of a LAN leads to an address: the route with the longest prefix says so. */
final class NextHops {
  private final List<LanRoute> longestFirst;

  NextHops(List<LanRoute> routes) {
    longestFirst =
        routes.stream()
            .sorted(Comparator.comparingInt((LanRoute route) -> route.prefix().length()).reversed())
            .toList();
  }

  /** The address itself where it is on the link, else the gateway; null where nothing leads. */
  @Nullable IpAddress to(IpAddress address) {
    for (LanRoute route : longestFirst) {
      if (route.prefix().contains(address)) {
        IpAddress gateway = route.gateway();
        return gateway == null ? address : gateway;
      }
    }
    return null;
  }
}
