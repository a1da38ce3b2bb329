package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.redirector.steer.HostFacts.Device;
import dev.holdfast.redirector.steer.HostFacts.Rule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Checks of the host itself: privilege, tools, and names that somebody else may have taken. */
final class HostChecks {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path TUN_FACTORY = Path.of("/dev/net/tun");
  private static final int CAP_NET_ADMIN = 12; // linux/capability.h
  private static final int CAP_NET_RAW = 13;

  private static final int OUR_MARKS =
      SteeringNames.CAPTURE_MARK
          | SteeringNames.RETURN_MARK
          | SteeringNames.DELIVERY_MARK
          | SteeringNames.MAPPED_MARK;

  private final Preflight.Findings findings;
  private final HostFacts facts;
  private final KernelLedger ledger;

  HostChecks(Preflight.Findings findings, HostFacts facts, KernelLedger ledger) {
    this.findings = findings;
    this.facts = facts;
    this.ledger = ledger;
  }

  /**
   * @param tun the TUN's name; null where frames are captured by pcap, which needs none
   */
  List<Check> all(@Nullable String tun) {
    findings.ask("privilege", this::privilege);
    if (tun != null) {
      tunFactory();
      findings.ask("tun name", () -> tunName(tun));
    }
    findings.ask("leftovers", this::leftovers);
    if (tun != null) {
      findings.ask("packet marks", this::marks);
    }
    return findings.all();
  }

  private void privilege() throws IOException {
    long effective = effectiveCapabilities();
    boolean enough = (effective >>> CAP_NET_ADMIN & effective >>> CAP_NET_RAW & 1) != 0;
    if (enough) {
      findings.ok("privilege", "CAP_NET_ADMIN and CAP_NET_RAW");
    } else {
      findings.failed(
          "privilege",
          "CAP_NET_ADMIN or CAP_NET_RAW is missing",
          "run the daemon as root, or give it both capabilities");
    }
  }

  static long effectiveCapabilities() throws IOException {
    return effectiveCapabilities(Files.readAllLines(STATUS));
  }

  /** Of the lines of /proc/self/status. */
  static long effectiveCapabilities(List<String> status) {
    return status.stream()
        .filter(line -> line.startsWith("CapEff:"))
        .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
        .findFirst()
        .orElse(0);
  }

  private void tunFactory() {
    if (Files.exists(TUN_FACTORY)) {
      findings.ok("tun", TUN_FACTORY + " is there");
    } else {
      findings.failed("tun", TUN_FACTORY + " is missing", "load the module: modprobe tun");
    }
  }

  private void tunName(String tun) throws IOException {
    Optional<Device> taken = facts.device(tun);
    if (taken.isPresent() && !taken.get().kind().equals("tun")) {
      findings.failed(
          "tun name",
          "there is an interface " + tun + " already, which is no TUN",
          "choose another name: tunnel.device in the config");
    } else {
      findings.ok("tun name", tun + (taken.isPresent() ? " is a TUN" : " is free"));
    }
  }

  /** What has our names, though the ledger says that nothing of ours is here. */
  private void leftovers() throws IOException {
    if (!ledger.owners().isEmpty()) {
      findings.ok("leftovers", "this daemon's own: " + String.join(", ", ledger.owners()));
      return;
    }
    List<String> tables = facts.ourTables();
    List<Integer> priorities =
        facts.rules().stream()
            .map(Rule::priority)
            .filter(p -> p >= SteeringNames.CAPTURE_TABLE && p <= SteeringNames.DELIVERY_TABLE + 1)
            .toList();
    if (tables.isEmpty() && priorities.isEmpty()) {
      findings.ok("leftovers", "none");
    } else {
      findings.failed(
          "leftovers",
          "not in this daemon's ledger: nft tables named holdfast "
              + tables
              + ", policy rules "
              + priorities,
          "they are another daemon's, or of one whose state folder was lost: end it, or delete them");
    }
  }

  private void marks() throws IOException {
    List<Rule> others =
        facts.rules().stream()
            .filter(rule -> rule.mark() != 0 && (rule.mask() & OUR_MARKS) != 0)
            .filter(rule -> rule.priority() < SteeringNames.CAPTURE_TABLE)
            .toList();
    if (others.isEmpty()) {
      findings.ok("packet marks", "no rule before ours looks at " + SteeringNames.hex(OUR_MARKS));
    } else {
      findings.warning(
          "packet marks",
          "policy rules before ours look at the same bits of the packet mark: " + words(others),
          "see whether those rules can use other bits");
    }
  }

  /** As {@code ip rule} shows them. */
  private static String words(List<Rule> rules) {
    return rules.stream()
        .map(rule ->
            "%d: fwmark 0x%x/0x%x lookup %s"
                .formatted(rule.priority(), rule.mark(), rule.mask(), rule.table()))
        .collect(Collectors.joining("; "));
  }
}
