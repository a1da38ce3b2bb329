package dev.holdfast.dns.real;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/** BIND 9, with {@code update-policy}: a key is granted names and types. */
final class BindConfig {
  private BindConfig() {}

  static List<String> prepare(
      Software software, Path folder, String address, List<ServedZone> zones) throws IOException {
    Software.writeZones(folder, zones);
    boolean isV6 = address.contains(":");
    var text = new StringBuilder();
    Software.keys(zones).forEach(key -> text.append(key.clause()));
    text.append(
        """
        options {
          directory "%s"; pid-file none; session-keyfile none;
          listen-on { %s; }; listen-on-v6 { %s; };
          recursion no; dnssec-validation no; allow-transfer { none; }; empty-zones-enable no;
          notify explicit;
        };
        controls { };
        """
            .formatted(folder, isV6 ? "none" : address, isV6 ? address : "none"));
    zones.forEach(zone -> text.append(clause(zone)));
    Path file = Files.writeString(folder.resolve("named.conf"), text);
    return List.of(software.program(), "-g", "-n", "1", "-c", file.toString());
  }

  private static String clause(ServedZone zone) {
    if (zone.primary() != null) {
      return """
      zone "%s" {
        type secondary; file "%s"; primaries { %s; }; allow-notify { %3$s; };
        min-retry-time 1; max-retry-time 1;
      };
      """
          .formatted(zone.name(), zone.file(), zone.primary());
    }
    String others =
        zone.secondaries().stream().map(each -> each + "; ").collect(Collectors.joining());
    return """
    zone "%s" {
      type primary; file "%s"; notify-delay 0;
      %s
      update-policy { %s };
    };
    """
        .formatted(
            zone.name(),
            zone.file(),
            others.isEmpty()
                ? ""
                : "also-notify { " + others + "}; allow-transfer { " + others + "};",
            zone.grants().stream().map(BindConfig::grant).collect(Collectors.joining(" ")));
  }

  private static String grant(ServedZone.Grant grant) {
    return "grant %s %s %s;"
        .formatted(
            grant.key().name(),
            grant.below().isEmpty() ? "zonesub" : "subdomain " + grant.below() + ".",
            grant.types().isEmpty() ? "ANY" : String.join(" ", grant.types()));
  }
}
