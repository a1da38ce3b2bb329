package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.replay.LiveLine.Step;
import dev.holdfast.redirector.replay.Machine.Place;
import dev.holdfast.redirector.replay.Points.Point;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A real network, with real hosts in it, between the played ends. Time is the monotonic clock's:
 * each event happens at its moment, counted from one begin, so that what is late once makes nothing
 * else late.
 *
 * <p>The guest moves in the order of a live migration: first the command is run that has the old
 * host hold its packets, and once that has ended the guest is paused.
 */
final class LiveSites implements Sites {
  private static final long NONE = -1;

  /** Where no packet has a moment, how far reading may be ahead of the ends, in writes. */
  private static final long MOST_AHEAD = 4_096;

  private static final int LOOK_EVERY = 256;
  private static final long CATCH_UP_NANOS = 5_000_000_000L;
  private static final long STEP_NANOS = 1_000_000L;

  private final LiveLine line;
  private final Pace pace;
  private final VirtualTime time;
  private final Points points;
  private final TwoSites.Arrivals arrivals;
  private final LongSupplier unwritten;
  private final LiveLine.Arrived arrived = this::arrived;
  private final Machine machine;
  private final List<Machine> machines;
  private final LatenessHistogram lateness = new LatenessHistogram();
  private long begin = NONE;
  private long dueFrame = NONE;
  private boolean inEvents;
  private Stage stage = Stage.BEFORE;
  private long sent;
  private long received;

  private enum Stage {
    BEFORE,
    MOVE_COMMAND,
    PAUSED,
    BACK
  }

  /**
   * @param plan of the guest that moves
   * @param unwritten how much of what was read of the capture the ends have not written yet
   */
  LiveSites(
      GuestPlan plan,
      LivePlay play,
      VirtualTime time,
      Points points,
      TwoSites.Arrivals arrivals,
      LongSupplier unwritten) {
    this.line = play.line();
    this.pace = play.pace();
    this.time = time;
    this.points = points;
    this.arrivals = arrivals;
    this.unwritten = unwritten;
    machine = new Machine(0, plan);
    machines = List.of(machine);
  }

  @Override
  public List<Machine> machines() {
    return machines;
  }

  // ---- time ----

  private long now() {
    return VirtualTime.BEGIN + (line.nanoTime() - begin);
  }

  private void start() {
    begin = line.nanoTime();
    if (machine.plan.move() instanceof GuestPlan.Move.AtTime(long nanos)
        && pace instanceof Pace.Speed speed) {
      time.at(VirtualTime.BEGIN + speed.moment(0, nanos), this::move);
    }
  }

  @Override
  public void passToPacket(long number, long captureNanos) {
    if (begin == NONE) {
      start();
    }
    dueFrame = NONE;
    boolean moves = stage == Stage.BEFORE && isMoveDue(number, captureNanos);
    long moment = pace.moment(number, captureNanos);
    if (moment == Pace.NO_MOMENT) {
      passTo(now());
      if (moves || number % LOOK_EVERY == 0) {
        catchUp(moves ? 0 : MOST_AHEAD);
      }
    } else {
      passTo(VirtualTime.BEGIN + moment);
      dueFrame = VirtualTime.BEGIN + moment;
    }
    if (moves) {
      move();
    }
  }

  private boolean isMoveDue(long number, long captureNanos) {
    return switch (machine.plan.move()) {
      case GuestPlan.Move.Never never -> false;
      case GuestPlan.Move.AtTime(long nanos) -> captureNanos >= nanos;
      case GuestPlan.Move.AtPacket(long at) -> number >= at;
    };
  }

  /** Waits for the ends, which write only what they can have heard the reason for. */
  private void catchUp(long ahead) {
    long end = now() + CATCH_UP_NANOS;
    while (unwritten.getAsLong() > ahead && now() < end) {
      passTo(now() + STEP_NANOS);
    }
  }

  @Override
  public void passTo(long nanos) {
    dueFrame = NONE;
    if (begin == NONE) {
      start();
    }
    while (true) {
      long now = now();
      inEvents = true;
      time.runUntil(now);
      inEvents = false;
      line.receive(arrived);
      proceed();
      if (now >= nanos) {
        return;
      }
      line.await(begin + (Math.min(nanos, time.next()) - VirtualTime.BEGIN));
    }
  }

  /**
   * The moment that what is sent now was planned for; {@link #NONE} where it answers an arrival.
   */
  private long due() {
    return inEvents ? time.nanoTime() : dueFrame;
  }

  // ---- the move ----

  private void move() {
    if (stage == Stage.BEFORE) {
      stage = Stage.MOVE_COMMAND;
      line.begin(Step.MOVE);
      proceed();
    }
  }

  private void proceed() {
    if (stage == Stage.MOVE_COMMAND && line.isDone()) {
      stage = Stage.PAUSED;
      machine.pause(time.nanoTime());
      line.guestLeaves();
      time.after(machine.plan.pauseNanos(), this::resume);
    }
  }

  private void resume() {
    stage = Stage.BACK;
    line.guestReturns();
    line.begin(Step.RESUME);
    machine.resume(time.nanoTime());
  }

  @Override
  public boolean isMoving() {
    return stage == Stage.MOVE_COMMAND || stage == Stage.PAUSED || !line.isDone();
  }

  // ---- packets ----

  @Override
  public void fromPeer(ByteBuf packet, Machine to) {
    send(packet, false);
  }

  @Override
  public void fromMachine(ByteBuf packet, Machine from, @Nullable Machine to) {
    send(packet, true);
  }

  private void send(ByteBuf packet, boolean byGuest) {
    try {
      line.send(packet, byGuest);
    } finally {
      packet.release();
    }
    sent++;
    long due = due();
    if (due != NONE) {
      lateness.record(now() - due);
    }
  }

  private void arrived(ByteBuf packet, boolean atGuest) {
    if (atGuest && machine.place() == Place.PAUSED) {
      return;
    }
    received++;
    points.seen(
        atGuest ? Point.GUEST : Point.PEER,
        time.epochNanos(),
        packet,
        packet.readerIndex() + VirtioNetHeader.LENGTH,
        packet.readableBytes() - VirtioNetHeader.LENGTH);
    arrivals.arrived(packet, atGuest ? machine : null);
  }

  // ---- what is to be told ----

  @Override
  public String carriage() {
    return "live";
  }

  @Override
  public Map<String, Map<DropReason, Long>> drops() {
    Map<String, Map<DropReason, Long>> all = new LinkedHashMap<>();
    all.put("replay", line.drops());
    return all;
  }

  @Override
  public long held() {
    return 0; // the hosts' own figures say it
  }

  @Override
  public long staged() {
    return 0;
  }

  @Override
  public long tunnelled(boolean toGuest) {
    return 0;
  }

  @Override
  public long lost() {
    return 0;
  }

  @Override
  public Lateness lateness() {
    return new Lateness(
        lateness.count(),
        lateness.percentile(0.5),
        lateness.percentile(0.99),
        lateness.max(),
        sent,
        received,
        pace.toString());
  }

  @Override
  public void close() {
    // the line is whoever opened it's
  }
}
