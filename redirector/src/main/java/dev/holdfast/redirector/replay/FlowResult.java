package dev.holdfast.redirector.replay;

import java.util.List;

/**
 * One connection of a replay, or one exchange of datagrams.
 *
 * @param flow such as {@code tcp 10.1.0.10:80 - 10.9.0.2:40000}, the guest first
 * @param firstPacket number of its first packet in the capture, from 1
 * @param packets how many the capture has
 * @param toGuestBytes payload that the guest received
 * @param fromGuestBytes payload that the peer received
 * @param moved whether it was there when the guest was paused
 * @param recoveryNanos from the guest's return to the first delivery of what had waited; negative
 *     where nothing had
 * @param longestWaitNanos longest time in which something was to be delivered and nothing was, the
 *     pause apart
 * @param longestWaitAtNanos when that began, after the capture's first packet
 * @param retransmissions segments that were sent again; datagrams: 0
 * @param lost datagrams that did not arrive
 * @param notes what is to be known about it, a sentence each
 */
public record FlowResult(
    String flow,
    long firstPacket,
    long packets,
    Verdict verdict,
    long toGuestBytes,
    long fromGuestBytes,
    boolean moved,
    long recoveryNanos,
    long longestWaitNanos,
    long longestWaitAtNanos,
    long retransmissions,
    long lost,
    List<String> notes) {
  public FlowResult {
    notes = List.copyOf(notes);
  }

  /** The flow with the packet that it begins at: ports that are used again make another one. */
  public String name() {
    return flow + " packet:" + firstPacket;
  }
}
