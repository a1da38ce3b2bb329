package dev.holdfast.redirector.replay;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a replay has found out. The same capture, options and seed give the same report.
 *
 * @param file name of the capture
 * @param format such as "pcap, microseconds, little-endian"
 * @param packets that the capture has
 * @param replayedPackets those of them that took part
 * @param notReplayed how many did not, by reason
 * @param problem why reading ended before the file did; null where it did not
 * @param backwards packets that were captured before one that stands before them in the file
 * @param durationNanos from the capture's first packet to its last
 * @param guests who moved, and when
 * @param encapsulation tls or ipip; live, where what lay between is not the replay's: then what is
 *     said of holding and of the tunnel is 0
 * @param heldPackets that waited at the old host
 * @param stagedPackets of them that were copied ahead to the new host
 * @param tunnelledToGuest live packets through the tunnel
 * @param tunnelledFromGuest the same, from the guest
 * @param dropped packets that Holdfast dropped, by host and reason
 * @param wanLost outer packets, or parts of streams, that the network between the sites lost
 * @param verdicts how many connections, by verdict
 * @param recovery of the connections that had waited for the guest
 * @param totals over all connections
 * @param flows connections that are not good, and others, of each as many as have room
 * @param flowsLeftOut those that had none: they are counted in what is over all
 * @param digest SHA-256 over the packets that left at each point, in hex; null where it was not
 *     asked for
 * @param lateness of a live replay; null where time was virtual
 */
public record ReplayReport(
    String file,
    String format,
    long packets,
    long replayedPackets,
    Map<String, Long> notReplayed,
    @Nullable String problem,
    long backwards,
    long durationNanos,
    List<Guest> guests,
    String encapsulation,
    long heldPackets,
    long stagedPackets,
    long tunnelledToGuest,
    long tunnelledFromGuest,
    Map<String, Map<String, Long>> dropped,
    long wanLost,
    Map<String, Long> verdicts,
    Recovery recovery,
    Totals totals,
    List<FlowResult> flows,
    long flowsLeftOut,
    @Nullable String digest,
    @Nullable Lateness lateness) {

  /**
   * A guest.
   *
   * @param pausedAtNanos after the capture's first packet; negative where it has not moved
   * @param resumedAtNanos the same, at the new host
   */
  public record Guest(List<String> addresses, long pausedAtNanos, long resumedAtNanos) {
    public boolean hasMoved() {
      return resumedAtNanos >= 0;
    }
  }

  /**
   * From the guests' return to the first delivery of what had waited, nanoseconds. Of more than
   * 262,144 connections p50 and p99 are up to 1/32 too high.
   *
   * @param count how many connections had waited
   */
  public record Recovery(long count, long p50Nanos, long p99Nanos, long maxNanos) {}

  /**
   * Over all connections, those too that have no room in the report.
   *
   * @param longestWaitNanos of any
   * @param lostDatagrams datagrams that did not arrive
   * @param named how often each verdict, by the names that were asked for; nothing where no
   *     connection has that name
   */
  public record Totals(
      long longestWaitNanos,
      long retransmissions,
      long lostDatagrams,
      Map<String, Map<String, Long>> named) {}

  /** How many connections are not good. */
  public long bad() {
    return verdicts.getOrDefault("stalled", 0L)
        + verdicts.getOrDefault("reset", 0L)
        + verdicts.getOrDefault("corrupted", 0L);
  }

  public long survived() {
    return verdicts.getOrDefault("survived", 0L);
  }

  public ReplayReport withDigest(@Nullable String hex) {
    return new ReplayReport(
        file,
        format,
        packets,
        replayedPackets,
        notReplayed,
        problem,
        backwards,
        durationNanos,
        guests,
        encapsulation,
        heldPackets,
        stagedPackets,
        tunnelledToGuest,
        tunnelledFromGuest,
        dropped,
        wanLost,
        verdicts,
        recovery,
        totals,
        flows,
        flowsLeftOut,
        hex,
        lateness);
  }
}
