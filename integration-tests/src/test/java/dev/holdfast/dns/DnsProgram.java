package dev.holdfast.dns;

import dev.holdfast.dns.real.NameServerLab;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.scenario.Holdfast;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** {@code holdfast dns} as a person runs it, at the client of a lab. */
final class DnsProgram {
  private final NameServerLab lab;
  private final Path folder;
  private final Path config;

  /** Writes a config with these zones. */
  DnsProgram(NameServerLab lab, Path scratch, List<Config.DnsZone> zones) throws IOException {
    this.lab = lab;
    this.folder = Files.createTempDirectory(scratch, "program");
    HostIdentity.create("host-a", Duration.ofDays(1), SystemClock.INSTANCE, new SecureRandom())
        .save(folder.resolve("host.crt"), folder.resolve("host.key"));
    var text =
        new StringBuilder(
            """
            [daemon]
            name = "host-a"
            control = "c.sock"
            state = "state"
            [tunnel]
            listen = "10.9.0.1:4754"
            uplink = "br0"
            encapsulation = "tls"
            [identity]
            certificate = "host.crt"
            key = "host.key"
            """);
    for (Config.DnsZone zone : zones) {
      text.append(
          """
          [[dns]]
          zone = "%s"
          server = "%s"
          key-name = "%s"
          key-algorithm = "%s"
          key-secret-file = "%s"
          ttl = %d
          """
              .formatted(
                  zone.zone(),
                  text(zone.server()),
                  zone.keyName(),
                  zone.keyAlgorithm(),
                  zone.keySecretFile(),
                  zone.ttl()));
    }
    config = Files.writeString(folder.resolve("holdfast.toml"), text);
  }

  private static String text(InetSocketAddress server) {
    String host = server.getAddress().getHostAddress();
    return (server.getAddress() instanceof Inet6Address ? "[" + host + "]" : host)
        + ":"
        + server.getPort();
  }

  /** Runs {@code holdfast dns ARGUMENTS}; these are separated by single spaces. */
  Holdfast.Outcome dns(String arguments) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of("dns"));
    all.addAll(List.of(arguments.split(" ", -1)));
    all.add("--config=" + config);
    return Holdfast.run(folder, lab.client(), all.toArray(String[]::new));
  }
}
