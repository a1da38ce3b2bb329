package dev.holdfast.dns.real;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** PowerDNS with SQLite. A key is granted zones: of names and types its grants know nothing. */
final class PowerDnsConfig {
  private static final Path SCHEMA =
      Path.of("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql");

  private PowerDnsConfig() {}

  static List<String> prepare(
      Software software, Path folder, String address, List<ServedZone> zones)
      throws IOException, InterruptedException {
    Software.writeZones(folder, zones);
    Path database = folder.resolve("pdns.db");
    List<String> told = zones.stream().flatMap(zone -> zone.secondaries().stream()).toList();
    Files.writeString(
        folder.resolve("pdns.conf"),
        """
        launch=gsqlite3
        gsqlite3-database=%s
        local-address=%s
        socket-dir=%s
        daemon=no
        guardian=no
        security-poll-suffix=
        dnsupdate=yes
        allow-dnsupdate-from=
        primary=yes
        secondary=yes
        xfr-cycle-interval=1
        also-notify=%s
        allow-axfr-ips=%4$s
        """
            .formatted(database, address, folder, String.join(",", told)));
    run(Files.readString(SCHEMA), "sqlite3", database.toString());
    for (ServedZone zone : zones) {
      if (zone.primary() == null) {
        run(
            "",
            "pdnsutil",
            "--config-dir=" + folder,
            "load-zone",
            zone.name(),
            folder.resolve(zone.file()).toString());
      }
    }
    run(statements(zones), "sqlite3", database.toString());
    return List.of(software.program(), "--config-dir=" + folder);
  }

  /** What {@code pdnsutil} would write, one process for all. */
  private static String statements(List<ServedZone> zones) {
    var sql = new StringBuilder("BEGIN;\n");
    for (SharedSecret key : Software.keys(zones)) {
      sql.append(
          "INSERT INTO tsigkeys (name, algorithm, secret) VALUES ('%s', '%s', '%s');\n"
              .formatted(key.plainName(), key.algorithm(), key.base64()));
    }
    for (ServedZone zone : zones) {
      if (zone.primary() != null) {
        sql.append(
            "INSERT INTO domains (name, type, master) VALUES ('%s', 'SLAVE', '%s');\n"
                .formatted(zone.name(), zone.primary()));
        continue;
      }
      sql.append("UPDATE domains SET type = 'MASTER' WHERE name = '%s';\n".formatted(zone.name()));
      for (String[] each : metadata(zone)) {
        sql.append(
            "INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, '%s', '%s' FROM domains WHERE name = '%s';\n"
                .formatted(each[0], each[1], zone.name()));
      }
    }
    return sql.append("COMMIT;\n").toString();
  }

  private static List<String[]> metadata(ServedZone zone) {
    List<String[]> all = new ArrayList<>();
    for (String each : List.of("0.0.0.0/0", "::/0")) {
      all.add(new String[] {"ALLOW-DNSUPDATE-FROM", each});
    }
    zone.grants().stream()
        .map(grant -> grant.key().plainName())
        .distinct()
        .forEach(key -> all.add(new String[] {"TSIG-ALLOW-DNSUPDATE", key}));
    all.add(new String[] {"NOTIFY-DNSUPDATE", "1"});
    return all;
  }

  private static void run(String input, String... command)
      throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    try (var in = process.getOutputStream()) {
      in.write(input.getBytes(StandardCharsets.UTF_8));
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as("%s: %s", Stream.of(command).toList(), output).isZero();
  }
}
