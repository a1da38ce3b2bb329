package dev.holdfast.redirector.flow;

/**
 * After how much silence a flow has ended, in nanoseconds. Established TCP has no timer.
 *
 * @param timeWait TCP, once both FINs are acknowledged
 * @param transitory TCP that is being opened, or whose two FINs were sent and not acknowledged (RFC
 *     5382 REQ-5: 4 minutes)
 * @param udp UDP heard from one side alone (RFC 4787 REQ-5: not under 2 minutes)
 * @param udpAnswered UDP heard from both sides (RFC 4787 REQ-5: 5 minutes)
 * @param icmp ICMP queries (RFC 5508 REQ-2: 60 s)
 * @param other any other protocol
 */
public record FlowTimers(
    long timeWait, long transitory, long udp, long udpAnswered, long icmp, long other) {
  private static final long SECOND = 1_000_000_000L;

  /** What the RFCs name, and 60 s of time-wait. */
  public static final FlowTimers DEFAULTS =
      new FlowTimers(
          60 * SECOND, 240 * SECOND, 120 * SECOND, 300 * SECOND, 60 * SECOND, 600 * SECOND);

  public FlowTimers withTimeWait(long nanos) {
    return new FlowTimers(nanos, transitory, udp, udpAnswered, icmp, other);
  }
}
