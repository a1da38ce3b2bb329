package dev.holdfast.redirector.demo.host;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.identity.Fingerprint;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/**
 * Who a host is and with whom it works.
 *
 * @param name in its own configuration and in the other's
 * @param machine where it runs
 * @param address on which it can be reached
 * @param uplink the interface that has this address
 * @param capture tun or pcap
 */
public record HostPlan(
    String name, Namespace machine, IpAddress address, String uplink, String capture) {
  /** The port on which daemons listen. */
  public static final int PORT = 4754;

  /** As an {@code endpoint} stands in a configuration: IPv6 in brackets. */
  public String endpoint() {
    return (address.isV4() ? address.toString() : "[" + address + "]") + ":" + PORT;
  }

  /**
   * The other host as this one knows it.
   *
   * @param granted prefixes of the old addresses that may be tunnelled between them
   */
  public record Remote(HostPlan host, Fingerprint fingerprint, List<String> granted) {}
}
