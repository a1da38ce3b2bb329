package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.path.IpInIpDispatch;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * IP-in-IP between the sites of a {@link Rehearsal}: raw sockets from an address of this host to
 * itself, which never leaves it.
 */
final class RehearsalIpInIp implements AutoCloseable {
  private static final int LAN_MTU = 1500;

  private final DataLoop loop;
  private final RehearsalSite old;
  private final RehearsalSite fresh;
  private final IpInIpDispatch dispatch;

  private RehearsalIpInIp(
      DataLoop loop, RehearsalSite old, RehearsalSite fresh, IpInIpDispatch dispatch) {
    this.loop = loop;
    this.old = old;
    this.fresh = fresh;
    this.dispatch = dispatch;
  }

  /** The address to rehearse with, where {@code own} is one that IP-in-IP can be used with. */
  static @Nullable IpAddress address(InetAddress own) {
    IpAddress address = IpAddress.of(own);
    // No packet on a wire has a loopback address (RFC 1122, section 3.2.1.3): they are refused.
    // IPv6 link-local addresses need a zone, which tunnels do not have.
    boolean usable =
        !own.isAnyLocalAddress() && !own.isLoopbackAddress() && !own.isLinkLocalAddress();
    return usable ? address : null;
  }

  /**
   * Lets live packets of both sites go by IP-in-IP from now on.
   *
   * @throws IOException where this process may have no raw socket
   */
  static RehearsalIpInIp open(
      DataLoop loop,
      IpAddress own,
      RehearsalSite old,
      TlsLink oldStage,
      RehearsalSite fresh,
      TlsLink freshStage)
      throws IOException {
    var table = new PathTable();
    table.add(old.path);
    table.add(fresh.path);
    IpInIpDispatch dispatch =
        IpInIpDispatch.open(loop.loop(), own, OuterPolicy.DEFAULT, table, new DropCounters());
    var opened = new RehearsalIpInIp(loop, old, fresh, dispatch);
    loop.run(() -> {
      opened.use(own, old, oldStage);
      opened.use(own, fresh, freshStage);
    });
    return opened;
  }

  private void use(IpAddress own, RehearsalSite site, TlsLink stage) {
    Link live = dispatch.link(site.path, own, LAN_MTU - IpInIp.outerLength(own));
    dispatch.add(site.path, site.ipInIp());
    site.connect(stage, live);
  }

  @Override
  public void close() {
    loop.run(() -> {
      dispatch.remove(old.path);
      dispatch.remove(fresh.path);
      dispatch.close();
    });
  }
}
