package dev.holdfast.dns.real;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The name servers that the product is used with. */
public enum Software {
  BIND("/usr/sbin/named", "bind9") {
    @Override
    List<String> prepare(Path folder, String address, List<ServedZone> zones) throws IOException {
      return BindConfig.prepare(this, folder, address, zones);
    }
  },
  KNOT("/usr/sbin/knotd", "knot") {
    @Override
    List<String> prepare(Path folder, String address, List<ServedZone> zones) throws IOException {
      return KnotConfig.prepare(this, folder, address, zones);
    }
  },
  POWERDNS("/usr/sbin/pdns_server", "pdns-server pdns-backend-sqlite3 sqlite3") {
    @Override
    List<String> prepare(Path folder, String address, List<ServedZone> zones)
        throws IOException, InterruptedException {
      return PowerDnsConfig.prepare(this, folder, address, zones);
    }
  };

  private final Path program;
  private final String packages;

  Software(String program, String packages) {
    this.program = Path.of(program);
    this.packages = packages;
  }

  /** Where it stands; the test fails where it does not. */
  String program() {
    assertThat(program)
        .as("%s is needed for this test: apt-get install %s (./verify does it)", this, packages)
        .isExecutable();
    return program.toString();
  }

  /**
   * Writes configuration and zones into {@code folder}, which nobody else uses.
   *
   * @param address where it is to listen, port 53, UDP and TCP
   * @return the command that runs the server in the foreground
   */
  abstract List<String> prepare(Path folder, String address, List<ServedZone> zones)
      throws IOException, InterruptedException;

  /** Every key of the zones, once. */
  static List<SharedSecret> keys(List<ServedZone> zones) {
    Map<String, SharedSecret> keys = new LinkedHashMap<>();
    for (ServedZone zone : zones) {
      zone.grants().forEach(grant -> keys.put(grant.key().name(), grant.key()));
    }
    return List.copyOf(keys.values());
  }

  /** The zone files of the zones that this server is primary of. */
  static void writeZones(Path folder, List<ServedZone> zones) throws IOException {
    for (ServedZone zone : zones) {
      if (zone.primary() == null) {
        Files.writeString(folder.resolve(zone.file()), zone.text());
      }
    }
  }

  /** {@code values} as a list in brackets, as two of the configuration languages have it. */
  static String bracketed(List<String> values) {
    return new ArrayList<>(values).toString();
  }
}
