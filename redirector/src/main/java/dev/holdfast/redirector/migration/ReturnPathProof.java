package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.SpoofProbe;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.ReturnProbeSilence;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether the guest's answers may leave at the new site, where {@code direct} was asked for: the
 * endpoint sends probes from the old addresses to this host, and what arrives is believed. All
 * families or none; where one is missing, the return path is symmetric, and an alert says why.
 *
 * <p>They are heard by packet sockets, ahead of this host's check of sources (rp_filter), which
 * peers do not have: the guest's LAN lies behind this host, so its addresses coming from elsewhere
 * look forged here, as they are.
 */
final class ReturnPathProof {
  private static final Logger log = LoggerFactory.getLogger(ReturnPathProof.class);
  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final long REPEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
  private static final int LONGEST_FRAME = 2048;
  private static final int ETHERNET = 14;

  private final Host host;
  private final RedirectorMigration migration;

  ReturnPathProof(Host host, RedirectorMigration migration) {
    this.host = host;
    this.migration = migration;
  }

  /** For a plan: what arming would take. */
  static List<MigrationPlan.Check> planned(Host host, MigrationRecord record) {
    return record.isDirect()
        ? List.of(
            new MigrationPlan.Check(
                host.config().daemon().name(),
                "return path",
                "ok",
                "direct, if a probe from each old address, sent by "
                    + record.remote()
                    + ", arrives here at arm; otherwise symmetric",
                ""))
        : List.of();
  }

  /** On return the record says how answers go, and the endpoint knows. */
  void choose(ControlChannel channel) {
    MigrationRecord record = migration.record;
    if (!record.isDirect()) {
      return;
    }
    String against;
    try {
      against = against(channel, record);
    } catch (IOException e) {
      against = "probes could not be awaited here: " + e.getMessage();
    }
    if (against.isEmpty()) {
      channel.send(new ControlMessage.DirectReturn(record.uuid(), record.epoch()));
      migration.event(
          "progress",
          "return path direct: probes from "
              + record.oldAddresses()
              + ", sent by "
              + record.remote()
              + ", have arrived here");
      return;
    }
    migration.amend(asked -> asked.withReturnPath(MigrationRecord.SYMMETRIC));
    migration.alert("return path symmetric: direct was asked for, but " + against);
  }

  /** Why it cannot be direct, as a clause; empty where it can. */
  private String against(ControlChannel channel, MigrationRecord record) throws IOException {
    Map<IpAddress, HostFacts.Way> ways = new LinkedHashMap<>(); // by old address
    HostFacts facts = new HostFacts(host.kernel());
    for (IpAddress old : record.olds()) {
      IpAddress there =
          record.news().stream()
              .filter(fresh -> fresh.isV4() == old.isV4())
              .findFirst()
              .orElse(null);
      HostFacts.Way way = there == null ? null : facts.wayTo(there).orElse(null);
      if (way == null) {
        return "this host has no address and route of "
            + (old.isV4() ? "IPv4" : "IPv6")
            + " towards the new site, at which a probe from "
            + old
            + " could arrive";
      }
      ways.put(old, way);
    }
    KernelChange silence = ReturnProbeSilence.of(record.id(), record.olds(), SpoofProbe.PORT);
    host.ledger().apply(record.id(), silence);
    try {
      Set<IpAddress> arrived = listen(channel, record, ways);
      return clause(record, ways, arrived);
    } finally {
      host.kernel().runAll(silence.undo()); // that it is undone once more with the rest is no harm
    }
  }

  private static String clause(
      MigrationRecord record, Map<IpAddress, HostFacts.Way> ways, Set<IpAddress> arrived) {
    List<String> missing = new ArrayList<>();
    ways.forEach((old, way) -> {
      if (!arrived.contains(old)) {
        missing.add(old + " (sent to " + way.source() + ")");
      }
    });
    return missing.isEmpty()
        ? ""
        : "no probe from "
            + String.join(" and ", missing)
            + " has arrived from "
            + record.remote()
            + ": a filter of sources at the new site (BCP 38), a firewall that wants both halves of a connection,"
            + " masquerading, or no route";
  }

  private Set<IpAddress> listen(
      ControlChannel channel, MigrationRecord record, Map<IpAddress, HostFacts.Way> ways)
      throws IOException {
    Set<String> devices = new LinkedHashSet<>();
    devices.add(host.config().tunnel().uplink());
    ways.values().forEach(way -> devices.add(way.device()));
    Set<IpAddress> arrived = new LinkedHashSet<>();
    List<PacketSocket> sockets = new ArrayList<>();
    ByteBuf frame = Unpooled.directBuffer(LONGEST_FRAME, LONGEST_FRAME);
    try {
      for (String device : devices) {
        sockets.add(PacketSocket.open(device, FrameFilter.RETURN_PROBE));
      }
      List<IpAddress> to = ways.values().stream().map(HostFacts.Way::source).toList();
      byte[] token = HexFormat.of().parseHex(record.token());
      long begun = host.clock().nanoTime();
      for (long number = 1; ; number++) {
        channel.send(new ControlMessage.SpoofProbe(record.uuid(), record.epoch(), number, to));
        long until = host.clock().nanoTime() + REPEAT_NANOS;
        while (host.clock().nanoTime() - until < 0) {
          boolean any = false;
          for (PacketSocket socket : sockets) {
            any |= receive(socket, frame, token, ways, arrived);
          }
          if (arrived.containsAll(ways.keySet()) || host.clock().nanoTime() - begun >= WAIT_NANOS) {
            return arrived;
          }
          if (!any) {
            Thread.sleep(1);
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for probes", e);
    } finally {
      sockets.forEach(PacketSocket::close);
      frame.release();
    }
  }

  /** True when there was a frame. */
  private static boolean receive(
      PacketSocket socket,
      ByteBuf frame,
      byte[] token,
      Map<IpAddress, HostFacts.Way> ways,
      Set<IpAddress> arrived)
      throws IOException {
    int length = socket.receive(frame.clear());
    PacketView view = new PacketView();
    if (length <= ETHERNET
        || view.check(frame, ETHERNET, length - ETHERNET) != PacketFault.NONE
        || !SpoofProbe.is(view, token)) {
      return length > 0;
    }
    HostFacts.Way way = ways.get(view.source());
    if (way != null && view.isTo(way.source()) && arrived.add(view.source())) {
      log.debug("a probe from {} has arrived on {}", view.source(), socket.interfaceName());
    }
    return true;
  }
}
