package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.steer.RouterAdvertisements;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowEntry;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The mapping of one guest's addresses at its endpoint, as its migration goes ({@link GuestMapping}
 * has the table); for a guest that knows its new addresses nothing is done. With the migration's
 * lock held.
 */
final class EndpointMapping {
  private static final Logger log = LoggerFactory.getLogger(EndpointMapping.class);

  private final Host host;
  private final EndpointMigration migration;
  private final EndpointSteps steps;
  private final AtomicBoolean repeating = new AtomicBoolean();

  EndpointMapping(Host host, EndpointMigration migration, EndpointSteps steps) {
    this.host = host;
    this.migration = migration;
    this.steps = steps;
  }

  /** What begins from now on is mapped, if it is to be in this state. */
  void on() {
    if (!GuestMapping.isOn(migration.record)) {
      return;
    }
    if (!migration.record.advertised().isEmpty() && repeating.compareAndSet(false, true)) {
      host.later(0, "advertise-" + migration.record.name(), this::advertise);
    }
    try {
      steps.map(!migration.record.isStanding());
    } catch (IOException e) {
      migration.alert(
          "the new addresses are not mapped to the guest: "
              + e.getMessage()
              + "; release once more tries it again");
    }
  }

  /**
   * The guest's IPv6 default route and prefix last as long as routers say so, and those of the old
   * LAN it does not hear any more.
   */
  private void advertise() {
    MigrationRecord record = migration.record;
    MacAddress guest = record.mac();
    if (!GuestMapping.isOn(record) || guest == null) {
      repeating.set(false);
      return;
    }
    try {
      RouterAdvertisements.repeat(record.deliver(), guest, record.advertised());
    } catch (IOException e) {
      log.warn("[{}] routers are not repeated to the guest: {}", record.name(), e.getMessage());
    }
    host.later(
        1_000L * RouterAdvertisements.secondsBetween(record.advertised()),
        "advertise-" + record.name(),
        this::advertise);
  }

  /** Makes what stands after the end anew, after a restart. Returns whether something does. */
  boolean resume() throws RequestRefused {
    if (!migration.record.isStanding()) {
      return false;
    }
    steps.apply();
    on();
    return true;
  }

  /**
   * The kernel is to know of the old connections before new ones begin, so that these do not
   * collide with one that is silent.
   */
  void track(List<FlowEntry> flows) {
    try {
      steps.track(flows);
    } catch (IOException e) {
      migration.alert(
          "connection tracking was not told of the old connections: "
              + e.getMessage()
              + "; a client's new connection from the same port may break a silent old one");
    }
  }

  /**
   * The migration is about to be done: takes everything off this host that is not the mapping's.
   *
   * @return what is left, in words
   */
  String settle() {
    if (!GuestMapping.isOn(migration.record)) {
      migration.lower();
      return "nothing of it is left here";
    }
    migration.dropPath();
    try {
      steps.settleMapping();
    } catch (IOException e) {
      migration.alert("what old connections have left is not undone: " + e.getMessage());
    }
    return String.join(", ", migration.record.newAddresses())
        + " stay mapped to the guest, until holdfast migration unmap";
  }

  /** Removes what stands after the end. */
  void remove(boolean force) throws RequestRefused {
    MigrationRecord record = migration.record;
    if (!record.isStanding()) {
      throw migration.illegal("unmap");
    }
    int left = force ? 0 : ConntrackFlows.read(record.olds()).size();
    if (left > 0) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          left
              + " connections use "
              + String.join(", ", record.newAddresses())
              + " and live by the mapping (conntrack -L shows them); --force ends them");
    }
    migration.amend(known -> known.unmapped(host.clock().epochNanos()));
    migration.settle();
    migration.event("state", "unmapped: nothing of it is left here");
  }
}
