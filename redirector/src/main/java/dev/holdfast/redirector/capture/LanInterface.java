package dev.holdfast.redirector.capture;

import dev.holdfast.redirector.steer.HostFacts.LanRoute;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.List;

/**
 * What is known of the interface on which frames are captured and sent, when it was opened.
 *
 * @param mac its own, the source of all frames that are sent
 * @param mtu the longest IP packet of its LAN, bytes
 * @param own this host's addresses there; may be empty
 * @param routes this host's own, by this interface
 */
public record LanInterface(
    String name, MacAddress mac, int mtu, List<IpAddress> own, List<LanRoute> routes) {
  public LanInterface {
    own = List.copyOf(own);
    routes = List.copyOf(routes);
  }
}
