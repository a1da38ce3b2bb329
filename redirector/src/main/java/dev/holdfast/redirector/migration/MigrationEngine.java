package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.FlowLearner;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.tap.Feed;
import dev.holdfast.redirector.tap.Recordings;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The migrations of this host, and what can be asked of them.
 *
 * <p>Requests come on the control API's threads and wait for each other only within one migration.
 * What remote hosts say comes through {@link RemoteRequests}.
 */
final class MigrationEngine implements MigrationService {
  private static final Logger log = LoggerFactory.getLogger(MigrationEngine.class);

  private final Host host;
  private final RemoteRequests requests;
  private final String version;
  private final long startedEpochNanos;
  private static final long RESUME_MILLIS = 5_000;

  /** How many migrations can still be shown after they have ended. */
  private static final int KEPT = 64;

  private final Map<String, LiveMigration> migrations = new ConcurrentHashMap<>();
  private final Object admission = new Object();

  /** Those that never came to be armed, as long as they put their name back. */
  private final Set<RedirectorMigration> abandoned = ConcurrentHashMap.newKeySet();

  private final Recordings recordings;

  MigrationEngine(Host host, RemoteRequests requests, String version) {
    this.host = host;
    this.requests = requests;
    this.version = version;
    this.startedEpochNanos = host.clock().epochNanos();
    this.recordings =
        new Recordings(
            host.objects().paths(),
            host.data()::run,
            host.clock(),
            "holdfast " + version,
            host.config().daemon().name());
    host.objects().onTunGone(() -> Thread.ofVirtual().name("tun-gone").start(this::tunGone));
  }

  private void tunGone() {
    for (LiveMigration migration : live()) {
      if (migration.record.byPcap()) {
        continue;
      }
      migration.alert(
          "the TUN "
              + host.config().tunnel().device()
              + " was deleted: restart the daemon, which makes it anew and takes over");
    }
  }

  /** Takes over what the journal has: live migrations go on, ended ones can still be shown. */
  void takeOver() {
    List<LiveMigration> unfinished = new ArrayList<>();
    for (MigrationRecord record : host.journal().records()) {
      LiveMigration migration =
          switch (record.role()) {
            case REDIRECTOR -> new RedirectorMigration(host, record);
            case ENDPOINT -> new EndpointMigration(host, record);
          };
      if (record.state() == MigrationState.PLANNED) {
        // Died while it was armed: nobody was told that it stands.
        migration.discard();
        abandon(migration);
        continue;
      }
      migrations.put(record.id(), migration);
      if (!record.isOver()) {
        unfinished.add(migration);
      } else {
        if (migration instanceof RedirectorMigration redirector) {
          redirector.settleAfterCrash(host.journal().newestNames(record));
        } else {
          migration.settle();
        }
      }
    }
    if (unfinished.isEmpty()) {
      host.objects().undoLeft();
    }
    // All are known before the first speaks to a remote host, which may ask for any of them.
    unfinished.forEach(migration -> resume(migration, true));
    new StandingChannels(host, this).start();
  }

  /** What stands in the way may pass: a bridge that is not there yet when a machine starts. */
  private void resume(LiveMigration migration, boolean first) {
    migration.lock.lock();
    try {
      if (migration.record.isOver()) {
        return; // by hand, meanwhile
      }
      migration.resume();
      migration.event(
          "state", "taken over from an earlier daemon in state " + migration.state().label());
    } catch (RequestRefused | RuntimeException e) {
      if (first) {
        migration.alert(
            "could not be taken over, which is tried again every "
                + RESUME_MILLIS / 1000
                + " s: "
                + e.getMessage());
        log.error("migration {} could not be taken over", migration.record.name(), e);
      }
      host.later(
          RESUME_MILLIS, "resume-" + migration.record.name(), () -> resume(migration, false));
    } finally {
      migration.lock.unlock();
    }
  }

