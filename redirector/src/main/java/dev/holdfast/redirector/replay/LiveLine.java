package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import java.util.Map;

/**
 * The real network of a live replay: where the played ends' packets go out and come in, the clock,
 * and the commands that move the guest. All calls come from one thread.
 *
 * <p>What cannot go on ends in {@link LiveFailed}.
 */
public interface LiveLine {
  /** What is done to the guest by commands. */
  enum Step {
    MOVE,
    RESUME
  }

  /** Takes what has arrived for the played ends. */
  interface Arrived {
    /**
     * @param packet {@code [virtio_net_hdr][IP packet]}; no reference is kept
     */
    void arrived(ByteBuf packet, boolean atGuest);
  }

  /** Monotonic. */
  long nanoTime();

  /** Gives what has arrived so far; never waits. */
  void receive(Arrived to);

  /** Waits until a moment, or until something has arrived or a command has ended. */
  void await(long nanos);

  /**
   * Sends a packet, or drops and counts it.
   *
   * @param packet {@code [virtio_net_hdr][IP packet]}; no reference is kept
   */
  void send(ByteBuf packet, boolean byGuest);

  /** Begins with what is to be done; nothing where there is no command for it. */
  void begin(Step step);

  /** Whether all that was begun has been done. */
  boolean isDone();

  /** The guest is nowhere. */
  void guestLeaves();

  /** The guest is at its new place. */
  void guestReturns();

  /** Packets that it dropped; none that are 0. */
  Map<DropReason, Long> drops();
}
