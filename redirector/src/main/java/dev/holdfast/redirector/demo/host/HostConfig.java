package dev.holdfast.redirector.demo.host;

import dev.holdfast.redirector.demo.host.HostPlan.Remote;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Collectors;

/** Writes the configuration file of one daemon of the demo, and what it refers to. */
final class HostConfig {
  static final String FILE = "holdfast.toml";
  static final String CONTROL = "control.sock";
  static final String CERTIFICATE = "host.crt";
  static final String KEY = "host.key";
  static final String PINS = "pins";
  private static final String SECRET = "tsig.key";

  private HostConfig() {}

  /**
   * Writes it into {@code folder}; paths in it are relative to that.
   *
   * @param names null where no name is to be moved
   */
  static void write(Path folder, HostPlan host, Remote remote, NameService names)
      throws IOException {
    Path secret = folder.resolve(SECRET);
    Files.deleteIfExists(secret);
    Files.createFile(
        secret, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(secret, names.secret() + "\n");
    Files.writeString(
        folder.resolve(FILE),
        text(host, remote)
            + zone(NameService.ZONE, names.forwardEndpoint())
            + zone(names.reverseZone(), names.reverseEndpoint()));
  }

  private static String text(HostPlan host, Remote remote) {
    return """
    # Written by "holdfast demo". Relative paths start at this file's folder.
    [daemon]
    name    = "%s"
    control = "%s"
    state   = "state"
    pins    = "%s"

    [tunnel]
    listen      = "%s"
    uplink      = "%s"
    connections = %d
    capture     = "%s"

    [identity]
    certificate = "%s"
    key         = "%s"

    [[remote]]
    name        = "%s"
    endpoint    = "%s"
    fingerprint = "%s"
    addresses   = [%s]
    plaintext   = %s

    # So short that the demo need not wait; a real site leaves out this table.
    [drain]
    time-wait = "1s"
    """
        .formatted(
            host.name(),
            CONTROL,
            PINS,
            host.listen(),
            host.uplink(),
            host.connections(),
            host.capture(),
            CERTIFICATE,
            KEY,
            remote.host().name(),
            remote.endpoint(),
            remote.fingerprint(),
            quoted(remote.granted()),
            remote.plaintext());
  }

  private static String zone(String zone, InetSocketAddress server) {
    return """

    [[dns]]
    zone            = "%s"
    server          = "%s"
    key-name        = "%s"
    key-algorithm   = "%s"
    key-secret-file = "%s"
    ttl             = %d
    """
        .formatted(
            zone,
            text(server),
            NameService.KEY_NAME,
            NameService.KEY_ALGORITHM,
            SECRET,
            NameService.LOWERED_TTL);
  }

  private static String text(InetSocketAddress endpoint) {
    String address = endpoint.getAddress().getHostAddress();
    return (endpoint.getAddress() instanceof Inet6Address ? "[" + address + "]" : address)
        + ":"
        + endpoint.getPort();
  }

  private static String quoted(List<String> values) {
    return values.stream().map(value -> '"' + value + '"').collect(Collectors.joining(", "));
  }
}
