package dev.holdfast.redirector.hook;

import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link QmpWatch} watches, and how.
 *
 * @param socket QEMU's monitor
 * @param end source or destination; null: by the daemon's part in the migration
 * @param gate whether to let a QEMU go on that waits before it switches over; false: somebody else
 *     does
 * @param connectWithin how long the socket may be missing at the beginning
 * @param timeout of everything
 */
public record WatchOptions(
    Path socket,
    @Nullable String end,
    boolean gate,
    WithoutHold withoutHold,
    Duration connectWithin,
    Duration timeout) {

  /** What becomes of QEMU's migration where packets cannot be held, or are not held any more. */
  public enum WithoutHold {
    /** The guest stays where it is. */
    CANCEL,
    /** The guest moves; what is sent to it meanwhile is lost. */
    CONTINUE
  }
}
