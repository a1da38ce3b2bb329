package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.redirector.dns.ServerWatch.Wanted;
import dev.holdfast.redirector.migration.MigrationView;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiPredicate;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One migration's change in DNS, step by step.
 *
 * <pre>
 * arm -> publish -> awaitServers -> finish
 *  |        |            |
 *  +--------+------------+--> rollback
 * </pre>
 *
 * <p>A step blocks for its time-outs at most, ends at once when its thread is interrupted, and may
 * be called again: after a crash, or after a failure, it goes on from what it finds at the server.
 * Only one step runs at a time; a second waits for it. {@link #state} and {@link #view} may be read
 * from any thread.
 */
public final class DnsChange {
  private static final int SHARED_TRIES = 16; // as many names a guest can have

  private final DnsUpdater dns;
  private final DnsListener listener;
  private final ReentrantLock stepping = new ReentrantLock();
  private volatile DnsState state;

  DnsChange(DnsState state, DnsUpdater dns, DnsListener listener) {
    this.state = state;
    this.dns = dns;
    this.listener = listener;
  }

  /** What to journal. */
  public DnsState state() {
    return state;
  }

  public MigrationView.DnsView view() {
    return state.view();
  }

  /**
   * Reads the records and lowers their TTL to the zone's configured one, where it is higher; then
   * watches for a short while until every authoritative server shows that.
   *
   * @throws DnsException when there is nothing to move, or the server cannot be asked or refuses;
   *     the move may then still be published later, at the price of the old TTL
   */
  public void arm() throws DnsException {
    step(() -> {
      plan();
      if (state.sets().stream().noneMatch(SetMove::lowersTtl)) {
        return;
      }
      say(state, "Lowering the TTL of " + name() + ".");
      swapForward((set, now) -> now.withTtl(Math.min(now.ttl(), set.loweredTtl())));
      say(state.withProblem(null), "The TTL of " + name() + " is lowered.");
      watchTtl(dns.timing().armWait());
    });
  }

  /**
   * Moves the records to the new address, by compare-and-swap. Goes on trying while the server is
   * not to be reached.
   *
   * @throws DnsException when somebody else has changed the records (state conflict), the server
   *     refuses, or patience is over (state failed)
   */
  public void publish() throws DnsException {
    step(() -> {
      if (state.publishedEpochNanos() != 0) {
        if (state.owesReverse()) {
          swapReverse(SetSwap::moved);
        }
        return;
      }
      long began = dns.client().clock().nanoTime();
      say(state.withPhase(DnsState.UPDATING), "Updating " + name() + ".");
      try {
        persist(() -> {
          plan();
          swapForward(SetSwap::moved);
        });
      } catch (DnsException e) {
        throw failed(e);
      }
      long millis = (dns.client().clock().nanoTime() - began) / 1_000_000;
      say(
          state
              .withNow(forward(SetMove::after))
              .withProblem(null)
              .withPublished(dns.client().clock().epochNanos(), millis)
              .withReverseOwed(hasReverse()),
          "%s is %s now.".formatted(name(), String.join(", ", forward(SetMove::after))));
      swapReverse(SetSwap::moved);
    });
  }

  /**
   * Asks every authoritative server until it shows what was done last: the lowered TTL, or, once
   * published, the new address. Then the last stale second is known.
   *
   * @throws DnsException when a server still shows something else as patience ends; calling again
   *     goes on
   */
  public void awaitServers() throws DnsException {
    step(() -> {
      if (state.publishedEpochNanos() == 0) {
        watchTtl(dns.timing().patience());
      } else if (state.lastStaleEpochNanos() == 0) {
        watchAddress();
      }
    });
  }

  /**
   * Gives the records their first TTL back; they keep the new address.
   *
   * @throws DnsException when the server refuses or patience is over
   */
  public void finish() throws DnsException {
    step(() -> {
      if (state.owesReverse() && state.publishedEpochNanos() != 0) {
        swapReverse(SetSwap::moved);
      }
      if (state.sets().stream().noneMatch(SetMove::lowersTtl)) {
        return;
      }
      say(state, "Restoring the TTL of " + name() + ".");
      persist(() -> swapForward(SetMove::withTtlBack));
      DnsState finished = state.withPhase(DnsState.FINISHED);
      say(
          state.owesReverse() ? finished : finished.withProblem(null),
          "The TTL of " + name() + " is restored.");
    });
  }

  /**
   * Puts the records back as they were, by compare-and-swap, TTL too. What others have changed in
   * the meantime stays.
   *
   * @throws DnsException when the records are not ours any more (state conflict), the server
   *     refuses, or patience is over (state failed)
   */
  public void rollback() throws DnsException {
    step(() -> {
      if (state.phase().equals(DnsState.RESTORED) && state.owesReverse()) {
        swapReverse(SetSwap::undone); // the name itself may be somebody else's by now
        return;
      }
      boolean touched = !state.sets().isEmpty();
      boolean mayBeUnderWay = state.publishedEpochNanos() == 0;
      if (touched) {
        say(state, "Putting " + name() + " back.");
        try {
          persist(() -> undo(mayBeUnderWay));
        } catch (DnsException e) {
          throw failed(e);
        }
      }
      say(
          state
              .withPhase(DnsState.RESTORED)
              .withNow(forward(SetMove::before))
              .withProblem(null)
              .withReverseOwed(hasReverse()),
          touched ? name() + " is as it was." : "Nothing was changed in DNS.");
      swapReverse(SetSwap::undone);
    });
  }

  // -- steps and their parts

  /**
   * Puts the records back.
   *
   * @param mayBeUnderWay whether an update of ours may have been sent whose outcome nobody knows,
   *     as publish was cut short: a slow server may still do it after we have read that nothing is
   *     to be put back. It takes updates in their order, so once it has answered another one the
   *     records tell.
   */
  private void undo(boolean mayBeUnderWay) throws DnsException {
    swapForward(SetSwap::undone);
    if (mayBeUnderWay && isAnswered()) {
      swapForward(SetSwap::undone);
    }
  }

  /**
   * Whether an update has been answered that changes nothing; a server that refuses it, refuses
   * all.
   */
  private boolean isAnswered() throws DnsException {
    try {
      for (ZoneServer zone : SetSwap.byZone(dns, state.sets(), false).keySet()) {
        zone.rehearse();
      }
      return true;
    } catch (DnsException e) {
      if (e.kind() == Kind.REFUSED || e.kind() == Kind.CONFIGURATION) {
        return false;
      }
      throw e;
    }
  }

  @FunctionalInterface
  private interface Action {
    void run() throws DnsException;
  }

  private void step(Action body) throws DnsException {
    try {
      stepping.lockInterruptibly();
    } catch (InterruptedException e) {
      throw DnsException.interrupted();
    }
    try {
      body.run();
    } catch (DnsException e) {
      if (e.kind() != Kind.INTERRUPTED) {
        say(state.withProblem(e.sentence()), e.sentence());
      }
      throw e;
    } finally {
      stepping.unlock();
    }
  }

  /** Tells the listener, who may journal it, before anything else happens. */
  private void say(DnsState next, String text) {
    state = next;
    listener.changed(next, text);
  }

  private DnsException failed(DnsException e) {
    if (e.kind() != Kind.INTERRUPTED) {
      state = state.withPhase(e.kind() == Kind.CONFLICT ? DnsState.CONFLICT : DnsState.FAILED);
    }
    return e;
  }

  /** Reads what there is to move, once for the whole change: later the TTL is our own. */
  private void plan() throws DnsException {
    if (!state.sets().isEmpty()) {
      return;
    }
    DnsPlan plan = dns.plan(state.move());
    if (plan.problem() != null) {
      throw new DnsException(Kind.CONFIGURATION, plan.problem());
    }
    say(
        state.withSets(plan.sets()).withNow(plan.before()),
        String.join(" ", plan.sets().stream().map(each -> each.describe() + ".").toList()));
  }

  /** Does it again, with growing pauses, for as long as the trouble is such as passes. */
  private void persist(Action action) throws DnsException {
    long began = dns.client().clock().nanoTime();
    Duration wait = dns.timing().firstPause();
    while (true) {
      try {
        action.run();
        return;
      } catch (DnsException e) {
        long waited = dns.client().clock().nanoTime() - began + wait.toNanos();
        if (!e.mayPass() || waited > dns.timing().patience().toNanos()) {
          throw e;
        }
        say(state.withProblem(e.sentence()), e.sentence() + " Trying again.");
      }
      sleep(wait);
      wait = dns.timing().nextPause(wait);
    }
  }

  private void sleep(Duration time) throws DnsException {
    try {
      dns.client().pause().sleep(time);
    } catch (InterruptedException e) {
      throw DnsException.interrupted();
    }
  }

  private void swapForward(SetSwap.Becomes becomes) throws DnsException {
    SetSwap.all(dns, state.sets(), false, becomes);
  }

  private boolean hasReverse() {
    return state.sets().stream().anyMatch(SetMove::isReverse);
  }

  /**
   * Reverse records are a courtesy: where they cannot be moved, that is said and journalled, and it
   * is tried again: when publishing is resumed, at the end, and after the end by the next daemon.
   * What somebody else has changed stays.
   */
  private void swapReverse(SetSwap.Becomes becomes) throws DnsException {
    boolean owed = false;
    boolean done = true;
    for (List<SetMove> each : reverseByZone()) {
      try {
        swapShared(each, becomes);
      } catch (DnsException e) {
        if (e.kind() == Kind.INTERRUPTED) {
          throw e;
        }
        done = false;
        owed |= e.kind() != Kind.CONFLICT;
        String text = "The PTR record could not be changed. " + e.sentence();
        say(state.withProblem(text), text);
      }
    }
    if (done && state.owesReverse()) {
      say(state.withReverseOwed(false).withProblem(null), "The PTR records follow.");
    } else if (owed != state.owesReverse()) {
      say(state.withReverseOwed(owed), "The PTR records stay as somebody else has made them.");
    }
  }

  /** A zone that is not in the configuration any more is in nobody else's way. */
  private List<List<SetMove>> reverseByZone() {
    Map<String, List<SetMove>> zones = new LinkedHashMap<>();
    for (SetMove set : state.sets()) {
      if (set.isReverse()) {
        zones.computeIfAbsent(set.zone(), key -> new ArrayList<>()).add(set);
      }
    }
    return List.copyOf(zones.values());
  }

  /** Several names of a guest share an address's PTR set, and each may be moved at this moment. */
  private void swapShared(List<SetMove> sets, SetSwap.Becomes becomes) throws DnsException {
    for (int tries = 1; ; tries++) {
      try {
        SetSwap.all(dns, sets, true, becomes);
        return;
      } catch (DnsException e) {
        if (e.kind() != Kind.CONFLICT || tries == SHARED_TRIES) {
          throw e;
        }
      }
    }
  }

  // -- the zone's other servers

  private void watchTtl(Duration patience) throws DnsException {
    if (state.ttlSeenEpochNanos() != 0) {
      return;
    }
    ServerWatch.Seen seen =
        watch(patience, SetMove::lowersTtl, (set, now) -> now.ttl() <= set.loweredTtl());
    if (seen == null) {
      return;
    }
    if (seen.isComplete()) {
      say(
          state.withTtlSeen(seen.lastEpochNanos()),
          "Every authoritative server shows the lowered TTL.");
    } else {
      say(state, String.join(" ", seen.troubles()));
    }
  }

  private void watchAddress() throws DnsException {
    ServerWatch.Seen seen = watch(dns.timing().patience(), set -> true, SetMove::isDoneIn);
    if (seen == null) {
      return;
    }
    if (!seen.isComplete()) {
      throw new DnsException(
          Kind.UNREACHABLE,
          "Not every authoritative server has the new address. "
              + String.join(" ", seen.troubles()));
    }
    DnsState next =
        state.withNewSeen(seen.lastEpochNanos(), lastStale(state, seen.lastEpochNanos()));
    String text = "Every authoritative server gives the new address.";
    if (seen.silent().isEmpty()) {
      say(next.withProblem(null), text);
    } else {
      String silent = "Not waited for: " + String.join(" ", seen.silent());
      say(next.withProblem(silent), silent);
    }
  }

  /**
   * The last second in which a cache may still give the old address: one that asked just before the
   * last server showed the lowered TTL keeps it for the old TTL, one that asked just before the
   * last server gave the new address for the lowered one.
   */
  static long lastStale(DnsState state, long newSeenEpochNanos) {
    long last = 0;
    for (SetMove set : state.sets()) {
      if (set.isReverse()) {
        continue;
      }
      // a server that was never seen with the low TTL had it when it gave the new address
      long ttlSeen = state.ttlSeenEpochNanos() == 0 ? newSeenEpochNanos : state.ttlSeenEpochNanos();
      last = Math.max(last, newSeenEpochNanos + nanos(set.loweredTtl()));
      if (set.lowersTtl()) {
        last = Math.max(last, Math.min(ttlSeen, newSeenEpochNanos) + nanos(set.ttl()));
      }
    }
    return last;
  }

  private static long nanos(long seconds) {
    return Duration.ofSeconds(seconds).toNanos();
  }

  /** Null when no set is concerned. */
  private ServerWatch.@Nullable Seen watch(
      Duration patience, Predicate<SetMove> concerned, BiPredicate<SetMove, RecordSet> right)
      throws DnsException {
    ServerWatch.Seen all = null;
    for (Map.Entry<ZoneServer, List<SetMove>> each :
        SetSwap.byZone(dns, state.sets(), false).entrySet()) {
      List<Wanted> wanted =
          each.getValue().stream()
              .filter(concerned)
              .map(set -> new Wanted(set.name(), set.type(), now -> right.test(set, now)))
              .toList();
      if (wanted.isEmpty()) {
        continue;
      }
      List<NameServer> servers = new ArrayList<>();
      persist(() -> {
        NameServer.Found found = NameServer.of(each.getKey(), dns.timing().nameServerPort());
        servers.addAll(found.servers());
        found.notes().forEach(note -> say(state, note));
      });
      all =
          new ServerWatch(each.getKey(), dns.client(), dns.timing())
              .watch(servers, wanted, patience, dns.timing().silence());
    }
    return all;
  }

  private String name() {
    return DnsNames.plain(state.name());
  }

  private List<String> forward(Function<SetMove, List<String>> part) {
    return state.sets().stream()
        .filter(each -> !each.isReverse())
        .flatMap(each -> part.apply(each).stream())
        .toList();
  }
}
