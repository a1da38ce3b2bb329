package dev.holdfast.tunnel.endpoint;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.security.Security;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * Where remote hosts are: where the config says, by address or by name, and behind that the address
 * from which each has last proven itself. A host is known by its certificate, so an address that is
 * out of date costs time and nothing else. The loop's thread's alone.
 */
final class Whereabouts {
  static {
    // A name is looked up because the host may have moved: an old answer would be of no use. The
    // JDK reads these when it first looks up a name.
    Security.setProperty("networkaddress.cache.ttl", "0");
    Security.setProperty("networkaddress.cache.negative.ttl", "0");
  }

  private final Executor loop;
  private final EndpointOptions.Resolver resolver;
  private final Map<String, InetAddress> seen = new HashMap<>();
  private final Set<InetAddress> known = new HashSet<>();

  /**
   * @param loop on which what was asked for is answered
   */
  Whereabouts(Executor loop, EndpointOptions.Resolver resolver) {
    this.loop = loop;
    this.resolver = resolver;
  }

  /** Connections from this address may be a remote host's. */
  void expect(InetAddress address) {
    known.add(address);
  }

  /** Whether a remote host has, or has had, this address. */
  boolean isKnown(InetAddress address) {
    return known.contains(address);
  }

  /** A connection from this address has just been proven to be the remote host's. */
  void proven(String remote, InetAddress address) {
    seen.put(remote, address);
    known.add(address);
  }

  /**
   * Where to try, in this order.
   *
   * @return completed on the loop's thread, at once where no name must be looked up; fails with a
   *     {@link TunnelException}
   */
  CompletableFuture<List<InetSocketAddress>> find(RemoteHost remote) {
    InetSocketAddress endpoint = remote.endpoint();
    if (endpoint == null) {
      return CompletableFuture.failedFuture(
          new TunnelException(
              remote.name()
                  + " has no endpoint in the config, so the connection must come from there, and"
                  + " there is none: is its daemon running, and can it reach this host?"));
    }
    InetAddress literal = endpoint.getAddress();
    if (literal != null) {
      return CompletableFuture.completedFuture(all(remote, endpoint.getPort(), List.of(literal)));
    }
    CompletableFuture<List<InetSocketAddress>> found = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("resolve-" + remote.name())
        .start(() -> lookUp(remote, endpoint, found));
    return found;
  }

  private void lookUp(
      RemoteHost remote,
      InetSocketAddress endpoint,
      CompletableFuture<List<InetSocketAddress>> found) {
    List<InetAddress> addresses = new ArrayList<>();
    @Nullable String problem = null;
    try {
      addresses.addAll(resolver.resolve(endpoint.getHostString()));
    } catch (UnknownHostException e) {
      problem = e.getMessage();
    }
    String why = problem;
    try {
      loop.execute(() -> {
        List<InetSocketAddress> all = all(remote, endpoint.getPort(), addresses);
        if (all.isEmpty()) {
          found.completeExceptionally(
              new TunnelException(
                  "the endpoint of "
                      + remote.name()
                      + ", "
                      + endpoint.getHostString()
                      + ", has no address now: "
                      + why));
        } else {
          found.complete(all);
        }
      });
    } catch (RejectedExecutionException e) {
      found.completeExceptionally(new TunnelException("this daemon has stopped"));
    }
  }

  private List<InetSocketAddress> all(RemoteHost remote, int port, List<InetAddress> configured) {
    List<InetAddress> addresses = new ArrayList<>(configured);
    InetAddress last = seen.get(remote.name());
    if (last != null && !addresses.contains(last)) {
      addresses.add(last);
    }
    return addresses.stream().map(address -> new InetSocketAddress(address, port)).toList();
  }
}
