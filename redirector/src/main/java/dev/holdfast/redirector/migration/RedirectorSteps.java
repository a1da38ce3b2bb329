package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.LanPort;
import dev.holdfast.redirector.steer.AddressClaims;
import dev.holdfast.redirector.steer.AnswerTable;
import dev.holdfast.redirector.steer.CaptureSteering;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.NeighbourNotices;
import dev.holdfast.redirector.steer.NeighbourResponder;
import dev.holdfast.redirector.steer.NftCounts;
import dev.holdfast.redirector.steer.PcapSteering;
import dev.holdfast.redirector.steer.RedirectorSteering;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.device.GroupMembership;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.SolicitedNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a redirector does to its own host's kernel for one migration, and how it takes that back.
 */
final class RedirectorSteps {
  private static final Logger log = LoggerFactory.getLogger(RedirectorSteps.class);

  /** A neighbour on the same LAN answers within that, mostly; what was held waits for it. */
  private static final long REMINDER_NANOS = 8_000_000;

  private static final long REMIND_AGAIN_MILLIS = 100;
  private static final long LATE_REMINDER_NANOS = 1_000_000_000;

  private final Host host;
  private final Supplier<MigrationRecord> records;
  private final Consumer<String> alerts;
  private volatile @Nullable CaptureSteering steering;
  private volatile @Nullable NeighbourResponder responder;
  private volatile @Nullable SteeringPlan plan;
  private volatile @Nullable MacAddress here;
  private volatile @Nullable GroupMembership groups;
  private volatile @Nullable NeighbourNotices notices;
  private volatile List<IpAddress> misled = List.of();
  private volatile boolean capturing;
  private volatile boolean announced;
  private final AnswerTable answers = new AnswerTable();
  private final Announcing announcing;

