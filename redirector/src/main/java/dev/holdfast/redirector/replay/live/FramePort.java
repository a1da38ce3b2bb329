package dev.holdfast.redirector.replay.live;

import org.jspecify.annotations.Nullable;

/** Frames in and out of an interface. */
interface FramePort extends AutoCloseable {
  /** The next frame, from the destination MAC on; null when there is none now. Never waits. */
  byte @Nullable [] poll();

  /**
   * @param length how many bytes of the frame
   * @return false when the kernel did not take it
   */
  boolean send(byte[] frame, int length);

  @Override
  void close();
}
