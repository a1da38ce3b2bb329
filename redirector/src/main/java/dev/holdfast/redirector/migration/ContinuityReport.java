package dev.holdfast.redirector.migration;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a migration did to the connections: printed at its end, text and JSON.
 *
 * @param holdMillis from hold to release; null where it was not held
 * @param connections every connection that was alive at hold
 * @param icmpErrorsKeptBack ICMP errors about the old addresses (unreachable, time exceeded,
 *     redirect) that this host's kernel has made and that were dropped; null where nobody counted
 */
public record ContinuityReport(
    int before,
    int after,
    int reset,
    @Nullable Double holdMillis,
    long held,
    long staged,
    long replaced,
    Map<String, Long> dropped,
    long bytesToGuest,
    long bytesFromGuest,
    List<Connection> connections,
    @Nullable Long icmpErrorsKeptBack) {

  /** The same, with what was counted to the very end. */
  ContinuityReport withKeptBack(@Nullable Long errors) {
    return new ContinuityReport(
        before,
        after,
        reset,
        holdMillis,
        held,
        staged,
        replaced,
        dropped,
        bytesToGuest,
        bytesFromGuest,
        connections,
        errors);
  }

  /**
   * @param longestSilenceMillis the longest time in which neither side was heard, from arm on
   * @param recoveryMillis from release to the first packet of the guest; null where there was none
   *     to come
   */
  public record Connection(
      String flow,
      String end,
      double longestSilenceMillis,
      @Nullable Double recoveryMillis,
      long bytes) {}
}
