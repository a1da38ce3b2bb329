package dev.holdfast.redirector.control;

import dev.holdfast.redirector.migration.CaptureRequest;
import dev.holdfast.redirector.migration.ContinuityReport;
import dev.holdfast.redirector.migration.ExplainRequest;
import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.redirector.migration.FlowView;
import dev.holdfast.redirector.migration.HostStatus;
import dev.holdfast.redirector.migration.MigrationPlan;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationService;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.MigrationView.HistoryEntry;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.redirector.migration.RequestRefused.Kind;
import dev.holdfast.redirector.tap.Feed;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A daemon without packets: it keeps migrations in memory and moves them when asked. */
public final class FakeService implements MigrationService {
  /** 2026-03-01 12:00:00 UTC. */
  public static final long NOON = 1_772_366_400_000_000_000L;

  private final FakeCaptures captures = new FakeCaptures();
  private final List<MigrationView> migrations = new ArrayList<>();
  private final Set<Consumer<Event>> listeners = new CopyOnWriteArraySet<>();
  private volatile Runnable beforeEach = () -> {};
  private volatile @Nullable MigrationRequest lastRequest;
  private volatile @Nullable ExplainRequest lastExplained;
  private volatile int remaining = 1;
  private volatile String role = "redirector";
  private volatile boolean holds = true;
  private volatile boolean toReturn;
  private final AtomicInteger shows = new AtomicInteger();
  private long clock = NOON;

  /** Runs in front of every request, on its thread. */
  public void beforeEach(Runnable action) {
    beforeEach = action;
  }

  /** What was last planned or armed. */
  public @Nullable MigrationRequest lastRequest() {
    return lastRequest;
  }

  /** How many connections keep migrations from being done: 1 or 0. */
  public void remaining(int count) {
    remaining = count;
  }

  /** What this host is in migrations that are armed from now on. */
  public void role(String label) {
    role = label;
  }

  /** From now on nothing can be held. */
  public void failToHold() {
    holds = false;
  }

  /** How often a migration was asked for. */
  public int shows() {
    return shows.get();
  }

  public int listeners() {
    return listeners.size();
  }

  @Override
  public MigrationPlan plan(MigrationRequest request) {
    beforeEach.run();
    lastRequest = request;
    return new MigrationPlan(
        "holdfast.plan/1",
        request.name(),
        List.of(
            new MigrationPlan.Check("host-a", "guest port", "ok", "vnet3 is on br0", ""),
            new MigrationPlan.Check(
                "host-b", "filters", "warning", "FORWARD drops by policy", "accept hf0")),
        List.of(
            new MigrationPlan.Step(
                "host-a", "armed", "add route via hf0", "delete route via hf0")));
  }

  @Override
  public synchronized MigrationView arm(MigrationRequest request) throws RequestRefused {
    beforeEach.run();
    lastRequest = request;
    for (MigrationView each : migrations) {
      if (each.name().equals(request.name()) && !MigrationState.ofLabel(each.state()).isEnded()) {
        throw new RequestRefused(
            Kind.CONFLICT, "The name '" + request.name() + "' is taken by a migration.");
      }
    }
    if (request.remote().equals("nowhere")) {
      throw new RequestRefused(Kind.REFUSED, "host 'nowhere' is unreachable.");
    }
    MigrationView view =
        view(request, "id-" + (migrations.size() + 1), MigrationState.ARMED, List.of());
    migrations.addFirst(view);
    publish(view, "armed");
    return view;
  }

  @Override
  public MigrationView hold(String id) throws RequestRefused {
    if (!holds) {
      throw new RequestRefused(Kind.FAILED, "capture could not be switched on.");
    }
    return once(id, MigrationState.HOLDING);
  }

  /** As a daemon answers who asks again. */
  private synchronized MigrationView once(String id, MigrationState to) throws RequestRefused {
    MigrationView now = show(id);
    return now.state().equals(to.label()) ? now : move(id, to);
  }

  @Override
  public synchronized MigrationView holdToReturn(String id) throws RequestRefused {
    return toReturn(id, true);
  }

  private MigrationView toReturn(String id, boolean held) throws RequestRefused {
    MigrationView old = show(id);
    MigrationState state = MigrationState.ofLabel(old.state());
    if (!holds || (state != MigrationState.REDIRECTING && state != MigrationState.DRAINING)) {
      throw new RequestRefused(Kind.CONFLICT, "'" + old.name() + "' is " + old.state() + ".");
    }
    toReturn = held;
    MigrationView view = moved(old, state);
    migrations.set(migrations.indexOf(old), view);
    return view;
  }

