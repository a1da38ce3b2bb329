package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.LanPort;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.IpInIpDispatch;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.OutboundPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.redirector.path.TunnelErrorCounts;
import dev.holdfast.redirector.steer.Announcements;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.HostSteering;
import dev.holdfast.redirector.steer.Kernel;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.link.IpInIpLink;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What all migrations of a host share: the TUN, the raw sockets, the kernel's tables and rules, the
 * packet paths. Made with the first migration, taken down with the last, so that an idle daemon
 * leaves the kernel as it found it.
 */
final class HostObjects {
  private static final Logger log = LoggerFactory.getLogger(HostObjects.class);

  /** hold.max-bytes is one migration's; all of them together may hold this many times as much. */
  private static final int HELD_MIGRATIONS = 4;

  private static final long HELD_PACKETS = 1 << 20;

  /** Where the TUN comes from; a rehearsal brings its own. */
  @FunctionalInterface
  interface TunSource {
    TunDevice open(String name) throws IOException;
  }

  private final Config config;
  private final TunSource tuns;
  private final Clock clock;
  private final DataLoop data;
  private final Kernel kernel;
  private final KernelLedger ledger;
  private final PathTable paths = new PathTable();
  private final DropCounters drops;
  private final HoldBudget holdBudget;

  /** Of its own: what remote hosts stage displaces nothing that is held here. */
  private final HoldBudget stagingBudget;

  /** Migrations that use the TUN. */
  private final Set<String> users = new HashSet<>();

  private final LanPorts lans;
  private final Announcements announcements = new Announcements();
  private volatile @Nullable TunDevice tun;
  private volatile @Nullable FdReadiness readiness;
  private volatile Runnable tunGone = () -> {};
  private volatile @Nullable OutboundPath outbound;
  private volatile @Nullable IpInIpDispatch ipInIp;
  private final TunnelErrorCounts tunnelErrors = new TunnelErrorCounts();

  HostObjects(
      Config config,
      TunSource tuns,
      Clock clock,
      DataLoop data,
      Kernel kernel,
      KernelLedger ledger,
      DropCounters drops) {
    this.config = config;
    this.tuns = tuns;
    this.clock = clock;
    this.data = data;
    this.kernel = kernel;
    this.ledger = ledger;
    this.drops = drops;
    this.holdBudget = new HoldBudget(HELD_PACKETS, config.hold().maxBytes() * HELD_MIGRATIONS);
    this.stagingBudget = new HoldBudget(HELD_PACKETS, config.hold().maxBytes() * HELD_MIGRATIONS);
    this.lans = new LanPorts(config, clock, data, kernel, paths, drops);
  }

  /** What to do when the TUN was deleted under us; called on the data loop. */
  void onTunGone(Runnable action) {
    tunGone = action;
  }

  HoldBudget holdBudget() {
    return holdBudget;
  }

  HoldBudget stagingBudget() {
    return stagingBudget;
  }

  /** Of all migrations: a guest may be back, and leave again, while it is still announced. */
  Announcements announcements() {
    return announcements;
  }

  /** What happened to packets of no migration. */
  DropCounters drops() {
    return drops;
  }

  /** What ICMP has said of the tunnels' own packets. */
  TunnelErrorCounts tunnelErrors() {
    return tunnelErrors;
  }

  /**
   * Makes what {@code record} shares with others, if it is the first to need it: the TUN and its
   * rules, or the interface on which its frames are captured.
   *
   * @throws IOException when it cannot be opened or the kernel refuses; what was made is undone
   */
  synchronized void acquire(MigrationRecord record) throws IOException {
    if (record.byPcap()) {
      lans.acquire(record);
      return;
    }
    if (users.isEmpty()) {
      try {
        raise();
      } catch (IOException | RuntimeException e) {
        lower();
        throw e;
      }
    }
    users.add(record.id());
  }

  /** Takes down what is shared, if {@code record} was the last to need it. */
  synchronized void release(MigrationRecord record) {
    boolean wasCaptured = lans.of(record.id()) != null;
    lans.release(record);
    boolean wasSteered = users.remove(record.id());
    if (wasSteered && users.isEmpty()) {
      lower();
    } else if (wasCaptured && isIdle()) {
      closeIpInIp();
      undoShared();
    }
  }

  private boolean isIdle() {
    return users.isEmpty() && lans.isEmpty();
  }

  /** Undoes what a killed daemon has left of what is shared, where no migration needs it. */
  synchronized void undoLeft() {
    if (isIdle()) {
      undoShared();
    }
  }

  private void undoShared() {
    try {
      for (String failure : ledger.undo(KernelLedger.HOST)) {
        log.warn("not undone: {}", failure);
      }
    } catch (IOException e) {
      log.warn("the ledger of kernel changes cannot be written: {}", e.getMessage());
    }
  }

  private void raise() throws IOException {
    TunDevice opened = tuns.open(config.tunnel().device());
    tun = opened;
    if (ledger.owners().contains(KernelLedger.HOST)) {
      ledger.reapply(KernelLedger.HOST); // a killed daemon's: its routes went with its TUN
    }
    ledger.apply(
        KernelLedger.HOST,
        new HostSteering(
                new HostFacts(kernel), config.tunnel().device(), config.tunnel().keepsTtl())
            .changes());
    OutboundPath path =
        new OutboundPath(opened, paths, PooledByteBufAllocator.DEFAULT, clock, drops);
    outbound = path;
    readiness =
        FdReadiness.register(
            data.loop(),
            opened.fd(),
            () -> {
              try {
                path.onReadable();
              } catch (IOException e) {
                tunIsGone(e);
              }
            });
  }

