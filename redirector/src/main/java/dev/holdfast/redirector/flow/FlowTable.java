package dev.holdfast.redirector.flow;

import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The flows of one migration: found by packet, followed, and counted until none is left. Used by
 * one thread.
 *
 * <p>It is bounded. What strangers can make up, a lone SYN or a datagram that nobody answered, may
 * fill a quarter of it and then displaces its own kind, oldest first. When all of it is full, such
 * flows give way first, then ended ones, then TCP that the guest has never been heard on; a flow
 * that both sides were heard on is never given up. A flow that finds no room is not followed: its
 * packets are carried all the same.
 */
public final class FlowTable {
  /** How many places are looked at, from where the last look ended, for one that may go. */
  private static final int SAMPLE = 64;

  /** A reset that the guest did not believe shows when the guest speaks on after this time. */
  private static final long REVIVAL = 1_000_000_000L;

  private static final long NEVER = Long.MIN_VALUE;

  private final int maxFlows;
  private final FlowTimers timers;
  private final FlowSlots slots;
  private final ArrayDeque<Flow> tentative = new ArrayDeque<>();
  private List<Flow> aliveAtHold = List.of();
  private long releasedNanos = NEVER;
  private boolean draining;
  private int hand;
  private long evicted;
  private long refused;

  // the count of flows that remain is kept as they come and go; only timers have to be looked for
  private int remaining;
  private long nextDeadline;
  private boolean deadlineKnown;

  /**
   * @param maxFlows at least 4
   * @param hashSeed random, so that nobody can aim flows at one place of the table
   */
  public FlowTable(int maxFlows, FlowTimers timers, long hashSeed) {
    if (maxFlows < 4) {
      throw new IllegalArgumentException("a flow table of " + maxFlows);
    }
    this.maxFlows = maxFlows;
    this.timers = timers;
    slots = new FlowSlots(hashSeed);
  }

  // ---- packets ----

  /** The flow of a packet that goes that way, ended ones too, or null. Changes nothing. */
  public @Nullable Flow find(PacketView v, Direction direction) {
    return slots.find(v, direction);
  }

  /** For how long the guest was not heard on any flow, nanoseconds. */
  public long guestSilence(long nowNanos) {
    long[] shortest = {Long.MAX_VALUE};
    forEach(flow -> {
      if (flow.wasHeard(Direction.FROM_GUEST)) {
        shortest[0] = Math.min(shortest[0], nowNanos - flow.lastHeard(Direction.FROM_GUEST));
      }
    });
    return shortest[0];
  }

  public @Nullable Flow find(FlowKey key) {
    return slots.find(key);
  }

  /**
   * A number that all packets of a flow share, and few others; all fragments between two addresses
   * share one too, since only the first of a datagram tells its flow. Changes nothing.
   */
  public int hash(PacketView v, Direction direction) {
    return slots.hash(v, direction);
  }

  /**
   * The flow of this packet, found or adopted, with the packet taken in. A packet that opens a new
   * connection on the ports of an ended one begins a new flow.
   *
   * @return null where the table is full of what matters more
   */
  public @Nullable Flow seen(PacketView v, Direction direction, long nowNanos, Origin origin) {
    return track(slots.find(v, direction), v, direction, nowNanos, origin);
  }

  /**
   * As {@link #seen}, for who has called {@link #find} for this packet already, as one does who
   * decides before tracking: what is dropped by policy leaves no flow.
   */
  public @Nullable Flow track(
      @Nullable Flow known, PacketView v, Direction direction, long nowNanos, Origin origin) {
    Flow flow = known;
    if (flow != null) {
      settle(flow, nowNanos);
      if (beginsAnew(flow, v, direction, nowNanos)) {
        remove(flow);
        flow = null;
      }
    }
    if (flow == null) {
      flow = admit(slots.flowOf(v, direction, origin, nowNanos), v, direction, nowNanos);
      if (flow == null) {
        return null;
      }
    }
    flow.heard(direction, v.length(), nowNanos);
    HeldFlow held = flow.held();
    if (held != null
        && held.recoveryNanos < 0
        && direction == Direction.FROM_GUEST
        && releasedNanos != NEVER) {
      held.recoveryNanos = nowNanos - releasedNanos;
    }
    if (!flow.isEnded() && v.isTcp()) {
      TcpTracking.track(flow, v, direction);
      if (flow.isEnded()) {
        leaves(flow);
      }
    }
    noteDeadline(flow, nowNanos);
    return flow;
  }