  /**
   * A remote host that asks for an address once more, later, has given up what it asked for before:
   * that ends here too, if the guest has not come meanwhile.
   */
  void supersede(MigrationRecord wanted) {
    for (LiveMigration other : migrations.values()) {
      if (isSuperseded(other, wanted) && other instanceof EndpointMigration earlier) {
        earlier.event("progress", wanted.remote() + " asks for the address anew");
        String unused = earlier.rollback();
      }
    }
  }

  private static boolean isSuperseded(LiveMigration other, MigrationRecord wanted) {
    return other instanceof EndpointMigration earlier
        && earlier.isBeforeRelease()
        && !earlier.state().isEnded()
        && wanted.role() == Role.ENDPOINT
        && earlier.record.remote().equals(wanted.remote())
        && earlier.record.epoch() < wanted.epoch()
        && earlier.record.oldAddresses().stream().anyMatch(wanted.oldAddresses()::contains);
  }

  Host host() {
    return host;
  }

  @Nullable LiveMigration byId(String id) {
    return migrations.get(id);
  }

  /**
   * Lets {@code migration} in, unless its name or an address is taken.
   *
   * @throws RequestRefused {@code CONFLICT}, naming what has it
   */
  void admit(LiveMigration migration) throws RequestRefused {
    synchronized (admission) {
      requireFree(migration.record);
      requireUnused(migration.record, false);
      settleEnded(); // their kernel objects may have the same names
      migrations.put(migration.record.id(), migration);
      forgetOldest();
    }
  }

  /** Of those that have ended, the last can still be shown; all of them would be ever more. */
  private void forgetOldest() {
    List<LiveMigration> ended =
        migrations.values().stream()
            .filter(LiveMigration::isSettled)
            .sorted(Comparator.comparingLong(migration -> endedEpochNanos(migration.record)))
            .toList();
    if (ended.size() > KEPT) {
      List<String> oldest =
          ended.subList(0, ended.size() - KEPT).stream()
              .filter(each -> !(each instanceof RedirectorMigration r && r.isNameEnding()))
              .map(each -> each.record.id())
              .toList();
      migrations.keySet().removeAll(host.journal().forgetEnded(oldest));
    }
  }

  private static long endedEpochNanos(MigrationRecord record) {
    return record.history().isEmpty() ? 0 : record.history().getLast().epochNanos();
  }

  /**
   * The id is the redirector's choice, so a remote host may name one that is not its own: the other
   * host of a migration here knows its id. What may come again is an attempt that was taken back at
   * an endpoint, as {@code auto} makes it.
   *
   * @param ending whether one that {@link #supersede} would end counts as ended
   * @throws RequestRefused {@code CONFLICT}
   */
  void requireUnused(MigrationRecord wanted, boolean ending) throws RequestRefused {
    LiveMigration known = migrations.get(wanted.id());
    boolean isEarlierAttempt =
        known instanceof EndpointMigration earlier
            && wanted.role() == Role.ENDPOINT
            && earlier.record.remote().equals(wanted.remote())
            && earlier.record.epoch() < wanted.epoch()
            && (earlier.state().isEnded() || (ending && isSuperseded(earlier, wanted)));
    if ((known != null && !isEarlierAttempt)
        || abandoned.stream().anyMatch(other -> other.record.id().equals(wanted.id()))) {
      throw new RequestRefused(
          RequestRefused.Kind.CONFLICT,
          "a migration has the id " + wanted.id() + " here already: arm it anew, under another");
    }
  }

