package dev.holdfast.redirector.path;

/**
 * What was too big for its way in one migration. Written by the data loop; others see a value of
 * the recent past.
 */
public final class SizeCounts {
  /** Senders that were told how much fits, each time. */
  volatile long told;

  /** IPv4 packets without Don't Fragment that went on in fragments of their own. */
  volatile long cutInside;

  /** Packets that went on although they are too long for it, in fragments of the outer packet. */
  volatile long cutOutside;

  /** Packets that went onto a LAN as shorter TCP segments. */
  volatile long cutTcp;

  /** Dropped although their senders were told before, or may not be told: they do not get there. */
  volatile long unheeded;

  public long told() {
    return told;
  }

  public long cutInside() {
    return cutInside;
  }

  public long cutOutside() {
    return cutOutside;
  }

  public long cutTcp() {
    return cutTcp;
  }

  public long unheeded() {
    return unheeded;
  }
}
