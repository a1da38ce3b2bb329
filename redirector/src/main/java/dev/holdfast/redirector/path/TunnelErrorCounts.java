package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.encap.TunnelError;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/**
 * How many ICMP errors about the tunnel's own packets have come, by remote host and by what became
 * of them. Of a daemon's whole life; read by any thread.
 */
public final class TunnelErrorCounts {
  /** What is about none of the remote hosts has no name. */
  private static final String NOBODY = "";

  private final Map<IpAddress, String> names = new ConcurrentHashMap<>();
  private final Map<String, AtomicLongArray> counts = new ConcurrentHashMap<>();

  /** Packets to {@code name} go to {@code address} from now on. */
  public void located(String name, IpAddress address) {
    if (!name.equals(names.get(address))) {
      names.values().removeIf(name::equals);
      names.put(address, name);
    }
  }

  /** The configured name of the remote host at {@code address}; the address where it has none. */
  String name(IpAddress address) {
    return names.getOrDefault(address, address.toString());
  }

  void count(@Nullable IpAddress remote, TunnelError error) {
    String name = remote == null ? NOBODY : names.getOrDefault(remote, NOBODY);
    long unused =
        counts
            .computeIfAbsent(name, n -> new AtomicLongArray(TunnelError.values().length))
            .incrementAndGet(error.ordinal());
  }

  /** Those about packets to the remote host of that name, by label; what never occurred is not. */
  public Map<String, Long> of(String name) {
    Map<String, Long> seen = new LinkedHashMap<>();
    AtomicLongArray counted = counts.get(name);
    for (TunnelError error : TunnelError.values()) {
      long n = counted == null ? 0 : counted.get(error.ordinal());
      if (n != 0) {
        seen.put(error.label(), n);
      }
    }
    return seen;
  }

  /** Those about packets to no remote host: somebody makes them up. */
  public Map<String, Long> ofNobody() {
    return of(NOBODY);
  }
}
