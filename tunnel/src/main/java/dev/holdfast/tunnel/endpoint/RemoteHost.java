package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.packet.IpPrefix;
import java.net.InetSocketAddress;
import java.util.List;

/**
 * Another Holdfast host that this one may work with.
 *
 * @param endpoint where its daemon listens, an address and no name
 * @param fingerprint of its certificate, as {@link dev.holdfast.tunnel.identity.Fingerprint#parse}
 *     reads it
 * @param granted old addresses that may be tunnelled between the two; not looked at in this package
 */
public record RemoteHost(
    String name, InetSocketAddress endpoint, String fingerprint, List<IpPrefix> granted) {
  public RemoteHost {
    granted = List.copyOf(granted);
  }
}
