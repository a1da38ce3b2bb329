package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Checks of the new host where the guest does not know its new addresses. */
final class MappingChecks {
  private static final String NAME = "address mapping";
  private static final String TRACKING = "connection tracking";
  private static final String MOST = "net/netfilter/nf_conntrack_max";

  private final Preflight.Findings findings;
  private final HostFacts facts;
  private final Kernel kernel;

  MappingChecks(Preflight.Findings findings, HostFacts facts, Kernel kernel) {
    this.findings = findings;
    this.facts = facts;
    this.kernel = kernel;
  }

  List<Check> all(List<IpAddress> news, @Nullable MacAddress guest, String deliver) {
    findings.ask("deliver interface", () -> bridge(deliver));
    if (guest == null) {
      findings.failed(
          "guest MAC",
          "not known, and a guest that is not touched is known by it alone",
          "give it: --guest-mac");
    }
    findings.ask(TRACKING, this::tracking);
    findings.ask(NAME, this::translation);
    for (IpAddress fresh : news) {
      findings.ask(NAME, () -> onLink(fresh, deliver));
      findings.ask(NAME, () -> wayOut(fresh, deliver));
    }
    return findings.all();
  }

  private void bridge(String deliver) throws IOException {
    if (facts.device(deliver).map(device -> !device.isBridge()).orElse(false)) {
      findings.failed(
          "deliver interface",
          deliver
              + " is no bridge: what the guest sends to its old gateway's MAC is taken on a bridge",
          "give the guest a port of a Linux bridge, and name that bridge");
    }
  }

  private void tracking() throws IOException {
    long tracked;
    try {
      tracked = Long.parseLong(kernel.conntrack("-C", "").strip());
    } catch (IOException | NumberFormatException e) {
      findings.failed(
          TRACKING,
          "the tool conntrack is of no use here: " + e.getMessage(),
          "install the package conntrack, and see that the kernel has nf_conntrack_netlink");
      return;
    }
    long most = most();
    if (most > 0 && tracked > most / 10 * 8) {
      findings.warning(
          TRACKING,
          "%d of %d entries are taken; what finds no room is dropped".formatted(tracked, most),
          "raise net.netfilter.nf_conntrack_max");
    } else {
      findings.ok(TRACKING, tracked + (most > 0 ? " of " + most : "") + " entries are taken");
    }
  }

  /** Of a kernel that tracks nothing yet it is not known. */
  private long most() {
    try {
      return Long.parseLong(facts.sysctl(MOST));
    } catch (IOException | NumberFormatException e) {
      return 0;
    }
  }

  private void translation() {
    try {
      kernel.nftCheck(MappingTables.script());
      findings.ok(NAME, "this kernel takes the rules");
    } catch (IOException e) {
      findings.failed(
          NAME,
          "this kernel does not take the rules: " + e.getMessage(),
          "load the modules nft_chain_nat and nft_ct");
    }
  }

  /** This host speaks for the new address on the LAN, so it must be a neighbour there. */
  private void onLink(IpAddress fresh, String deliver) throws IOException {
    Optional<IpPrefix> lan =
        facts.lanPrefixes(deliver).stream().filter(prefix -> prefix.contains(fresh)).findFirst();
    if (lan.isPresent()) {
      findings.ok(NAME, fresh + " is in " + lan.get() + " on " + deliver);
    } else {
      findings.failed(
          NAME,
          fresh + " is in no prefix of " + deliver + ", so this host cannot stand for it there",
          "give this host an address in that LAN, or a route to it by " + deliver);
    }
  }

  private void wayOut(IpAddress fresh, String deliver) throws IOException {
    Optional<String> out = facts.routeTo(FilterChecks.farPeer(fresh));
    if (out.isEmpty()) {
      findings.failed(
          NAME,
          "this host has no default route for " + (fresh.isV4() ? "IPv4" : "IPv6"),
          "give it one: what the guest says as " + fresh + " leaves by this host's routes");
    } else if (!out.get().equals(deliver)) {
      findings.warning(
          NAME,
          "what the guest says as %s leaves by %s, and not by %s"
              .formatted(fresh, out.get(), deliver),
          "see whether the router there takes packets from " + fresh);
    } else {
      findings.ok(NAME, "what the guest says as " + fresh + " leaves by " + deliver);
    }
  }
}
