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
 * @param connections data connections of a migration
 * @param capture tun or pcap
 * @param listensEverywhere whether its daemon listens on whatever addresses it has, and not on this
 *     one alone
 */
public record HostPlan(
    String name,
    Namespace machine,
    IpAddress address,
    String uplink,
    int connections,
    String capture,
    boolean listensEverywhere) {
  /** One that listens on its address alone. */
  public HostPlan(
      String name,
      Namespace machine,
      IpAddress address,
      String uplink,
      int connections,
      String capture) {
    this(name, machine, address, uplink, connections, capture, false);
  }

  /** The port on which daemons listen. */
  public static final int PORT = 4754;

  /** With as many data connections as a configuration that does not say. */
  public HostPlan(String name, Namespace machine, IpAddress address, String uplink) {
    this(name, machine, address, uplink, 4, "tun");
  }

  /** As an {@code endpoint} stands in a configuration: IPv6 in brackets. */
  public String endpoint() {
    return (address.isV4() ? address.toString() : "[" + address + "]") + ":" + PORT;
  }

  /** As {@code listen} stands in its own configuration. */
  String listen() {
    return listensEverywhere ? (address.isV4() ? "0.0.0.0:" : "[::]:") + PORT : endpoint();
  }

  /**
   * The other host as this one knows it.
   *
   * @param granted prefixes of the old addresses that may be tunnelled between them
   * @param endpoint as it stands in the configuration; "" where it is the other that connects
   * @param plaintext whether packets to it may go in clear text, where nobody decides
   */
  public record Remote(
      HostPlan host,
      Fingerprint fingerprint,
      List<String> granted,
      String endpoint,
      boolean plaintext) {
    /** One that can be reached at its address, by TLS where nobody decides. */
    public Remote(HostPlan host, Fingerprint fingerprint, List<String> granted) {
      this(host, fingerprint, granted, host.endpoint(), false);
    }
  }
}
