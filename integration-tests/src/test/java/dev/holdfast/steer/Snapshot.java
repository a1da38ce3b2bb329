package dev.holdfast.steer;

import dev.holdfast.lab.Namespace;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Everything of a host's network configuration that steering may touch, as sorted lines. */
final class Snapshot {
  private Snapshot() {}

  static List<String> of(Namespace host) throws IOException, InterruptedException {
    List<String> lines = new ArrayList<>();
    add(lines, "link", host.ip("-o link show"));
    add(lines, "address", host.ip("-o addr show"));
    for (String family : List.of("-4", "-6")) {
      add(lines, "rule", host.ip(family + " rule show"));
      add(lines, "route", host.ip(family + " route show table all"));
      add(lines, "neighbour", host.ip(family + " neigh show nud permanent"));
      add(lines, "proxy", host.ip(family + " neigh show proxy"));
    }
    add(lines, "fdb", host.run("bridge", "fdb", "show", "state", "permanent"));
    add(lines, "nft", host.run("nft", "list", "ruleset"));
    add(lines, "sysctl", host.run("sysctl", "-a", "-r", "^net\\.ipv[46]\\.(conf|neigh|route)\\."));
    add(lines, "sysctl", host.run("sysctl", "net.ipv4.ip_forward"));
    lines.removeIf(line -> line.contains("stable_secret") || line.contains("mtu_expires"));
    lines.sort(null);
    return lines;
  }

  /** What is there of only one of them, with a minus or a plus. */
  static List<String> differences(List<String> before, List<String> after) {
    List<String> differences = new ArrayList<>();
    before.stream().filter(line -> !after.contains(line)).forEach(l -> differences.add("- " + l));
    after.stream().filter(line -> !before.contains(line)).forEach(l -> differences.add("+ " + l));
    return differences;
  }

  private static void add(List<String> lines, String kind, String text) {
    text.lines()
        .map(line -> line.replaceAll("(expires|valid_lft|preferred_lft) \\S+", "").strip())
        .filter(line -> !line.isEmpty())
        .forEach(line -> lines.add(kind + ": " + line));
  }
}
