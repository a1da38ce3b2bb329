package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.tunnel.time.Clock;
import java.util.ArrayList;
import java.util.List;

/**
 * The configured zones, ready for moves. Holds no connection and no secret: key files are read when
 * they are needed, so that a new key is taken at once.
 */
public final class DnsUpdater {
  private final List<ZoneServer> zones;
  private final DnsPlanner planner;
  private final DnsClient client;
  private final DnsTiming timing;

  /**
   * With the standard patience.
   *
   * @throws DnsException when a zone's name is not a name
   */
  public DnsUpdater(List<Config.DnsZone> zones, Clock clock) throws DnsException {
    this(zones, DnsTiming.STANDARD, clock, Pause.REAL);
  }

  public DnsUpdater(List<Config.DnsZone> zones, DnsTiming timing, Clock clock, Pause pause)
      throws DnsException {
    this.client = new DnsClient(clock, pause);
    this.timing = timing;
    List<ZoneServer> servers = new ArrayList<>();
    for (Config.DnsZone zone : zones) {
      servers.add(new ZoneServer(zone, client, timing.tries()));
    }
    this.zones = List.copyOf(servers);
    this.planner = new DnsPlanner(this.zones);
  }

  /**
   * What a move would change. Asks the zone's configured server and changes nothing.
   *
   * @throws DnsException when the server cannot be asked
   */
  public DnsPlan plan(DnsMove move) throws DnsException {
    return planner.plan(move);
  }

  /** A new change; nothing is sent before its first step. */
  public DnsChange begin(DnsMove move, DnsListener listener) {
    return resume(DnsState.of(move), listener);
  }

  /** A change as the journal has it. Its steps may be asked for again: each finds what it did. */
  public DnsChange resume(DnsState state, DnsListener listener) {
    return new DnsChange(state, this, listener);
  }

  List<ZoneServer> zones() {
    return zones;
  }

  DnsPlanner planner() {
    return planner;
  }

  DnsClient client() {
    return client;
  }

  DnsTiming timing() {
    return timing;
  }
}