  /**
   * @param records gives the migration's record as it is; the encapsulation is agreed upon late
   * @param alerts is told what an operator should know
   */
  RedirectorSteps(Host host, Supplier<MigrationRecord> records, Consumer<String> alerts) {
    this.host = host;
    this.records = records;
    this.alerts = alerts;
    this.announcing = new Announcing(host);
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
        host.config().tunnel().device());
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
    MigrationRecord record = records.get();
    try {
      host.objects().acquire(record);
      if (record.isIpInIp()) {
        host.objects().openIpInIp();
      }
      SteeringPlan made = plan(host, record);
      CaptureSteering steers = steering(host, record, made);
      Steps.apply(host, record, steers);
      plan = made;
      steering = steers;
      here = ownMac(made);
      notices =
          here == null
              ? null
              : NeighbourNotices.of(new HostFacts(host.kernel()), made, here, host.clock());
      if (record.state() == MigrationState.PLANNED || record.state() == MigrationState.ARMED) {
        // The library is loaded and its context made now, not while the guest is paused. One that
        // is taken over in a later state is being captured, and stays so.
        host.kernel().nftNow(steers.unholdScript());
        tap(LanPort::captureNothing);
      }
      closeResponder();
      responder = NeighbourResponder.start(host.data().loop(), made.lan(), answers, claims(made));
      joinGroups(made);
    } catch (IOException e) {
      throw new RequestRefused(
          RequestRefused.Kind.FAILED, "the kernel could not be set up: " + e.getMessage(), e);
    }
  }

  /**
   * Joins the solicited-node groups of the old addresses (RFC 4291 section 2.7.1), or a switch that
   * snoops would bring nobody's questions for them here. Since arm, so that switches know of it
   * when the guest pauses; and not left before all is undone, so that a guest that is back has
   * reported by itself. It goes with this process, and the next one joins again.
   */
  private void joinGroups(SteeringPlan made) {
    leaveGroups();
    List<IpAddress> joined =
        made.oldAddresses().stream().filter(IpAddress::isV6).map(SolicitedNode::groupOf).toList();
    if (joined.isEmpty()) {
      return;
    }
    try {
      groups = GroupMembership.join(made.lan(), joined);
      if (host.kernel().sysctl("net/ipv6/conf/" + made.lan() + "/disable_ipv6").equals("1")) {
        notReported(made, "IPv6 is disabled there (disable_ipv6)");
      }
    } catch (IOException e) {
      notReported(made, e.getMessage());
    }
  }

  private void notReported(SteeringPlan made, @Nullable String why) {
    alerts.accept(
        "the old addresses' multicast groups cannot be reported on "
            + made.lan()
            + ": "
            + why
            + "; switches that snoop MLD may bring no neighbour solicitations for them here");
  }

  private void leaveGroups() {
    GroupMembership joined = groups;
    groups = null;
    if (joined != null) {
      joined.close();
    }
  }

  private AddressClaims claims(SteeringPlan made) {
    Set<MacAddress> ours = new HashSet<>();
    for (MacAddress each : Arrays.asList(made.guestMac(), here)) {
      if (each != null) {
        ours.add(each);
      }
    }
    return new AddressClaims(
        answers,
        ours,
        host.clock(),
        (by, how, address) ->
            alerts.accept(
                by
                    + " "
                    + how
                    + " "
                    + address
                    + " on "
                    + made.lan()
                    + ", where it is not free before this migration has ended: reserve it in DHCP, or give that"
                    + " machine another address"));
  }

  /**
   * The MAC that stands for the old addresses while they are captured: the bridge's, or the
   * interface's own.
   */
  private @Nullable MacAddress ownMac(SteeringPlan made) throws IOException {
    MigrationRecord record = records.get();
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
      tap((port, id) -> port.capture(id, records.get().olds()));
      host.kernel().nftNow(steers.holdScript());
      capturing = true;
      MacAddress mac = here;
      if (mac != null) {
        made.oldAddresses().forEach(old -> answers.capture(old, mac, made.guestMac()));
        if (isToBeAnnounced(made)) {
          announced = true;
          announcing.soon(made.lan(), made.oldAddresses(), mac);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /**
   * Whether neighbours must send to this host's MAC. A bridge of ours has the guest's frames
   * anyway, in either capture; what is for this host's MAC its kernel would forward or reject as
   * soon as somebody takes our tables away. Not where only the paused guest would hear it: one that
   * detects conflicts (RFC 5227 section 2.4) would find one when it goes on.
   */
  private boolean isToBeAnnounced(SteeringPlan made) {
    return made.bridgeMac() == null && !made.lan().equals(made.guestPort());
  }

  /** The guest runs here again: its packets go to it, and its port is open. */
  void captureOff() {
    CaptureSteering steers = steering;
    if (steers == null || !capturing) {
      return;
    }
    yieldAddresses();
    try {
      host.kernel().nftNow(steers.unholdScript() + steers.unblockScript());
      tap((port, id) -> port.captureStrays(id, records.get().olds()));
      capturing = false;
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /**
   * When this has returned, this host says no more that it has the addresses: the data loop, which
   * answers and defends, has been told, and not only asked. Only then is the guest's port opened.
   */
  private void yieldAddresses() {
    List<IpAddress> olds = records.get().olds();
    announcing.end(records.get().from(), olds);
    host.data().run(() -> olds.forEach(answers::release));
  }

  private interface TapChange {
    void make(LanPort port, String migration) throws IOException;
  }

  /** Changes what pcap captures, where it is pcap that captures. */
  private void tap(TapChange change) throws IOException {
    MigrationRecord record = records.get();
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
    MigrationRecord record = records.get();
    MacAddress guest = record.mac();
    if (guest == null) {
      return;
    }
    announcing.now(record.from(), record.olds(), guest);
    remind();
  }

  /** At the new host the guest was told that these are at that one's MAC. */
  void misled(List<IpAddress> neighbours) {
    misled = neighbours;
  }

  /**
   * Tells the guest where its neighbours are, before it answers what was held for it. A neighbour
   * that takes longer to say so is waited for by nobody; all is said twice, since nobody
   * acknowledges it. One that has been told nothing elsewhere, as far as is known, has time.
   */
  private void remind() {
    NeighbourNotices saying = notices;
    List<IpAddress> about = misled;
    if (saying == null) {
      return;
    }
    if (!about.isEmpty()) {
      remind(saying, about, REMINDER_NANOS);
    }
    host.later(
        about.isEmpty() ? 0 : REMIND_AGAIN_MILLIS,
        "remind-" + records.get().name(),
        () -> remind(saying, about, LATE_REMINDER_NANOS));
  }

  private static void remind(NeighbourNotices saying, List<IpAddress> about, long nanos) {
    try {
      saying.tell(about, nanos);
    } catch (IOException e) {
      log.warn("the guest was not told where its neighbours are: {}", e.getMessage());
    }
  }

  /** True when this daemon has told a neighbour this host's MAC for the old address. */
  boolean hasAnswered() {
    NeighbourResponder answering = responder;
    return announced || (answering != null && answering.answered() > 0);
  }

  /**
   * How many packets for the old addresses this host has forwarded since arm, other than captured
   * ones; -1 where the kernel does not say.
   */
  long strays() {
    try {
      return new NftCounts(host.kernel()).forwarded(records.get().olds());
    } catch (IOException e) {
      log.warn("stray packets are not counted: {}", e.getMessage());
      return -1;
    }
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
    announcing.end(records.get().from(), records.get().olds()); // its port is not spared any more
    leaveGroups();
    closeResponder();
    Steps.undo(host, records.get());
  }
}
