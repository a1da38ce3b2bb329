package dev.holdfast.redirector.demo.lab;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The network configuration of one machine's kernel as lines of text: routes of all tables, rules,
 * nftables, permanent and proxy neighbours, permanent forwarding entries, devices with their MAC
 * and master, addresses, queueing disciplines, sysctls.
 *
 * <p>What the kernel learns by itself and forgets again (neighbours, forwarding entries, the
 * multicast groups of addresses, whether a cable is plugged in) is left out, so two snapshots
 * differ only where somebody changed something.
 *
 * @param lines sorted; each begins with what it is about
 */
public record KernelSnapshot(Set<String> lines) {

  private static final JsonMapper JSON = JsonMapper.shared();

  public KernelSnapshot {
    lines = new TreeSet<>(lines);
  }

  /** Takes the snapshot of {@code machine} as it is now. */
  public static KernelSnapshot of(Namespace machine) throws Exception {
    Set<String> lines = new TreeSet<>();
    for (String family : List.of("-4", "-6")) {
      add(lines, "route: ", machine.query(family, "route", "show", "table", "all"));
      add(lines, "rule: ", machine.query(family, "rule", "show"));
      add(lines, "neighbour: ", machine.query(family, "neigh", "show", "nud", "permanent"));
      add(lines, "neighbour proxy: ", machine.query(family, "neigh", "show", "proxy"));
    }
    add(lines, "nft: ", Tool.run(machine.within("nft", "list", "ruleset")));
    add(lines, "queueing: ", Tool.run(List.of("tc", "-n", machine.name(), "qdisc", "show")));
    addForwardingEntries(lines, machine);
    addDevices(lines, machine);
    lines.addAll(machine.call(KernelSnapshot::sysctls));
    lines.removeIf(KernelSnapshot::isTheKernelsOwn);
    return new KernelSnapshot(lines);
  }

  /**
   * IPv6 link-local addresses and multicast routes come by themselves, some time after a link is
   * up.
   */
  private static boolean isTheKernelsOwn(String line) {
    boolean routed = line.startsWith("address:") || line.startsWith("route:");
    return routed && (line.contains(" fe80:") || line.contains(" multicast ff00::/8 "));
  }

  private static void add(Set<String> lines, String what, String printed) {
    printed
        .lines()
        .map(line -> line.replaceAll(" (linkdown|dead|expires \\d+sec)\\b", "").stripTrailing())
        .filter(line -> !line.isEmpty())
        .forEach(line -> lines.add(what + line));
  }

  private static void addForwardingEntries(Set<String> lines, Namespace machine)
      throws IOException {
    Tool.run(List.of("bridge", "-n", machine.name(), "fdb", "show"))
        .lines()
        .map(String::strip)
        .filter(line -> line.contains(" permanent") || line.contains(" static"))
        .filter(line -> !line.startsWith("33:33:") && !line.startsWith("01:00:5e:"))
        .forEach(line -> lines.add("forwarding entry: " + line));
  }

  private static void addDevices(Set<String> lines, Namespace machine) throws IOException {
    for (JsonNode link : JSON.readTree(machine.query("-j", "-d", "link", "show"))) {
      String name = link.path("ifname").asString("");
      lines.add(
          "device: %s mtu %s queue %s master %s promiscuity %s"
              .formatted(
                  name,
                  link.path("mtu").asString(""),
                  link.path("txqlen").asString(""),
                  link.path("master").asString("none"),
                  link.path("promiscuity").asString("0")));
      lines.add("mac: " + name + " " + link.path("address").asString(""));
    }
    for (JsonNode link : JSON.readTree(machine.query("-j", "addr", "show"))) {
      for (JsonNode address : link.path("addr_info")) {
        lines.add(
            "address: %s %s/%s"
                .formatted(
                    link.path("ifname").asString(""),
                    address.path("local").asString(""),
                    address.path("prefixlen").asString("")));
      }
    }
  }

  /** Those of the calling thread's namespace. */
  private static List<String> sysctls() throws IOException {
    List<String> lines = new ArrayList<>();
    Path root = Path.of("/proc/sys");
    for (String part : List.of("net/ipv4", "net/ipv6", "net/bridge")) {
      Path folder = root.resolve(part);
      if (!Files.isDirectory(folder)) {
        continue;
      }
      try (Stream<Path> files = Files.walk(folder)) {
        files.filter(Files::isRegularFile).forEach(file -> addSysctl(lines, root, file));
      }
    }
    return lines;
  }

  private static void addSysctl(List<String> lines, Path root, Path file) {
    // In one read: a second one, from a later offset, gives nothing.
    byte[] buffer = new byte[4096];
    try (InputStream in = Files.newInputStream(file)) {
      int length = Math.max(0, in.read(buffer));
      String value = new String(buffer, 0, length, StandardCharsets.UTF_8).strip();
      lines.add("sysctl: " + root.relativize(file) + " = " + value);
    } catch (IOException e) {
      // Some can only be written, or have no value yet: nothing to compare.
    }
  }

  /**
   * What differs in {@code later}, a sentence for each; empty when nothing does.
   *
   * @param expected lines, gone or new, that are somebody else's doing
   */
  public List<String> differences(KernelSnapshot later, Predicate<String> expected) {
    List<String> all = new ArrayList<>();
    without(later.lines, lines).stream()
        .filter(expected.negate())
        .forEach(line -> all.add("left: " + line));
    without(lines, later.lines).stream()
        .filter(expected.negate())
        .forEach(line -> all.add("missing: " + line));
    return all;
  }

  /** Lines of {@code some} that {@code others} has not; of a device that is new, one is enough. */
  private static List<String> without(Set<String> some, Set<String> others) {
    Set<String> known = devices(others);
    return some.stream()
        .filter(line -> !others.contains(line))
        .filter(line ->
            !line.startsWith("sysctl: ")
                || devices(some).stream()
                    .filter(device -> !known.contains(device))
                    .noneMatch(device -> line.contains("/" + device + "/")))
        .toList();
  }

  private static Set<String> devices(Set<String> lines) {
    return lines.stream()
        .filter(line -> line.startsWith("mac: "))
        .map(line -> line.split(" ", 3)[1])
        .collect(Collectors.toSet());
  }
}
