package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/** A network that takes a millisecond, with a clock that goes on only where somebody waits. */
final class FakeLine implements LiveLine {
  private static final long WAY_NANOS = 1_000_000L;

  private record Arrival(long at, ByteBuf packet, boolean atGuest) {}

  /** A packet that was sent, and when. */
  record Sent(long at, boolean byGuest, int length) {}

  final List<Sent> sent = new ArrayList<>();
  final List<String> told = new ArrayList<>();

  /** By how much it wakes its caller too late. */
  long late;

  /** How long a command takes. */
  long commandNanos;

  boolean commandFails;
  private final PriorityQueue<Arrival> arrivals =
      new PriorityQueue<>((a, b) -> Long.compare(a.at(), b.at()));
  private long now = 777;
  private long commandEnd;
  private boolean guestIsThere = true;

  @Override
  public long nanoTime() {
    return now;
  }

  @Override
  public void receive(Arrived to) {
    while (!arrivals.isEmpty() && arrivals.element().at() <= now) {
      Arrival next = arrivals.remove();
      if (!next.atGuest() || guestIsThere) {
        to.arrived(next.packet(), next.atGuest());
      }
      next.packet().release();
    }
  }

  @Override
  public void await(long nanos) {
    long next = arrivals.isEmpty() ? Long.MAX_VALUE : arrivals.element().at();
    long command = commandEnd > now ? commandEnd : Long.MAX_VALUE;
    long first = Math.min(next, command);
    now = first < nanos ? first : Math.max(now, nanos + late);
  }

  @Override
  public void send(ByteBuf packet, boolean byGuest) {
    sent.add(new Sent(now, byGuest, packet.readableBytes()));
    if (!byGuest || guestIsThere) {
      arrivals.add(new Arrival(now + WAY_NANOS, packet.copy(), !byGuest));
    }
  }

  @Override
  public void begin(Step step) {
    told.add(step.name());
    commandEnd = now + commandNanos;
  }

  @Override
  public boolean isDone() {
    if (commandFails && !told.isEmpty()) {
      throw new LiveFailed("it did not work");
    }
    return now >= commandEnd;
  }

  @Override
  public void guestLeaves() {
    told.add("leaves");
    guestIsThere = false;
  }

  @Override
  public void guestReturns() {
    told.add("returns");
    guestIsThere = true;
  }

  @Override
  public Map<DropReason, Long> drops() {
    return Map.of();
  }
}