  @Override
  public synchronized MigrationView release(String id) throws RequestRefused {
    return toReturn ? toReturn(id, false) : once(id, MigrationState.REDIRECTING);
  }

  @Override
  public MigrationView rollback(String id, boolean force) throws RequestRefused {
    return once(id, MigrationState.ROLLED_BACK);
  }

  @Override
  public MigrationView finish(String id, boolean force) throws RequestRefused {
    if (!force) {
      throw new RequestRefused(Kind.REFUSED, "2 connections are left; see flow list.");
    }
    return move(id, MigrationState.DONE);
  }

  @Override
  public MigrationView unmap(String id, boolean force) throws RequestRefused {
    if (!force) {
      throw new RequestRefused(Kind.REFUSED, "2 connections use 10.2.0.10.");
    }
    return show(id);
  }

  @Override
  public synchronized List<MigrationView> list() {
    beforeEach.run();
    return List.copyOf(migrations);
  }

  @Override
  public synchronized MigrationView show(String id) throws RequestRefused {
    beforeEach.run();
    shows.incrementAndGet();
    return migrations.stream()
        .filter(each -> each.id().equals(id) || each.name().equals(id))
        .findFirst()
        .orElseThrow(() -> new RequestRefused(Kind.UNKNOWN, "There is no migration '" + id + "'."));
  }

  @Override
  public List<FlowView> flows(@Nullable String id, boolean remaining) throws RequestRefused {
    beforeEach.run();
    if (id != null) {
      show(id);
    }
    FlowView open =
        new FlowView(
            "id-1",
            "tcp",
            "10.1.0.10:443",
            "10.9.0.2:50123",
            "established",
            65_000,
            1_200,
            1_234_567,
            99,
            "captured",
            "It is established.");
    FlowView over =
        new FlowView(
            "id-1",
            "udp",
            "[fd00:1::10]:53",
            "[fd00:9::2]:4242",
            "active",
            5,
            5,
            0,
            10,
            "seen",
            "");
    if (remaining) {
      return this.remaining == 0 ? List.of() : List.of(open);
    }
    return List.of(open, over);
  }

  @Override
  public Explanation explain(ExplainRequest request) throws RequestRefused {
    beforeEach.run();
    lastExplained = request;
    if (request.migration() != null) {
      show(request.migration());
    }
    return new Explanation(
        Explanation.SCHEMA,
        request.outOfTunnel() ? "out-of-tunnel" : "from-lan",
        "dropped",
        "loop",
        "web1",
        List.of(
            new Explanation.Step("packet", "IPv4 tcp", ""),
            new Explanation.Step("decide", "drop as loop", "it has been here before")),
        "It is dropped.");
  }

  @Override
  public Feed capture(CaptureRequest request) throws RequestRefused {
    beforeEach.run();
    for (String id : Objects.requireNonNullElse(request.migrations(), List.<String>of())) {
      show(id);
    }
    return captures.begin(request);
  }

  @Override
  public void endCapture(String id) throws RequestRefused {
    captures.end(id);
  }

  public FakeCaptures captures() {
    return captures;
  }

  /** What was last asked to be explained. */
  public @Nullable ExplainRequest lastExplained() {
    return lastExplained;
  }

  @Override
  public synchronized HostStatus status() {
    beforeEach.run();
    return new HostStatus(
        "holdfast.status/1",
        "host-a",
        "0.1.0",
        4711,
        NOON,
        "BoringSSL",
        List.of(
            new HostStatus.RemoteStatus(
                "host-b", "10.2.0.2:4754", true, 20.5, "", Map.of("too-big", 2L)),
            new HostStatus.RemoteStatus(
                "host-c", "10.3.0.2:4754", false, -1, "connection refused", Map.of())),
        List.copyOf(migrations),
        Map.of("no-grant", 3L),
        Map.of("not-sent", 4L));
  }

  @Override
  public AutoCloseable subscribe(Consumer<Event> listener) {
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }

  /** Tells every listener. */
  public void publish(Event event) {
    listeners.forEach(listener -> listener.accept(event));
  }

