package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.hook.QmpCourse.End;
import dev.holdfast.redirector.hook.Triggers.Verb;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;

/** Runs again and again, without consequence, what must be quick when it counts. */
final class QmpRehearsal {
  /** After so many the virtual machine has compiled what it is about, here and in the daemon. */
  private static final int ROUNDS = 250;

  /** What QEMU is asked is asked of its main loop, which has other things to do. */
  private static final int QUESTIONS = 5;

  private static final long AT_MOST_NANOS = 2_000_000_000L;

  private QmpRehearsal() {}

  /**
   * Takes some tenths of a second, and ends when QEMU has something to say.
   *
   * @param id of the migration
   */
  static void play(End end, Triggers triggers, QmpGuest guest, String id, Clock clock)
      throws IOException, QmpRefused {
    StateNews.rehearse(ROUNDS);
    var silent = new HookLog(clock, line -> {});
    long last = clock.nanoTime() + AT_MOST_NANOS;
    for (int i = 0; i < ROUNDS && !guest.hasNews() && clock.nanoTime() - last < 0; i++) {
      QmpCourse.rehearse(end);
      silent.begin("STOP", 1);
      silent.tell(Verb.HOLD, triggers.show(id));
    }
    for (int i = 0; i < QUESTIONS; i++) {
      QmpGuest.Run same = guest.run();
    }
  }
}