  /**
   * @throws RequestRefused {@code CONFLICT} when the name or an old address is that of a live
   *     migration
   */
  void requireFree(MigrationRecord wanted) throws RequestRefused {
    abandoned.removeIf(other -> !other.isNameEnding());
    for (RedirectorMigration other : abandoned) {
      ArmConflicts.withNames(other, wanted);
    }
    for (LiveMigration other : migrations.values()) {
      MigrationRecord record = other.record;
      ArmConflicts.withNames(other, wanted);
      ArmConflicts.withLeaving(record, wanted);
      GuestMapping.requireFree(record, wanted);
      if (record.state().isEnded()
          || record.role() != wanted.role()
          || record.id().equals(wanted.id())
          || isSuperseded(other, wanted)) {
        continue;
      }
      ArmConflicts.withLive(record, wanted);
    }
  }

  /** Nobody can ask for it any more; its DNS name may still be on its way back. */
  private void abandon(LiveMigration migration) {
    if (migration instanceof RedirectorMigration redirector && redirector.isNameEnding()) {
      abandoned.add(redirector);
    }
  }

  void forget(LiveMigration migration) {
    boolean unused = migrations.remove(migration.record.id(), migration);
  }

  @Override
  public MigrationPlan plan(MigrationRequest request) throws RequestRefused {
    MigrationRecord record = Planner.record(host, MigrationSpec.of(request, host.config()));
    requireFree(record);
    return Planner.plan(host, record);
  }

  @Override
  public MigrationView arm(MigrationRequest request) throws RequestRefused {
    MigrationRecord record = Planner.record(host, MigrationSpec.of(request, host.config()));
    requireFree(record);
    List<MigrationPlan.Check> checks = Planner.checks(host, record);
    Planner.requirePassed(checks);
    RedirectorMigration migration = new RedirectorMigration(host, record);
    admit(migration);
    try {
      migration.warn(checks);
      migration.arm();
    } catch (RequestRefused | RuntimeException e) {
      abandon(migration);
      forget(migration);
      throw e;
    }
    return migration.view();
  }

  @Override
  public MigrationView hold(String id) throws RequestRefused {
    RedirectorMigration migration = redirector(id, "hold");
    migration.hold();
    return migration.view();
  }

  @Override
  public MigrationView holdToReturn(String id) throws RequestRefused {
    LiveMigration migration = find(id);
    switch (migration) {
      case RedirectorMigration redirector -> redirector.returning().request();
      case EndpointMigration endpoint -> endpoint.pause().begin();
      default -> throw migration.illegal("hold to return");
    }
    return migration.view();
  }

  @Override
  public MigrationView release(String id) throws RequestRefused {
    LiveMigration migration = find(id);
    switch (migration) {
      case RedirectorMigration redirector -> redirector.release();
      case EndpointMigration endpoint -> endpoint.release();
      default -> throw migration.illegal("release");
    }
    return migration.view();
  }

  @Override
  public MigrationView rollback(String id, boolean force) throws RequestRefused {
    RedirectorMigration migration = redirector(id, "rollback");
    migration.rollback(force);
    return migration.view();
  }

  @Override
  public MigrationView finish(String id, boolean force) throws RequestRefused {
    RedirectorMigration migration = redirector(id, "finish");
    migration.finish(force);
    return migration.view();
  }

  @Override
  public MigrationView unmap(String id, boolean force) throws RequestRefused {
    LiveMigration migration = find(id);
    migration.unmap(force);
    return migration.view();
  }

  private RedirectorMigration redirector(String id, String verb) throws RequestRefused {
    LiveMigration migration = find(id);
    if (migration instanceof RedirectorMigration redirector) {
      return redirector;
    }
    throw new RequestRefused(
        RequestRefused.Kind.CONFLICT,
        "this host is the endpoint of migration "
            + migration.record.name()
            + "; "
            + verb
            + " is for its redirector, "
            + migration.record.remote());
  }

