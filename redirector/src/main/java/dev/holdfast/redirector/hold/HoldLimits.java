package dev.holdfast.redirector.hold;

/**
 * How much of one migration is held.
 *
 * @param flowPackets packets of one flow
 * @param flowBytes bytes of one flow, virtio-net headers included
 * @param packets packets of the migration
 * @param bytes bytes of the migration
 * @param maxAgeNanos how long a packet is held
 */
public record HoldLimits(
    int flowPackets, long flowBytes, int packets, long bytes, long maxAgeNanos) {
  private static final int PACKETS = 65_536;
  private static final int FLOW_PACKETS = 4_096;

  /** One flow may have this part of the bytes: some windows of a fast connection. */
  private static final int FLOW_PART = 4;

  public HoldLimits {
    if (flowPackets < 1 || flowBytes < 1 || packets < 1 || bytes < 1 || maxAgeNanos < 0) {
      throw new IllegalArgumentException("a hold queue that holds nothing");
    }
  }

  /** Limits from what the configuration says: {@code hold.max-bytes} and {@code hold.max-age}. */
  public static HoldLimits of(long maxBytes, long maxAgeNanos) {
    return new HoldLimits(
        FLOW_PACKETS, Math.max(1, maxBytes / FLOW_PART), PACKETS, maxBytes, maxAgeNanos);
  }
}
