package dev.holdfast.redirector.capture;

import org.jspecify.annotations.Nullable;

/** Where captured frames come from. */
interface FrameSource {
  /** The next frame, from the destination MAC on; null when there is none now. Never waits. */
  byte @Nullable [] poll();

  /** Frames that were captured and lost before they could be read, in all. */
  long lost();
}
