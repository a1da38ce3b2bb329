package dev.holdfast.redirector.hold;

/**
 * What all hold queues and stages of a host may keep together. Used by the one thread that owns
 * them. A hold queue that meets this limit makes room among its own packets, never among another's;
 * a stage takes no more.
 */
public final class HoldBudget {
  private final long maxPackets;
  private final long maxBytes;
  private long packets;
  private long bytes;

  public HoldBudget(long maxPackets, long maxBytes) {
    this.maxPackets = maxPackets;
    this.maxBytes = maxBytes;
  }

  public long packets() {
    return packets;
  }

  public long bytes() {
    return bytes;
  }

  boolean isOver() {
    return packets > maxPackets || bytes > maxBytes;
  }

  boolean hasRoomFor(int length) {
    return packets < maxPackets && bytes + length <= maxBytes;
  }

  void take(int length) {
    packets++;
    bytes += length;
  }

  void give(int length) {
    packets--;
    bytes -= length;
  }
}
