package dev.holdfast.redirector.replay;

import org.jspecify.annotations.Nullable;

/** The pauses of a flow's two sides, of which one at least is a guest. */
final class EndsPauses implements Progress.Pauses {
  private final Machine guest;
  private final @Nullable Machine other;

  /**
   * @param other the other side, where that is another guest
   */
  EndsPauses(Machine guest, @Nullable Machine other) {
    this.guest = guest;
    this.other = other == guest ? null : other;
  }

  @Override
  public long within(long from, long to) {
    long sum = guest.pausedWithin(from, to);
    if (other != null) {
      sum += other.pausedWithin(from, to);
    }
    return Math.min(sum, to - from);
  }

  @Override
  public long lastEnd() {
    return Math.max(end(guest), end(other));
  }

  private static long end(@Nullable Machine machine) {
    return machine == null || machine.resumedAt() == Machine.NOT_YET ? -1 : machine.resumedAt();
  }
}
