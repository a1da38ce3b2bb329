package dev.holdfast.dns.real;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Knot DNS, with {@code acl}: a key is granted owners and types. */
final class KnotConfig {
  private final StringBuilder remotes = new StringBuilder();
  private final StringBuilder acls = new StringBuilder();
  private final StringBuilder zones = new StringBuilder();
  private int count;

  private KnotConfig() {}

  static List<String> prepare(
      Software software, Path folder, String address, List<ServedZone> served) throws IOException {
    Software.writeZones(folder, served);
    var text = new StringBuilder();
    text.append(
        """
        server:
            rundir: "%s"
            listen: %s@53
            udp-workers: 1
            tcp-workers: 1
            background-workers: 1
        database:
            storage: "%1$s/db"
        log:
          - target: stderr
            any: info
        """
            .formatted(folder, address));
    List<SharedSecret> keys = Software.keys(served);
    text.append(keys.isEmpty() ? "" : "key:\n");
    for (SharedSecret key : keys) {
      text.append(
          """
            - id: %s
              algorithm: %s
              secret: %s
          """
              .formatted(key.name(), key.algorithm(), key.base64()));
    }
    var config = new KnotConfig();
    served.forEach(zone -> config.add(folder, zone));
    text.append(config.remotes.isEmpty() ? "" : "remote:\n" + config.remotes);
    text.append(config.acls.isEmpty() ? "" : "acl:\n" + config.acls);
    text.append("zone:\n").append(config.zones);
    Files.createDirectories(folder.resolve("db"));
    Path file = Files.writeString(folder.resolve("knot.conf"), text);
    return List.of(software.program(), "-c", file.toString());
  }

  private void add(Path folder, ServedZone zone) {
    List<String> allowed = new ArrayList<>();
    var own = new StringBuilder();
    if (zone.primary() != null) {
      own.append("    master: ").append(remote(zone.primary())).append('\n');
      own.append("    refresh-min-interval: 2\n    retry-min-interval: 1\n");
      allowed.add(acl("    address: " + zone.primary() + "\n    action: notify\n"));
    }
    List<String> told = new ArrayList<>();
    for (String each : zone.secondaries()) {
      told.add(remote(each));
      allowed.add(acl("    address: " + each + "\n    action: transfer\n"));
    }
    if (!told.isEmpty()) {
      own.append("    notify: ").append(Software.bracketed(told)).append('\n');
    }
    zone.grants().forEach(each -> allowed.add(acl(grant(each))));
    zones.append(
        """
          - domain: %s
            storage: "%s"
            file: %s
            acl: %s
        """
            .formatted(zone.name(), folder, zone.file(), Software.bracketed(allowed)));
    zones.append(own);
  }

  private static String grant(ServedZone.Grant grant) {
    String text = "    key: " + grant.key().name() + "\n    action: update\n";
    if (!grant.below().isEmpty()) {
      text +=
          """
              update-owner: name
              update-owner-match: sub-or-equal
              update-owner-name: %s.
          """
              .formatted(grant.below());
    }
    return grant.types().isEmpty()
        ? text
        : text + "    update-type: " + Software.bracketed(grant.types()) + "\n";
  }

  private String remote(String address) {
    String id = "remote" + count++;
    remotes.append("  - id: %s\n    address: %s\n".formatted(id, address));
    return id;
  }

  private String acl(String body) {
    String id = "acl" + count++;
    acls.append("  - id: ").append(id).append('\n').append(body);
    return id;
  }
}
