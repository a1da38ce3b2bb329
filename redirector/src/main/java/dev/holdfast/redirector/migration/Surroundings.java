package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the guest is on this host: what the request left open, found out.
 *
 * @param from the old LAN's interface
 * @param guestMac null for a guest that is not on a bridge
 * @param oldLans prefixes that the guest takes for its own LAN
 */
record Surroundings(String from, @Nullable MacAddress guestMac, List<IpPrefix> oldLans) {

  /**
   * Looks at the host; changes nothing.
   *
   * @throws RequestRefused naming the option that would say what cannot be found
   */
  static Surroundings find(Host host, MigrationSpec spec) throws RequestRefused {
    HostFacts facts = new HostFacts(host.kernel());
    try {
      String from = spec.from();
      String port = spec.guestPort();
      if (port != null && facts.device(port).isEmpty()) {
        throw refused("there is no interface " + port + " (--guest-port) on this host");
      }
      if (from == null && port != null) {
        from = facts.bridgeOf(port).orElse(port); // on no bridge: the guest is routed by it
      }
      if (from == null) {
        throw refused("give --guest-port or --from");
      }
      HostFacts.Device device = facts.device(from).orElse(null);
      if (device == null) {
        throw refused("there is no interface " + from + " (--from) on this host");
      }
      MacAddress mac = spec.guestMac();
      if (mac == null) {
        mac = facts.guestMac(from, port, spec.olds()).orElse(null);
      }
      if (mac == null && device.isBridge()) {
        throw refused(
            "the guest's MAC is not known here (neither a neighbour entry for "
                + spec.olds()
                + " on "
                + from
                + " nor a single address learnt behind its port); give --guest-mac");
      }
      return new Surroundings(from, mac, facts.oldLans(from));
    } catch (IOException e) {
      throw new RequestRefused(
          RequestRefused.Kind.FAILED, "this host could not be looked at: " + e.getMessage(), e);
    }
  }

  private static RequestRefused refused(String text) {
    return new RequestRefused(RequestRefused.Kind.REFUSED, text);
  }
}