  /**
   * By UUID, or the newest of that name; one that is alive, and one that began here, before others.
   *
   * @throws RequestRefused {@code UNKNOWN}
   */
  LiveMigration find(String id) throws RequestRefused {
    LiveMigration exact = migrations.get(id);
    if (exact != null) {
      return exact;
    }
    return migrations.values().stream()
        .filter(migration -> migration.record.name().equals(id))
        .max(
            Comparator.comparing((LiveMigration migration) -> !migration.state().isEnded())
                .thenComparing(migration -> migration instanceof RedirectorMigration)
                .thenComparing(migration -> migration.record.epoch()))
        .orElseThrow(() ->
            new RequestRefused(
                RequestRefused.Kind.UNKNOWN,
                "no migration '"
                    + id
                    + "' on this host; holdfast migration list shows those there are"));
  }

  private List<LiveMigration> newestFirst() {
    return migrations.values().stream()
        .sorted(Comparator.comparingLong((LiveMigration migration) -> -migration.record.epoch()))
        .toList();
  }

  @Override
  public List<MigrationView> list() {
    return newestFirst().stream().map(LiveMigration::view).toList();
  }

  @Override
  public MigrationView show(String id) throws RequestRefused {
    return find(id).shown();
  }

  @Override
  public List<FlowView> flows(@Nullable String id, boolean remaining) throws RequestRefused {
    List<FlowView> views = new ArrayList<>();
    for (LiveMigration migration : id == null ? newestFirst() : List.of(find(id))) {
      views.addAll(flows(migration, remaining));
    }
    return views;
  }

  private List<FlowView> flows(LiveMigration migration, boolean remaining) {
    String name = migration.record.name();
    if (migration instanceof RedirectorMigration redirector) {
      FlowLearner learner = redirector.learner();
      List<FlowView> views = new ArrayList<>();
      if (learner != null
          && learner.withTable(table ->
              views.addAll(Reports.flows(name, table, remaining, host.clock().nanoTime())))) {
        return views;
      }
    }
    MigrationPath path = migration.path;
    if (path == null || migration.state().isEnded()) {
      return List.of();
    }
    return host.data()
        .call(() -> Reports.flows(name, path.flows(), remaining, host.clock().nanoTime()));
  }

  @Override
  public Explanation explain(ExplainRequest request) throws RequestRefused {
    return Explaining.of(this, request);
  }

  @Override
  public Feed capture(CaptureRequest request) throws RequestRefused {
    return Capturing.begin(this, recordings, request);
  }

  @Override
  public void endCapture(String id) throws RequestRefused {
    if (!recordings.end(id)) {
      throw new RequestRefused(RequestRefused.Kind.UNKNOWN, "no capture '" + id + "' runs");
    }
  }

  @Override
  public HostStatus status() {
    List<HostStatus.RemoteStatus> remotes = new ArrayList<>();
    for (Config.Remote remote : host.config().remotes()) {
      remotes.add(requests.status(remote, host.objects().tunnelErrors().of(remote.name())));
    }
    return new HostStatus(
        "holdfast.status/1",
        host.config().daemon().name(),
        version,
        ProcessHandle.current().pid(),
        startedEpochNanos,
        host.endpoint().engineName(),
        remotes,
        list(),
        host.objects().drops().nonZero(),
        host.objects().tunnelErrors().ofNobody());
  }

  @Override
  public AutoCloseable subscribe(Consumer<Event> listener) {
    return host.events().subscribe(listener);
  }

  /** True when one of the old addresses is served by a live migration of that role. */
  boolean serves(IpAddress old) {
    return migrations.values().stream()
        .anyMatch(m -> !m.state().isEnded() && m.record.olds().contains(old));
  }

  /** Takes down what ended ones still keep for a while, such as the way of stray frames. */
  void settleEnded() {
    for (LiveMigration migration : migrations.values()) {
      if (migration.state().isEnded() && !migration.isSettled()) {
        migration.settle();
      }
    }
  }

  /** Of every one that can be shown. */
  List<String> ids() {
    return List.copyOf(migrations.keySet());
  }

  /** Every migration that has not ended. */
  List<LiveMigration> live() {
    return migrations.values().stream().filter(m -> !m.state().isEnded()).toList();
  }
}
