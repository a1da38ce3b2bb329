package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Checks of who really has the guest's addresses and MAC: the LAN is asked. */
final class OwnerChecks {
  private final Preflight.Findings findings;
  private final HostFacts facts;
  private final Clock clock;

  OwnerChecks(Preflight.Findings findings, HostFacts facts, Clock clock) {
    this.findings = findings;
    this.facts = facts;
    this.clock = clock;
  }

  private Map<IpAddress, Set<MacAddress>> ask(String lan, List<IpAddress> addresses)
      throws IOException {
    IpAddress own6 =
        facts.addresses(lan).stream()
            .map(IpPrefix::address)
            .filter(HostFacts::isLinkLocal)
            .findFirst()
            .orElse(null);
    return NeighbourQuestion.ask(lan, own6, addresses, clock);
  }

  /** The guest, and nobody else, answers for its old addresses, and is behind its port. */
  List<Check> atRedirector(
      List<IpAddress> olds, String from, @Nullable String port, MacAddress guest) {
    findings.ask("old address owner", () -> oldOwners(ask(from, olds), from, guest));
    if (port != null && !port.equals(from)) { // a routed guest's port is on no bridge
      findings.ask("guest port MAC", () -> behindPort(port, from, guest));
    }
    return findings.all();
  }

  private void oldOwners(Map<IpAddress, Set<MacAddress>> answers, String from, MacAddress guest) {
    answers.forEach((old, macs) -> {
      if (macs.isEmpty()) {
        findings.warning(
            "old address owner",
            "nobody answers for " + old + " on " + from,
            "see whether the guest runs and has that address");
      } else if (!macs.contains(guest)) {
        findings.failed(
            "old address owner",
            macs(macs) + " answers for " + old + " on " + from + ", not the guest's MAC " + guest,
            "give the MAC that answers (--guest-mac), or the address of that guest (--old)");
      } else if (macs.size() > 1) {
        findings.failed(
            "old address owner",
            "more than one machine answers for " + old + " on " + from + ": " + macs(macs),
            "take the address from the one that is not the guest " + guest);
      } else {
        findings.ok("old address owner", guest + " alone answers for " + old);
      }
    });
  }

  /** After it was asked, the guest has just spoken, so that the bridge knows its port. */
  private void behindPort(String port, String from, MacAddress guest) throws IOException {
    List<MacAddress> seen = facts.learntBehind(port);
    if (seen.contains(guest)) {
      findings.ok("guest port MAC", guest + " is behind " + port);
      return;
    }
    List<String> elsewhere = new ArrayList<>();
    for (HostFacts.Device device : facts.devices()) {
      if (from.equals(device.master())
          && !device.name().equals(port)
          && facts.learntBehind(device.name()).contains(guest)) {
        elsewhere.add(device.name());
      }
    }
    if (!elsewhere.isEmpty()) {
      findings.failed(
          "guest port MAC",
          guest + " is behind " + String.join(", ", elsewhere) + ", not behind " + port,
          "name the guest's own port: --guest-port");
    } else if (!seen.isEmpty()) {
      findings.failed(
          "guest port MAC",
          guest + " was not seen behind " + port + "; seen there: " + seen,
          "give the MAC that the guest uses (--guest-mac), or its port (--guest-port)");
    } else {
      findings.warning(
          "guest port MAC",
          "nothing was heard behind " + port + " yet, so " + guest + " is not proven",
          "let the guest send something first, if you are not sure");
    }
  }

  /**
   * Nobody but the guest has the new addresses on the new LAN, and nobody at all the old ones: one
   * that answers for them is there, and what it says would be taken from it.
   */
  List<Check> atEndpoint(
      List<IpAddress> olds, List<IpAddress> news, String deliver, @Nullable MacAddress guest) {
    findings.ask(
        "new address owner",
        () -> {
          List<IpAddress> all = new ArrayList<>(news);
          all.addAll(olds);
          ask(deliver, all)
              .forEach((address, macs) -> {
                if (guest != null && olds.contains(address) && macs.contains(guest)) {
                  guestIsHere(address, deliver, guest);
                } else {
                  free(address, macs, deliver, guest);
                }
              });
        });
    return findings.all();
  }

  private void guestIsHere(IpAddress old, String deliver, MacAddress guest) {
    findings.failed(
        "new address owner",
        "the guest itself, " + guest + ", answers for " + old + " on " + deliver,
        "arm at the host where the guest runs; its new host must be on another LAN than its old one");
  }

  private void free(
      IpAddress address, Set<MacAddress> macs, String deliver, @Nullable MacAddress guest) {
    List<MacAddress> others = macs.stream().filter(mac -> !mac.equals(guest)).toList();
    if (others.isEmpty()) {
      findings.ok("new address owner", "nobody else has " + address + " on " + deliver);
    } else {
      findings.failed(
          "new address owner",
          macs(others) + " answers for " + address + " on " + deliver,
          "take the address from that machine, or give the guest another one");
    }
  }

  private static String macs(Iterable<MacAddress> macs) {
    List<String> all = new ArrayList<>();
    macs.forEach(mac -> all.add(mac.toString()));
    return String.join(" and ", all);
  }
}
