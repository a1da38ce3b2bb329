package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.LanInterface;
import dev.holdfast.redirector.capture.LanPort;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.path.OutboundPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.HostFacts.Device;
import dev.holdfast.redirector.steer.Kernel;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.IOException;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The interfaces whose frames are captured by pcap, each opened with the first migration that needs
 * it and closed with the last.
 */
final class LanPorts {
  private static final Logger log = LoggerFactory.getLogger(LanPorts.class);

  /** One interface, and the way of its packets. */
  static final class Opened {
    final LanPort port;
    final OutboundPath outbound;
    private final Set<String> users = new HashSet<>();

    Opened(LanPort port, OutboundPath outbound) {
      this.port = port;
      this.outbound = outbound;
    }
  }

  private final Clock clock;
  private final DataLoop data;
  private final Kernel kernel;
  private final PathTable paths;
  private final DropCounters drops;
  private final Map<String, Opened> byInterface = new ConcurrentHashMap<>();
  private final Config config;
  private final Map<String, Opened> byMigration = new ConcurrentHashMap<>();

  LanPorts(
      Config config,
      Clock clock,
      DataLoop data,
      Kernel kernel,
      PathTable paths,
      DropCounters drops) {
    this.config = config;
    this.clock = clock;
    this.data = data;
    this.kernel = kernel;
    this.paths = paths;
    this.drops = drops;
  }

  /**
   * Opens the interface of {@code record}'s LAN, deaf, if it is not open.
   *
   * @throws IOException when it cannot be opened, or the guest's MAC is not known
   */
  void acquire(MigrationRecord record) throws IOException {
    MacAddress guest = record.mac();
    if (guest == null) {
      throw new IOException(
          "capture by pcap hands frames to the guest's MAC, which is not known: give --guest-mac");
    }
    Opened opened = byInterface.get(record.lan());
    if (opened == null) {
      if (record.state() == MigrationState.PLANNED) {
        LanPort.rehearse(clock);
      }
      opened = open(record.lan());
      byInterface.put(record.lan(), opened);
    }
    opened.users.add(record.id());
    byMigration.put(record.id(), opened);
    LanPort port = opened.port;
    data.run(() -> port.pin(record.olds(), guest));
  }

  private Opened open(String name) throws IOException {
    HostFacts facts = new HostFacts(kernel);
    Device device =
        facts.device(name).orElseThrow(() -> new IOException("there is no interface " + name));
    MacAddress mac = device.mac();
    if (mac == null) {
      throw new IOException(
          name + " is no Ethernet interface, so no frames can be captured on it: use capture tun");
    }
    var lan =
        new LanInterface(
            name,
            mac,
            device.mtu(),
            facts.addresses(name).stream().map(IpPrefix::address).toList(),
            facts.routes(name));
    LanPort port = LanPort.open(lan, clock, drops, data.loop(), () -> readable(name));
    port.cutTo(paths::tunnelMtu);
    port.hops(
        config.tunnel().keepsTtl(), packet -> paths.drop(packet, DropReason.TTL_EXCEEDED, drops));
    return new Opened(
        port, new OutboundPath(port.device(), paths, PooledByteBufAllocator.DEFAULT, clock, drops));
  }

  /** Data loop. */
  private void readable(String name) {
    Opened opened = byInterface.get(name);
    if (opened == null) {
      return; // it is being opened, or closed
    }
    try {
      opened.outbound.onReadable();
    } catch (IOException e) {
      log.error("what was captured on {} cannot be read: {}", name, e.getMessage());
    }
  }

  /** What {@code migration} has acquired; null where it has not. Any thread. */
  @Nullable Opened of(String migration) {
    return byMigration.get(migration);
  }

  boolean isEmpty() {
    return byMigration.isEmpty();
  }

  /** Gives back what {@code record} has acquired, if anything. */
  void release(MigrationRecord record) {
    Opened opened = byMigration.remove(record.id());
    if (opened == null) {
      return;
    }
    LanPort port = opened.port;
    opened.users.remove(record.id());
    if (!opened.users.isEmpty()) {
      try {
        port.captureNothing(record.id());
      } catch (IOException e) {
        log.warn("{} is still captured: {}", record.oldAddresses(), e.getMessage());
      }
      data.run(() -> port.unpin(record.olds()));
      return;
    }
    byInterface.remove(port.lan().name());
    port.close();
    data.run(() -> {
      opened.outbound.close();
      port.free();
    });
  }
}
