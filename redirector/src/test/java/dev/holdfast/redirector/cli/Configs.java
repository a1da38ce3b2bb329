package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.TsigKey;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import dev.holdfast.tunnel.identity.HostIdentity;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;

/** Config files for tests, with the files that they name beside them. */
final class Configs {
  static final String SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

  private Configs() {}

  /** A good one; its socket is {@code c.sock} and its state {@code state}, in the same folder. */
  static Path write(Path folder) throws IOException {
    HostIdentity.create("host-a", Duration.ofDays(400), CliRun.CLOCK, new SecureRandom())
        .save(folder.resolve("host.crt"), folder.resolve("host.key"));
    return Files.writeString(
        folder.resolve("holdfast.toml"),
        """
        [daemon]
        name = "host-a"
        control = "c.sock"
        state = "state"
        [tunnel]
        listen = "127.0.0.1:4754"
        uplink = "eth0"
        encapsulation = "tls"
        [identity]
        certificate = "host.crt"
        key = "host.key"
        """);
  }

  /**
   * A server for zone lab.test, not yet started, that takes updates by the key of {@link
   * #withZone}.
   */
  static AuthoritativeServer nameServer(String text) throws DnsException {
    return new AuthoritativeServer(
        Zone.parse("lab.test.", text),
        List.of(TsigKey.of("mv-key.", "hmac-sha256", SECRET)),
        CliRun.CLOCK);
  }

  /** The good one with zone lab.test. */
  static Path withZone(Path folder, InetSocketAddress server) throws IOException {
    Path secret = Files.writeString(folder.resolve("tsig.key"), SECRET);
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
    Path config = write(folder);
    return Files.writeString(
        config,
        Files.readString(config)
            + """
            [[dns]]
            zone = "lab.test."
            server = "127.0.0.1:%d"
            key-name = "mv-key."
            key-secret-file = "tsig.key"
            """
                .formatted(server.getPort()));
  }
}
