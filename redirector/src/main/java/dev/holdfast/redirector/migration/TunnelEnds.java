package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.tunnel.packet.IpAddress;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The addresses between which tunnels run. None of them can be a guest's old address: what is for
 * it would be captured, and with it the tunnel's own packets, which would be put into the tunnel
 * (RFC 2003 section 3.2).
 */
final class TunnelEnds {
  private TunnelEnds() {}

  /** Adds to {@code mistakes} which of {@code olds} are such. */
  static void check(
      Config config, Config.@Nullable Remote remote, List<IpAddress> olds, List<String> mistakes) {
    for (IpAddress old : olds) {
      String against = against(config, remote, old);
      if (against != null) {
        mistakes.add(against);
      }
    }
  }

  /** Why {@code old} cannot be moved, as far as this host's config tells; null where it can. */
  static @Nullable String against(Config config, Config.@Nullable Remote remote, IpAddress old) {
    if (isAt(config.tunnel().listen(), old)) {
      return old
          + " is this host's own end of its tunnels ([tunnel] listen), so its packets cannot go"
          + " through one: give the address of the guest";
    }
    InetSocketAddress far = remote == null ? null : remote.endpoint();
    if (remote != null && far != null && isAt(far, old)) {
      return old
          + " is where [[remote]] "
          + remote.name()
          + " has its end of the tunnel (endpoint), so its packets cannot go through that: give the"
          + " address of the guest";
    }
    return null;
  }

  private static boolean isAt(InetSocketAddress end, IpAddress address) {
    return end.getAddress() != null && IpAddress.of(end.getAddress()).equals(address);
  }
}
