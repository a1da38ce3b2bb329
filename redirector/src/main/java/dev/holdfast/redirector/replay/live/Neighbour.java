package dev.holdfast.redirector.replay.live;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** Somebody on a LAN, and the frames that wait for its MAC. */
final class Neighbour {
  /** As a kernel keeps for one neighbour, more or less: the oldest give way. */
  private static final int MOST_WAITING = 256;

  private static final long ASK_EVERY_NANOS = 250_000_000L;

  final IpAddress address;
  private final ArrayDeque<byte[]> waiting = new ArrayDeque<>();
  private @Nullable MacAddress mac;
  private long askedAt;
  private boolean wasAsked;

  Neighbour(IpAddress address) {
    this.address = address;
  }

  @Nullable MacAddress mac() {
    return mac;
  }

  void isAt(MacAddress found) {
    mac = found;
  }

  /** Whether it is to be asked now, and takes note that it is. */
  boolean asks(long now) {
    if (mac != null || (wasAsked && now - askedAt < ASK_EVERY_NANOS)) {
      return false;
    }
    wasAsked = true;
    askedAt = now;
    return true;
  }

  /**
   * A frame whose first six bytes are not known yet.
   *
   * @return false where another one was lost for it
   */
  boolean awaits(byte[] frame) {
    waiting.add(frame);
    if (waiting.size() > MOST_WAITING) {
      waiting.remove();
      return false;
    }
    return true;
  }

  byte @Nullable [] nextWaiting() {
    return waiting.poll();
  }

  int waitingCount() {
    return waiting.size();
  }

  /** What it was is forgotten: it is asked again. */
  void forget() {
    mac = null;
    wasAsked = false;
  }
}
