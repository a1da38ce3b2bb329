package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.steer.Kernel;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.endpoint.RemoteHost;
import dev.holdfast.tunnel.endpoint.TunnelEndpoint;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.jspecify.annotations.Nullable;

/** A daemon of the {@link DressRehearsal}, with a migration that it takes over when it starts. */
final class RehearsalHost implements AutoCloseable {
  private final Path state;
  private final HostIdentity identity;
  private final Kernel kernel;
  private final Clock clock;
  private final List<Config.DnsZone> zones;
  private final MigrationJournal journal;
  private final KernelLedger ledger;
  private final DataLoop data = DataLoop.forRehearsal();
  private final TunDevice tun;
  private final TunDevice kernelSide;
  private final ByteBuf sent = PooledByteBufAllocator.DEFAULT.directBuffer(PacketDevice.READ_SIZE);
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> Thread.ofPlatform().name("rehearsal-timer").daemon().unstarted(task));
  private @Nullable TunnelEndpoint endpoint;
  private @Nullable ControlServer control;

  RehearsalHost(
      Path state,
      HostIdentity identity,
      Kernel kernel,
      Clock clock,
      List<Config.DnsZone> zones,
      MigrationRecord record)
      throws IOException {
    this.state = state;
    this.identity = identity;
    this.kernel = new LookedAt(kernel);
    this.clock = clock;
    this.zones = zones;
    this.journal = MigrationJournal.open(state);
    journal.record(record);
    this.ledger = KernelLedger.open(state.resolve("kernel.jsonl"), this.kernel);
    List<TunDevice> pair = TunDevice.pair("rehearsal");
    this.tun = pair.getFirst();
    this.kernelSide = pair.getLast();
  }

  /**
   * Starts, and takes over its migration.
   *
   * @param remote where the other one listens; port 0 where that is not known, and not needed
   * @return where this one listens
   */
  InetSocketAddress start(InetSocketAddress remote, String remoteName) throws IOException {
    InetSocketAddress loopback = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    Config config = config(remote, remoteName, loopback);
    var requests = new RemoteRequests();
    var opened =
        new TunnelEndpoint(
            identity,
            List.of(
                new RemoteHost(
                    remoteName, remote, identity.fingerprint().toString(), List.of(everything()))),
            data.group(),
            requests,
            clock);
    endpoint = opened;
    var host =
        new Host(
            config,
            clock,
            journal,
            kernel,
            ledger,
            data,
            opened,
            new ControlCalls(),
            new EventHub(),
            new HostObjects(config, name -> tun, clock, data, kernel, ledger, new DropCounters()),
            Rehearsal.over(identity, clock),
            timer);
    var engine = new MigrationEngine(host, requests, "rehearsal");
    requests.attach(engine);
    engine.takeOver();
    var server = new ControlServer(config.daemon().control(), engine);
    control = server;
    server.start();
    return opened.listen(loopback);
  }

  private static IpPrefix everything() {
    return IpPrefix.parse("0.0.0.0/0");
  }

  private Config config(InetSocketAddress remote, String remoteName, InetSocketAddress loopback) {
    return new Config(
        new Config.Daemon(
            "rehearsal", state.resolve("control.sock"), state, state.resolve("pins"), null),
        new Config.Tunnel(
            loopback,
            "lo",
            Config.Encapsulation.TLS,
            Config.ReturnPath.SYMMETRIC,
            Config.Capture.TUN,
            Config.FastPath.OFF,
            "rehearsal",
            DressRehearsal.CONNECTIONS),
        new Config.Identity(state.resolve("host.crt"), state.resolve("host.key")),
        List.of(
            new Config.Remote(
                remoteName,
                remote,
                identity.fingerprint().toString(),
                List.of(everything()),
                false)),
        zones,
        new Config.Hold(
            Config.HoldPolicy.QUEUE,
            1 << 20,
            Duration.ofMinutes(1),
            Config.NoRelease.KEEP,
            Duration.ofMinutes(1)),
        new Config.Drain(
            Duration.ofMinutes(1),
            Duration.ofMinutes(1),
            Duration.ofMinutes(1),
            Config.StaleSyn.TUNNEL));
  }

  ControlClient client() {
    return new ControlClient(state.resolve("control.sock"));
  }

  /** The kernel has a packet for the tunnel. */
  void kernelSends(PacketBuilder packet) throws IOException {
    sent.clear();
    packet.writeWithVnet(sent);
    boolean unused = kernelSide.write(sent);
  }

  @Override
  public void close() {
    ControlServer server = control;
    if (server != null) {
      server.close();
    }
    timer.shutdownNow();
    TunnelEndpoint opened = endpoint;
    if (opened != null) {
      opened.close();
    }
    data.close();
    sent.release();
    tun.close();
    kernelSide.close();
    try {
      journal.close();
      ledger.close();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** The real kernel, read and not changed. */
  private record LookedAt(Kernel kernel) implements Kernel {
    @Override
    public void run(KernelChange.Command command) {}

    @Override
    public String query(String arguments) throws IOException {
      return kernel.query(arguments);
    }

    @Override
    public String bridgeQuery(String arguments) throws IOException {
      return kernel.bridgeQuery(arguments);
    }

    @Override
    public String nftQuery(String arguments) throws IOException {
      return kernel.nftQuery(arguments);
    }

    @Override
    public String nftListNow(String script) throws IOException {
      return kernel.nftListNow(script);
    }

    @Override
    public void tc(String arguments) {}

    @Override
    public String filterSave(String tool) throws IOException {
      return kernel.filterSave(tool);
    }

    @Override
    public String sysctl(String path) throws IOException {
      return kernel.sysctl(path);
    }

    @Override
    public void nftNow(String script) {}
  }
}
