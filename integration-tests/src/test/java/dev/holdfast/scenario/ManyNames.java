package dev.holdfast.scenario;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.dns.TsigKey;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The names of the guests of {@link ManyGuestsLab}, each with all addresses of its guest, and
 * served in the hub.
 */
final class ManyNames {
  private static final String ZONE = "many.test.";
  private static final String KEY = "many-key.";
  private static final String ALGORITHM = "hmac-sha256";
  private static final String SECRET =
      Base64.getEncoder()
          .encodeToString("not a secret, but as long as one".getBytes(StandardCharsets.US_ASCII));
  private static final InetSocketAddress AT =
      new InetSocketAddress(IpAddress.parse("172.20.4.1").toInetAddress(), 53);

  private final AuthoritativeServer server;

  ManyNames(Namespace hub, Cleanup cleanup) throws Exception {
    StringBuilder text =
        new StringBuilder("@ 60 IN SOA ns.many.test. admin.many.test. 1 3600 600 86400 1\n");
    text.append("@ 60 IN NS ns.many.test.\nns 60 IN A 172.20.4.1\n");
    for (int i = 0; i < ManyGuestsLab.COUNT; i++) {
      for (String old : ManyGuestsLab.GUESTS.get(i).olds()) {
        text.append("web%d 2 IN %s %s\n".formatted(i, type(old), old));
      }
    }
    server =
        new AuthoritativeServer(
            Zone.parse(ZONE, text.toString()),
            List.of(TsigKey.of(KEY, ALGORITHM, SECRET)),
            SystemClock.INSTANCE);
    InetSocketAddress unused = hub.call(() -> server.start(AT));
    cleanup.add("the name server", server::close);
  }

  private static String type(String address) {
    return IpAddress.parse(address).isV4() ? "A" : "AAAA";
  }

  String nameOf(int number) {
    return "web" + number + ".many.test";
  }

  /** Lines of TOML for a config beside which the key is written. */
  String config(Path folder) throws Exception {
    Path key = folder.resolve("many.key");
    Files.writeString(key, SECRET + "\n");
    Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-------"));
    return """
    [[dns]]
    zone            = "%s"
    server          = "172.20.4.1:53"
    key-name        = "%s"
    key-algorithm   = "%s"
    key-secret-file = "%s"
    ttl             = 1
    """
        .formatted(ZONE, KEY, ALGORITHM, key);
  }

  /** The addresses that the guest's name has. */
  Set<IpAddress> of(int number) throws Exception {
    Set<IpAddress> all = new HashSet<>();
    for (String type : List.of("A", "AAAA")) {
      server.zone().values(nameOf(number), type).stream().map(IpAddress::parse).forEach(all::add);
    }
    return all;
  }

  /** The TTLs of its A and AAAA records, in seconds. */
  List<Long> ttlOf(int number) throws Exception {
    return List.of(
        server.zone().ttl(nameOf(number), "A"), server.zone().ttl(nameOf(number), "AAAA"));
  }
}
