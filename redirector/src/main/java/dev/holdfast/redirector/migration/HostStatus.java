package dev.holdfast.redirector.migration;

import java.util.List;
import java.util.Map;

/**
 * The daemon as {@code status --json} prints it.
 *
 * @param schema "holdfast.status/1"
 * @param dropped by reason label, packets of no migration among them
 */
public record HostStatus(
    String schema,
    String host,
    String version,
    long pid,
    long startedEpochNanos,
    String tlsEngine,
    List<RemoteStatus> remotes,
    List<MigrationView> migrations,
    Map<String, Long> dropped) {

  /**
   * A remote host: whether its control channel is up, and the last round-trip time in milliseconds
   * (-1 unknown).
   */
  public record RemoteStatus(
      String name, String endpoint, boolean up, double rttMillis, String problem) {}
}
