package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.packet.IpPrefix;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Another Holdfast host that this one may work with. Its certificate says who it is; where it is
 * may change.
 *
 * @param endpoint where its daemon listens: an address, or a name (unresolved), which is looked up
 *     for each connection anew; null where this host cannot reach it and waits for it to connect
 * @param fingerprint of its certificate, as {@link dev.holdfast.tunnel.identity.Fingerprint#parse}
 *     reads it
 * @param granted old addresses that may be tunnelled between the two; not looked at in this package
 */
public record RemoteHost(
    String name, @Nullable InetSocketAddress endpoint, String fingerprint, List<IpPrefix> granted) {
  public RemoteHost {
    granted = List.copyOf(granted);
  }
}