  private boolean beginsAnew(Flow flow, PacketView v, Direction direction, long nowNanos) {
    if (!v.isTcp()) {
      return flow.isEnded();
    }
    boolean reset = (v.tcpFlags() & PacketView.RST) != 0;
    return switch (flow.end()) {
      case OPEN -> TcpTracking.beginsAnew(flow, v, direction);
      case FIN, RESET_BY_GUEST -> TcpTracking.isPureSyn(v);
      case RESET_BY_PEER ->
          TcpTracking.isPureSyn(v)
              || (direction == Direction.FROM_GUEST
                  && !reset
                  && flow.idleNanos(nowNanos) > REVIVAL);
      case TIMED_OUT, UNLISTED -> !reset;
    };
  }

  private @Nullable Flow admit(Flow flow, PacketView v, Direction direction, long nowNanos) {
    if (v.isTcp()) {
      TcpTracking.begin(flow, v, direction);
    }
    boolean stranger = isStranger(flow);
    if (slots.size() >= maxFlows && !makeRoom(stranger, nowNanos)) {
      refused++;
      return null;
    }
    if (draining && stranger) {
      flow.markBeganWhileDraining();
    }
    if (stranger) {
      tentative.add(flow);
      if (tentative.size() > Math.max(1, maxFlows / 4)) {
        evictIfTentative(tentative.remove());
      }
    }
    enters(flow);
    return flow;
  }

  /**
   * Names a flow that no packet has shown yet, or confirms one: by the guest's own list or by the
   * remote host's snapshot.
   *
   * @return null where the table is full of what matters more
   */
  public @Nullable Flow list(FlowKey key, long nowNanos, Origin origin) {
    Flow known = slots.find(key);
    if (known != null) {
      settle(known, nowNanos);
      if (!known.isEnded()) {
        if (!known.isConfirmed()) {
          known.origin(origin);
        }
        return known;
      }
      remove(known);
    }
    if (slots.size() >= maxFlows && !makeRoom(false, nowNanos)) {
      refused++;
      return null;
    }
    Flow flow = slots.flowOf(key, origin, nowNanos);
    enters(flow);
    noteDeadline(flow, nowNanos);
    return flow;
  }

  /**
   * Takes a list of the guest's TCP connections that is said to be complete: names those that are
   * unknown, and ends those that it does not have. A connection that was heard since the list was
   * taken stays, as do those in the making and in time-wait, which such lists leave out.
   *
   * @return false where nothing was ended, since the list is not complete: it lacks an older
   *     connection on which the guest has spoken since
   */
  public boolean listComplete(Collection<FlowKey> complete, long takenNanos, long nowNanos) {
    Set<FlowKey> listed = new HashSet<>(complete);
    for (FlowKey key : complete) {
      list(key, nowNanos, Origin.LISTED);
    }
    List<Flow> missing = new ArrayList<>();
    boolean[] contradicted = {false};
    slots.forEach(flow -> {
      if (flow.isTcp()
          && flow.isCounted()
          && !flow.isEnded()
          && flow.handshake() == Flow.Handshake.DONE
          && flow.tcpState() != TcpState.TIME_WAIT
          && !listed.contains(flow.key())) {
        if (nowNanos - flow.idleNanos(nowNanos) - takenNanos < 0) {
          missing.add(flow);
        } else {
          contradicted[0] |= isOlderAndSpoken(flow, takenNanos, nowNanos);
        }
      }
    });
    if (!contradicted[0]) {
      for (Flow flow : missing) {
        flow.end(FlowEnd.UNLISTED);
        leaves(flow);
      }
    }
    return !contradicted[0];
  }

  private static boolean isOlderAndSpoken(Flow flow, long takenNanos, long nowNanos) {
    return flow.tcpState() == TcpState.ESTABLISHED
        && flow.wasHeard(Direction.FROM_GUEST)
        && flow.lastHeard(Direction.FROM_GUEST) - takenNanos > 0
        && nowNanos - flow.ageNanos(nowNanos) + Flow.AGE_UNIT - takenNanos < 0;
  }

  // ---- room ----

  private boolean makeRoom(boolean forStranger, long nowNanos) {
    while (!tentative.isEmpty()) {
      if (evictIfTentative(tentative.remove())) {
        return true;
      }
    }
    Flow victim = null;
    int looks = Math.min(SAMPLE, slots.capacity());
    for (int i = 0; i < looks; i++) {
      hand = hand + 1 & slots.capacity() - 1;
      Flow flow = slots.at(hand);
      if (flow == null) {
        continue;
      }
      settle(flow, nowNanos);
      if (flow.isEnded()) {
        victim = flow;
        break;
      }
      boolean mayGo = !forStranger && (!flow.isTcp() || !flow.isConfirmed());
      if (mayGo && (victim == null || flow.idleNanos(nowNanos) > victim.idleNanos(nowNanos))) {
        victim = flow;
      }
    }
    if (victim == null) {
      return false;
    }
    remove(victim);
    evicted++;
    return true;
  }

