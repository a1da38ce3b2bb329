package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.path.MigrationPath;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * One migration on this host while it lives: its record, its state, its part of the packet path.
 * What both roles share is here; what they do on a transition is in {@link RedirectorMigration} and
 * {@link EndpointMigration}.
 *
 * <p>Transitions are made under {@link #lock}, by whichever thread asks; the packet path belongs to
 * the data loop.
 */
abstract class LiveMigration {
  final Host host;
  final ReentrantLock lock = new ReentrantLock();
  private final Object recording = new Object();
  private final List<String> alerts = new ArrayList<>();
  private final List<MigrationView.HookView> hookRuns = new ArrayList<>();
  volatile MigrationRecord record;
  volatile @Nullable MigrationPath path;
  volatile @Nullable ContinuityReport report;
  final KernelCounts kernelCounts;
  private volatile boolean settled;
  private volatile Figures last = Figures.NONE;

  LiveMigration(Host host, MigrationRecord record) {
    this.host = host;
    this.record = record;
    this.kernelCounts = new KernelCounts(host);
  }

  /** What may be asked of it in its present state. */
  abstract List<String> legal();

  abstract MigrationView.@Nullable DnsView dnsView();

  /**
   * Takes over where a killed daemon stood. May be called again after a failure.
   *
   * @throws RequestRefused with what stands in the way
   */
  abstract void resume() throws RequestRefused;

  /** Takes back what a daemon has left that was killed while it armed, and forgets it. */
  abstract void discard();

  /** Takes everything of it off this host, in reverse order. Doing it again does nothing. */
  abstract void lower();

  /**
   * Removes the mapping of a guest's addresses that stands after the end.
   *
   * @throws RequestRefused where none does, or connections live by it
   */
  void unmap(boolean force) throws RequestRefused {
    throw illegal("unmap");
  }

  /**
   * Takes everything off this host that is left of it, if it has ended: after a crash between the
   * end and its cleaning up, or at once where a rollback would still forward stray frames.
   */
  final void settle() {
    lock.lock();
    try {
      if (record.isOver()) {
        lower();
        settled = !host.ledger().owners().contains(record.id()); // else it is tried again
      }
    } finally {
      lock.unlock();
    }
  }

  /** The same, and what the kernel has counted is read for the last time. */
  final void countAndSettle() {
    lock.lock();
    try {
      if (!settled) {
        kernelCounts.read(this);
      }
      settle();
    } finally {
      lock.unlock();
    }
  }

  /** It has ended, and nothing of it is left on this host. */
  final boolean isSettled() {
    return settled;
  }

  /** How many connections are known, where the packet path knows {@code inPath} of them. */
  int knownFlows(int inPath) {
    return inPath;
  }

  final MigrationState state() {
    return record.state();
  }

  /**
   * Its part of the packet path.
   *
   * @throws RequestRefused where there is none, since it could not be taken over yet
   */
  final MigrationPath raised() throws RequestRefused {
    MigrationPath there = path;
    if (there == null) {
      throw new RequestRefused(
          RequestRefused.Kind.FAILED,
          "migration "
              + record.name()
              + " could not be taken over yet; its alerts say why (holdfast migration show)");
    }
    return there;
  }

  /** Takes its part out of the packet path; what was counted there can still be seen. */
  final void dropPath() {
    MigrationPath there = path;
    if (there != null) {
      last = host.data().call(() -> Figures.of(there));
      path = null;
      host.objects().removePath(there);
    }
  }

  /** Journals the transition, then makes it. The one place where a state changes. */
  final void enter(MigrationState next, long epochNanos, String text) {
    journalled(next, epochNanos);
    MigrationPath there = path;
    if (there != null) {
      host.data().run(() -> there.enter(next));
    }
    event("state", text);
  }

  /** The first half of {@link #enter}, for a transition whose other half is a step of its own. */
  final void journalled(MigrationState next, long epochNanos) {
    journalled(next, epochNanos, UnaryOperator.identity());
  }

  /** The same, with another change of the record in one line of the journal. */
  final void journalled(MigrationState next, long epochNanos, UnaryOperator<MigrationRecord> with) {
    amend(before -> {
      if (!before.state().mayBecome(next)) {
        throw new IllegalStateException(
            "migration "
                + before.name()
                + " is "
                + before.state().label()
                + " and cannot become "
                + next.label());
      }
      return with.apply(before.entering(next, epochNanos));
    });
  }

  /**
   * Journals a change of the record, then makes it. Names move on a thread of their own: whoever
   * changes one part of the record does not undo what another has just changed.
   */
  final void amend(UnaryOperator<MigrationRecord> change) {
    synchronized (recording) {
      MigrationRecord amended = change.apply(record);
      host.journal().record(amended);
      record = amended;
    }
  }

  final void event(String type, String text) {
    host.events()
        .publish(
            new MigrationService.Event(
                host.clock().epochNanos(),
                type,
                record.id(),
                record.name(),
                record.state().label(),
                text));
  }

  /** Something that an operator should know, kept with the migration. */
  final void alert(String text) {
    synchronized (alerts) {
      if (alerts.size() < 100) {
        alerts.add(text);
      }
    }
    event("alert", text);
  }

  /** How one of the user's hooks runs, or ran; told when it has ended. */
  final void hookRan(MigrationView.HookView run, String text) {
    synchronized (hookRuns) {
      run.putInto(hookRuns);
    }
    if (!text.isEmpty()) {
      event("hook", text);
    }
  }

  /** Null where it does not hold on this host. */
  MigrationView.@Nullable HoldLimitView holdLimit() {
    return null;
  }

  /** Null where it does not hold for the way back. */
  abstract MigrationView.@Nullable WayBackView wayBack();

  /** Says what preflight has warned of. */
  final void warn(List<MigrationPlan.Check> checks) {
    for (MigrationPlan.Check check : checks) {
      if (check.result().equals("warning")) {
        alert(check.host() + ", " + check.name() + ": " + check.detail() + "; " + check.fix());
      }
    }
  }

  /** The refusal of a request that this state does not allow. */
  final RequestRefused illegal(String verb) {
    return new RequestRefused(
        RequestRefused.Kind.CONFLICT,
        "migration "
            + record.name()
            + " is "
            + record.state().label()
            + " here ("
            + record.role().label()
            + "): cannot "
            + verb
            + "; legal now: "
            + (legal().isEmpty() ? "nothing, it has ended" : String.join(", ", legal())));
  }

  /** The view for who asks about this migration alone: with what only the kernel counts. */
  final MigrationView shown() {
    if (!state().isEnded() && path != null) {
      kernelCounts.look(this);
    }
    return view();
  }

  final MigrationView view() {
    MigrationRecord now = record;
    MigrationPath there = path;
    List<String> notes;
    synchronized (alerts) {
      notes = List.copyOf(alerts);
    }
    List<MigrationView.HookView> runs;
    synchronized (hookRuns) {
      runs = List.copyOf(hookRuns);
    }
    Figures figures = there == null ? last : host.data().call(() -> Figures.of(there));
    int flows = knownFlows(figures.flows);
    ContinuityReport ended = report;
    if (ended != null) {
      figures = figures.afterwards(ended);
    }
    return new MigrationView(
        "holdfast.migration/1",
        now.id(),
        now.name(),
        now.epoch(),
        now.role().label(),
        now.remote(),
        now.state().label(),
        legal(),
        now.oldAddresses(),
        now.newAddresses(),
        now.guestMac(),
        now.encapsulation(),
        now.returnPath(),
        now.holdPolicy(),
        there != null && there.isLinkUp(),
        there == null ? List.of() : figures.connections,
        now.history(),
        figures.held,
        figures.traffic,
        flows,
        figures.flowsAtHold,
        ended == null ? kernelCounts.with(figures.drops) : figures.drops,
        dnsView(),
        notes,
        ended,
        now.encapsulationReason(),
        now.byPcap() ? "pcap" : "tun",
        now.lan(),
        figures.sizes,
        kernelCounts.errorsKeptBack(),
        holdLimit(),
        runs,
        now.isUnaware(),
        GuestMapping.label(now),
        wayBack());
  }

  /** What the packet path counted, taken on the data loop. */
  record Figures(
      MigrationView.HeldView held,
      MigrationView.TrafficView traffic,
      int flows,
      int flowsAtHold,
      Map<String, Long> drops,
      List<MigrationView.ConnectionView> connections,
      MigrationView.@Nullable SizesView sizes) {
    static final Figures NONE =
        new Figures(
            new MigrationView.HeldView(0, 0, 0, 0, 0, 0),
            new MigrationView.TrafficView(0, 0, 0, 0),
            0,
            0,
            Map.of(),
            List.of(),
            null);

    static Figures of(MigrationPath path) {
      int[] atHold = new int[1];
      path.flows().forEach((Flow flow) -> atHold[0] += flow.wasAliveAtHold() ? 1 : 0);
      return new Figures(
          path.held(),
          new MigrationView.TrafficView(
              path.toGuestPackets(),
              path.toGuestBytes(),
              path.fromGuestPackets(),
              path.fromGuestBytes(),
              path.left.packets(),
              path.left.bytes()),
          path.flows().size(),
          atHold[0],
          path.drops().nonZero(),
          path.connections(),
          sizes(path));
    }

    private static MigrationView.SizesView sizes(MigrationPath path) {
      return new MigrationView.SizesView(
          path.tunnelMtu(),
          path.sizes().told(),
          path.sizes().cutInside(),
          path.sizes().cutOutside(),
          path.deliveryMtu(),
          path.sizes().cutTcp(),
          path.sizes().unheeded());
    }

    /** The figures of a migration whose path is gone: those of its report. */
    Figures afterwards(ContinuityReport ended) {
      return new Figures(
          new MigrationView.HeldView(
              0, 0, ended.staged(), ended.replaced(), held.dropped(), ended.held()),
          new MigrationView.TrafficView(
              traffic.toGuestPackets(),
              ended.bytesToGuest(),
              traffic.fromGuestPackets(),
              ended.bytesFromGuest(),
              traffic.directPackets(),
              traffic.directBytes()),
          flows,
          ended.before(),
          ended.dropped(),
          connections,
          sizes);
    }
  }
}
