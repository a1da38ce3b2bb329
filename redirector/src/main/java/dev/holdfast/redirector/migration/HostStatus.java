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
 * @param tunnelErrors by label, ICMP errors about packets to none of the remote hosts: made up
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
    Map<String, Long> dropped,
    Map<String, Long> tunnelErrors) {

  /**
   * A remote host: whether its control channel is up, and the last round-trip time in milliseconds
   * (-1 unknown).
   *
   * @param tunnelErrors by label, ICMP errors about the tunnel's own packets to it (IP-in-IP)
   */
  public record RemoteStatus(
      String name,
      String endpoint,
      boolean up,
      double rttMillis,
      String problem,
      Map<String, Long> tunnelErrors) {

    /**
     * @param up a control channel with it that is up; null where there is none
     */
    static RemoteStatus of(
        Config.Remote remote, @Nullable ControlChannel up, Map<String, Long> tunnelErrors) {
      return new RemoteStatus(
          remote.name(),
          remote.endpointText(),
          up != null,
          up == null ? -1 : up.rttMillis(),
          up == null ? "" : elsewhere(remote, up),
          tunnelErrors);
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
