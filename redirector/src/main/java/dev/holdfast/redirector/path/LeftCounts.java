package dev.holdfast.redirector.path;

/**
 * What the guest has sent from its old addresses that left at the new site, not by the tunnel.
 * Written by the data loop; others see a value of the recent past.
 */
public final class LeftCounts {
  volatile long packets;
  volatile long bytes;

  public long packets() {
    return packets;
  }

  /** Of whole IP packets. */
  public long bytes() {
    return bytes;
  }
}