  private boolean evictIfTentative(Flow flow) {
    if (!isStranger(flow) || !slots.contains(flow)) {
      return false;
    }
    remove(flow);
    evicted++;
    return true;
  }

  /** What anybody can make up, and nobody has answered. */
  private static boolean isStranger(Flow flow) {
    return flow.isSynOnly()
        || !flow.isCounted()
        || (!flow.isTcp()
            && !(flow.wasHeard(Direction.TO_GUEST) && flow.wasHeard(Direction.FROM_GUEST)));
  }

  private void enters(Flow flow) {
    slots.add(flow);
    if (flow.isCounted()) {
      remaining++;
    }
  }

  /** Has just ended, or leaves the table while open. */
  private void leaves(Flow flow) {
    if (flow.isCounted()) {
      remaining--;
    }
  }

  /** Forgets a flow, ended or not. */
  public boolean remove(Flow flow) {
    boolean there = slots.remove(flow);
    if (there && !flow.isEnded()) {
      leaves(flow);
    }
    return there;
  }

  public int size() {
    return slots.size();
  }

  /** How many flows were given up for others since the table was made. */
  public long evicted() {
    return evicted;
  }

  /** How many flows found no room since the table was made. */
  public long refused() {
    return refused;
  }

  /** Every flow, ended ones too. The visitor must not change the table. */
  public void forEach(Consumer<Flow> visitor) {
    slots.forEach(visitor);
  }

  // ---- the migration's life ----

  /**
   * The guest is paused: every flow that is alive now belongs into the report. A second hold of the
   * same migration starts the record anew.
   */
  public void held(long nowNanos) {
    countRemaining(nowNanos);
    List<Flow> alive = new ArrayList<>(remaining);
    slots.forEach(flow -> {
      if (flow.isCounted() && !flow.isEnded()) {
        flow.held(new HeldFlow(flow.bytes(Direction.TO_GUEST), flow.bytes(Direction.FROM_GUEST)));
        alive.add(flow);
      }
    });
    aliveAtHold = alive;
    releasedNanos = NEVER;
  }

  /** The guest runs again: recovery is counted from the first call after hold. */
  public void released(long nowNanos) {
    if (releasedNanos == NEVER) {
      releasedNanos = nowNanos;
    }
  }

  /** From now on a flow that begins is marked as one that began by a stale address. */
  public void drainingBegan() {
    draining = true;
  }

  /** Those that were alive when the guest was paused, whatever has become of them. */
  public List<Flow> aliveAtHold() {
    return aliveAtHold;
  }

  // ---- what remains ----

  /**
   * How many flows are still to be served. Cheap: looks through the table only when a timer may
   * have run out.
   */
  public int countRemaining(long nowNanos) {
    if (deadlineKnown && nowNanos - nextDeadline < 0) {
      return remaining;
    }
    deadlineKnown = false;
    List<Flow> longGone = new ArrayList<>();
    slots.forEach(flow -> {
      settle(flow, nowNanos);
      if (!flow.isEnded()) {
        noteDeadline(flow, nowNanos);
      } else if (flow.idleNanos(nowNanos) - 4 * timers.timeWait() > 0) {
        longGone.add(flow);
      }
    });
    longGone.forEach(this::remove);
    if (!deadlineKnown) { // none has a timer; ended ones are looked for all the same
      deadlineKnown = true;
      nextDeadline = nowNanos + timers.other();
    }
    return remaining;
  }

  /** The flows that are still to be served. */
  public List<Flow> remaining(long nowNanos) {
    List<Flow> flows = new ArrayList<>(countRemaining(nowNanos));
    slots.forEach(flow -> {
      if (flow.isCounted() && !flow.isEnded()) {
        flows.add(flow);
      }
    });
    return flows;
  }

  /** Why a flow keeps the migration from being done, as a sentence; empty when it does not. */
  public String whyCounts(Flow flow, long nowNanos) {
    settle(flow, nowNanos);
    return FlowLife.whyCounts(flow, timers, nowNanos);
  }

  /** Ends a flow whose time is up. */
  private void settle(Flow flow, long nowNanos) {
    if (!flow.isEnded() && FlowLife.nanosLeft(flow, timers, nowNanos) <= 0) {
      flow.end(
          flow.isTcp() && flow.tcpState() == TcpState.TIME_WAIT ? FlowEnd.FIN : FlowEnd.TIMED_OUT);
      leaves(flow);
    }
  }

  private void noteDeadline(Flow flow, long nowNanos) {
    if (flow.isEnded()) {
      return;
    }
    long left = FlowLife.nanosLeft(flow, timers, nowNanos);
    if (left == Long.MAX_VALUE) {
      return;
    }
    long deadline = nowNanos + left;
    if (!deadlineKnown || deadline - nextDeadline < 0) {
      deadlineKnown = true;
      nextDeadline = deadline;
    }
  }
}
