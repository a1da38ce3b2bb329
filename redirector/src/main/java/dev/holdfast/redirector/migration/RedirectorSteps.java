package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.LanPort;
import dev.holdfast.redirector.steer.Announcer;
import dev.holdfast.redirector.steer.AnswerTable;
import dev.holdfast.redirector.steer.CaptureSteering;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.NeighbourResponder;
import dev.holdfast.redirector.steer.PcapSteering;
import dev.holdfast.redirector.steer.RedirectorSteering;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a redirector does to its own host's kernel for one migration, and how it takes that back.
 */
final class RedirectorSteps {
  /**
   * For so long after a rollback frames are still forwarded that neighbours send to this host's
   * MAC.
   */
  static final long LINGER_MILLIS = 5_000;

  private static final Logger log = LoggerFactory.getLogger(RedirectorSteps.class);

  private final Host host;
  private final MigrationRecord record;
  private volatile @Nullable CaptureSteering steering;
  private volatile @Nullable NeighbourResponder responder;
  private volatile @Nullable SteeringPlan plan;
  private volatile @Nullable MacAddress here;
  private volatile boolean capturing;
  private final AnswerTable answers = new AnswerTable();

  RedirectorSteps(Host host, MigrationRecord record) {
    this.host = host;
    this.record = record;
  }

  static SteeringPlan plan(Host host, MigrationRecord record) throws IOException {
    HostFacts facts = new HostFacts(host.kernel());
    MacAddress bridgeMac =
        facts
            .device(record.from())
            .filter(HostFacts.Device::isBridge)
            .map(HostFacts.Device::mac)
            .orElse(null);
    return new SteeringPlan(
        record.id(),
        record.olds(),
        record.news(),
        record.mac(),
        record.from(),
        bridgeMac,
        record.guestPort(),
        record.oldLans().stream().map(IpPrefix::parse).toList(),
        host.config().tunnel().device(),
        Paths.innerMtu(record));
  }

  /** Every change that arming makes here, in order; nothing is done. */
  static List<KernelChange> changes(Host host, MigrationRecord record) throws IOException {
    CaptureSteering steering = steering(host, record, plan(host, record));
    List<KernelChange> changes = new ArrayList<>(steering.shared());
    changes.addAll(steering.arm());
    return changes;
  }

  private static CaptureSteering steering(Host host, MigrationRecord record, SteeringPlan plan) {
    return record.byPcap()
        ? PcapSteering.atRedirector(plan)
        : new RedirectorSteering(plan, new HostFacts(host.kernel()));
  }

  /**
   * Makes every kernel object, switched off.
   *
   * @throws RequestRefused with the kernel's own words
   */
  void apply() throws RequestRefused {
    try {
      host.objects().acquire(record);
      if ("ipip".equals(record.encapsulation())) {
        host.objects().openIpInIp();
      }
      SteeringPlan made = plan(host, record);
      CaptureSteering steers = steering(host, record, made);
      host.ledger().reapply(record.id());
      host.ledger().apply(KernelLedger.HOST, steers.shared());
      host.ledger().apply(record.id(), steers.arm());
      plan = made;
      steering = steers;
      here = ownMac(made);
      if (record.state() == MigrationState.PLANNED || record.state() == MigrationState.ARMED) {
        // The library is loaded and its context made now, not while the guest is paused. One that
        // is taken over in a later state is being captured, and stays so.
        host.kernel().nftNow(steers.unholdScript());
        tap(LanPort::captureNothing);
      }
      closeResponder();
      responder = NeighbourResponder.start(host.data().loop(), made.lan(), answers);
    } catch (IOException e) {
      throw new RequestRefused(
          RequestRefused.Kind.FAILED, "the kernel could not be set up: " + e.getMessage(), e);
    }
  }

  /**
   * The MAC that stands for the old addresses while they are captured: the bridge's, or the
   * interface's own.
   */
  private @Nullable MacAddress ownMac(SteeringPlan made) throws IOException {
    if (record.byPcap()) {
      return host.objects().lanPort(record).lan().mac(); // a bridge's may have changed since
    }
    return made.bridgeMac() != null
        ? made.bridgeMac()
        : new HostFacts(host.kernel()).device(made.lan()).map(HostFacts.Device::mac).orElse(null);
  }

  /** One nft transaction in this process: from here on packets for the old address come to us. */
  void captureOn() {
    CaptureSteering steers = steering;
    SteeringPlan made = plan;
    if (steers == null || made == null) {
      throw new IllegalStateException("the migration was not armed");
    }
    try {
      // First the copies, then the end of the originals: what comes between them is there twice,
      // which TCP does not mind, and not never.
      tap((port, id) -> port.capture(id, record.olds()));
      host.kernel().nftNow(steers.holdScript());
      capturing = true;
      MacAddress mac = here;
      if (mac != null) {
        made.oldAddresses().forEach(old -> answers.capture(old, mac));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The guest runs here again: its packets go to it, and its port is open. */
  void captureOff() {
    CaptureSteering steers = steering;
    if (steers == null || !capturing) {
      return;
    }
    record.olds().forEach(answers::release);
    try {
      host.kernel().nftNow(steers.unholdScript() + steers.unblockScript());
      tap((port, id) -> port.captureStrays(id, record.olds()));
      capturing = false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private interface TapChange {
    void make(LanPort port, String migration) throws IOException;
  }

  /** Changes what pcap captures, where it is pcap that captures. */
  private void tap(TapChange change) throws IOException {
    if (record.byPcap()) {
      change.make(host.objects().lanPort(record), record.id());
    }
  }

  void captureOffQuietly() {
    try {
      captureOff();
    } catch (UncheckedIOException e) {
      log.warn("capture was not switched off cleanly: {}", e.getMessage());
    }
  }

  /** Tells the old LAN that the addresses are at the guest's own MAC again. */
  void announceGuest() {
    SteeringPlan made = plan;
    if (made == null || made.guestMac() == null) {
      return;
    }
    try (Announcer announcer = Announcer.open(made.lan())) {
      announcer.announce(made.guestMac(), made.oldAddresses());
    } catch (IOException e) {
      log.warn("the guest's MAC was not announced: {}", e.getMessage());
    }
  }

  /** True when this daemon has told a neighbour this host's MAC for the old address. */
  boolean hasAnswered() {
    NeighbourResponder answering = responder;
    return answering != null && answering.answered() > 0;
  }

  private void closeResponder() {
    NeighbourResponder answering = responder;
    responder = null;
    if (answering != null) {
      answering.close();
    }
  }

  /** Takes everything back, newest first. */
  void undo() {
    closeResponder();
    Steps.undo(host, record);
  }
}