  /** Moves a migration as the daemon would by itself. */
  public synchronized MigrationView move(String id, MigrationState to) throws RequestRefused {
    beforeEach.run();
    MigrationView old = show(id);
    MigrationState from = MigrationState.ofLabel(old.state());
    if (!from.mayBecome(to)) {
      throw new RequestRefused(
          Kind.CONFLICT, "'" + old.name() + "' is " + old.state() + ", not what this needs.");
    }
    MigrationView view = moved(old, to);
    migrations.set(migrations.indexOf(old), view);
    publish(view, to.label());
    return view;
  }

  private void publish(MigrationView view, String text) {
    publish(new Event(clock, "state", view.id(), view.name(), view.state(), text));
  }

  private List<HistoryEntry> entered(List<HistoryEntry> history, MigrationState state) {
    List<HistoryEntry> entries = new ArrayList<>(history);
    clock += 1_500_000_000L;
    entries.add(new HistoryEntry(state.label(), clock));
    return entries;
  }

  private MigrationView view(
      MigrationRequest request, String id, MigrationState state, List<HistoryEntry> history) {
    return new MigrationView(
        "holdfast.migration/1",
        id,
        request.name(),
        1,
        role,
        request.remote(),
        state.label(),
        List.of("hold", "rollback"),
        request.oldAddresses(),
        request.newAddresses(),
        request.guestMac(),
        request.encapsulation() == null ? "tls" : request.encapsulation(),
        "symmetric",
        request.holdPolicy() == null ? "queue" : request.holdPolicy(),
        true,
        List.of(
            new MigrationView.ConnectionView(1, true, "10.1.0.2:40001 - 10.2.0.2:4754", 0),
            new MigrationView.ConnectionView(2, true, "10.1.0.2:40002 - 10.2.0.2:4754", 2048)),
        entered(history, state),
        new MigrationView.HeldView(7, 7000, 7, 1, 0, 8),
        new MigrationView.TrafficView(10, 1000, 20, 2_000_000),
        2,
        2,
        Map.of(),
        request.dnsName() == null
            ? null
            : new MigrationView.DnsView(
                request.dnsName(),
                "published",
                request.oldAddresses(),
                request.newAddresses(),
                12,
                NOON,
                null,
                null),
        List.of("The hold has lasted longer than its limit."),
        null,
        "auto".equals(request.encapsulation()) ? "auto: tls, since it is a fake" : null,
        "pcap".equals(request.capture()) ? "pcap" : "tun",
        "br0",
        null,
        3L,
        null,
        List.of(),
        false,
        null,
        null);
  }

  private MigrationView moved(MigrationView old, MigrationState to) {
    return new MigrationView(
        old.schema(),
        old.id(),
        old.name(),
        old.epoch(),
        old.role(),
        old.remote(),
        to.label(),
        to.isEnded() ? List.of() : List.of("rollback"),
        old.oldAddresses(),
        old.newAddresses(),
        old.guestMac(),
        old.encapsulation(),
        old.returnPath(),
        old.holdPolicy(),
        old.linkUp(),
        to.isEnded() ? List.of() : old.connections(),
        entered(old.history(), to),
        old.held(),
        old.traffic(),
        old.flows(),
        old.flowsAtHold(),
        old.drops(),
        old.dns(),
        old.alerts(),
        to == MigrationState.DONE ? report() : null,
        old.encapsulationReason(),
        old.capture(),
        old.lan(),
        null,
        old.icmpErrorsKeptBack(),
        to == MigrationState.HOLDING
            ? new MigrationView.HoldLimitView(clock + 300_000_000_000L, "keep")
            : null,
        old.hooks(),
        old.guestUnaware(),
        old.mapping(),
        toReturn && !to.isEnded()
            ? new MigrationView.WayBackView(clock, clock + 300_000_000_000L, "keep", 3)
            : null);
  }

  private static ContinuityReport report() {
    return new ContinuityReport(
        2,
        2,
        0,
        1500.25,
        8,
        7,
        1,
        Map.of("queue-full", 2L),
        1000,
        2_000_000,
        List.of(
            new ContinuityReport.Connection(
                "tcp 10.9.0.2:50123 > 10.1.0.10:443", "closed by the peer", 1511.5, 4.25, 1234),
            new ContinuityReport.Connection(
                "tcp 10.9.0.2:50124 > 10.1.0.10:443", "closed by the guest", 1600, null, 99)),
        4L);
  }
}