  /** Somebody has deleted it. Asking it again and again would only keep a processor busy. */
  private void tunIsGone(IOException e) {
    FdReadiness watched = readiness;
    readiness = null;
    if (watched != null) {
      watched.close();
    }
    log.error(
        "the TUN {} cannot be read ({}): nothing is captured or delivered any more. Restart the daemon:"
            + " it makes the device anew and takes over",
        config.tunnel().device(),
        e.getMessage());
    tunGone.run();
  }

  private void lower() {
    FdReadiness watched = readiness;
    readiness = null;
    if (watched != null) {
      data.run(watched::close);
    }
    OutboundPath path = outbound;
    outbound = null;
    if (path != null) {
      data.run(path::close);
    }
    if (isIdle()) {
      closeIpInIp();
      undoShared();
    }
    TunDevice opened = tun;
    tun = null;
    if (opened != null) {
      opened.close();
    }
  }

  private void closeIpInIp() {
    IpInIpDispatch dispatch = ipInIp;
    ipInIp = null;
    if (dispatch != null) {
      data.run(dispatch::close);
    }
  }

  /**
   * The TUN, or the LAN's interface; only between {@link #acquire} and {@link #release}. Takes no
   * monitor: the data loop asks for it, and whoever holds the monitor may be waiting for the data
   * loop.
   */
  PacketDevice device(MigrationRecord record) {
    LanPorts.Opened captured = lans.of(record.id());
    if (captured != null) {
      return captured.port.device();
    }
    TunDevice opened = tun;
    if (opened == null) {
      throw new IllegalStateException("no migration has asked for the TUN");
    }
    return opened;
  }

  /**
   * The interface on which frames of {@code record} are captured.
   *
   * @throws IllegalStateException where it has not been acquired
   */
  LanPort lanPort(MigrationRecord record) {
    LanPorts.Opened captured = lans.of(record.id());
    if (captured == null) {
      throw new IllegalStateException(record.name() + " has no interface of its own");
    }
    return captured.port;
  }

  /** Whose packet is whose. Data loop only. */
  PathTable paths() {
    return paths;
  }

  void addPath(MigrationPath path) {
    data.run(() -> paths.add(path));
  }

  void removePath(MigrationPath path) {
    data.run(() -> {
      paths.remove(path);
      IpInIpDispatch dispatch = ipInIp;
      if (dispatch != null) {
        dispatch.remove(path);
      }
      path.close();
    });
  }

  /**
   * Opens the raw sockets for IP-in-IP, if they are not open.
   *
   * @throws IOException naming what is missing
   */
  synchronized IpInIpDispatch openIpInIp() throws IOException {
    IpInIpDispatch dispatch = ipInIp;
    if (dispatch == null) {
      IpAddress local = IpAddress.of(config.tunnel().listen().getAddress());
      dispatch = IpInIpDispatch.open(data.loop(), local, config.tunnel().outer(), paths, drops);
      ipInIp = dispatch;
      try {
        dispatch.listenToErrors(data.loop(), local, tunnelErrors, clock);
      } catch (IOException e) {
        closeIpInIp();
        throw e;
      }
    }
    return dispatch;
  }

  /**
   * What carries live packets of a lane whose data connection is {@code tls}. Data loop.
   *
   * @throws IllegalArgumentException when the remote host's address is of another family than ours
   */
  Link liveLink(
      MigrationRecord record, MigrationPath path, TlsLink tls, InboundPath.LinkEvents events) {
    IpInIpDispatch dispatch = ipInIp;
    if (!record.isIpInIp() || dispatch == null) {
      return tls;
    }
    IpAddress remote = outerAddress(tls);
    tunnelErrors.located(record.remote(), remote);
    IpInIpLink live = dispatch.link(path, remote, path.innerMtu());
    dispatch.add(path, new InboundPath(path, 0, device(record), clock, events, false));
    return live;
  }

  /**
   * Where the remote host's end of the tunnel is: where the data connection has proven it to be,
   * which comes from the same address as its outer packets.
   */
  private static IpAddress outerAddress(TlsLink tls) {
    InetSocketAddress far = tls.remoteAddress();
    if (far == null) {
      throw new IllegalArgumentException("the data connection was lost as soon as it stood");
    }
    return IpAddress.of(far.getAddress());
  }

  /**
   * Sends one packet of this host's own on the way of this migration's; one that is lost is missed
   * by nobody. Any thread; takes over the reference.
   */
  void write(MigrationRecord record, ByteBuf packet) {
    data.post(() -> {
      try {
        boolean unused = device(record).write(packet);
      } catch (IOException | RuntimeException e) {
        log.debug("not sent: {}", e.getMessage());
      } finally {
        packet.release();
      }
    });
  }

  /**
   * Gives the guest what was staged for it. Data loop; returns how many packets.
   *
   * @param questions answers what the guest asks meanwhile of its neighbours
   */
  long deliverStaged(MigrationPath path, Runnable questions) {
    return outbound(path).deliverStaged(path, questions);
  }

  /** Gives the guest, which goes on here, what has come during its pause. Data loop. */
  long deliverKept(MigrationPath path) {
    return outbound(path).deliverKept(path);
  }

  /**
   * Gives the guest, which runs here again, what was held for it. Data loop; returns how many
   * packets.
   */
  long reinject(MigrationPath path) {
    return outbound(path).reinject(path);
  }

  private OutboundPath outbound(MigrationPath path) {
    LanPorts.Opened captured = lans.of(path.id().toString());
    OutboundPath there = captured == null ? outbound : captured.outbound;
    if (there == null) {
      throw new IllegalStateException("no migration has asked for the TUN");
    }
    return there;
  }
}
