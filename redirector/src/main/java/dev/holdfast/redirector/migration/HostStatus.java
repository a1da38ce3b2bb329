package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.packet.IpAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

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
      String name, String endpoint, boolean up, double rttMillis, String problem) {

    /**
     * @param up a control channel with it that is up; null where there is none
     */
    static RemoteStatus of(Config.Remote remote, @Nullable ControlChannel up) {
      return new RemoteStatus(
          remote.name(),
          remote.endpointText(),
          up != null,
          up == null ? -1 : up.rttMillis(),
          up == null ? "" : elsewhere(remote, up));
    }

    /** Where it is, if that is not where the config says; "" otherwise. */
    private static String elsewhere(Config.Remote remote, ControlChannel channel) {
      InetSocketAddress configured = remote.endpoint();
      InetSocketAddress real = channel.remoteAddress();
      if (real == null || (configured != null && configured.getAddress() == null)) {
        return "";
      }
      if (configured == null) {
        return "it connects from " + IpAddress.of(real.getAddress());
      }
      return configured.getAddress().equals(real.getAddress())
          ? ""
          : "it is at " + IpAddress.of(real.getAddress()) + " now";
    }
  }
}
