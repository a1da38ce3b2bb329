package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.redirector.steer.HostFacts.Device;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Checks of one migration on one of its hosts: interfaces, the guest's MAC, its addresses. */
final class GuestChecks {
  private final Preflight.Findings findings;
  private final HostFacts facts;
  private final boolean byPcap;

  /**
   * @param byPcap whether frames are captured by pcap, so that this host's kernel forwards nothing
   */
  GuestChecks(Preflight.Findings findings, HostFacts facts, boolean byPcap) {
    this.findings = findings;
    this.facts = facts;
    this.byPcap = byPcap;
  }

  List<Check> atRedirector(
      List<IpAddress> oldAddresses,
      @Nullable String from,
      @Nullable String guestPort,
      @Nullable MacAddress guestMac) {
    if (from == null) {
      findings.failed(
          "from interface",
          guestPort == null
              ? "neither the old LAN's interface nor the guest's port was given"
              : "the guest's port " + guestPort + " is on no bridge",
          "name the old LAN's interface: --from");
      return findings.all();
    }
    if (interfaceIsUp("from interface", from)) {
      findings.ask("from interface", () -> canSteer("from interface", from));
      if (guestPort != null) {
        findings.ask("guest port", () -> guestPort(guestPort, from));
      }
      findings.ask("guest MAC", () -> guestMac(guestMac, from, true));
      for (IpAddress old : oldAddresses) {
        findings.ask("old address", () -> notOurs("old address", old));
        findings.ask("old LAN", () -> insideLan(old, from));
      }
      if (byPcap) {
        findings.ask("capture", () -> seenByPcap(oldAddresses, from, guestPort));
      }
      findings.ask("forwarding", () -> forwarding(oldAddresses, from));
    }
    return findings.all();
  }

  List<Check> atEndpoint(
      List<IpAddress> oldAddresses,
      List<IpAddress> newAddresses,
      @Nullable MacAddress guestMac,
      String deliver,
      List<IpPrefix> oldLans) {
    if (interfaceIsUp("deliver interface", deliver)) {
      findings.ask("deliver interface", () -> canSteer("deliver interface", deliver));
      findings.ask("guest MAC", () -> guestMac(guestMac, deliver, false));
      for (IpAddress old : oldAddresses) {
        findings.ask("old address", () -> notOurs("old address", old));
      }
      for (IpAddress address : newAddresses) {
        findings.ask("new address", () -> notOurs("new address", address));
      }
      findings.ask("separate LANs", () -> separate(oldLans, newAddresses, deliver));
      findings.ask("forwarding", () -> forwarding(oldAddresses, deliver));
    }
    return findings.all();
  }

  private boolean interfaceIsUp(String name, String device) {
    try {
      Optional<Device> found = facts.device(device);
      if (found.isEmpty()) {
        findings.failed(name, "there is no interface " + device, "see 'ip link' for their names");
      } else if (!found.get().up()) {
        findings.failed(name, device + " is down", "ip link set " + device + " up");
      } else if (found.get().filtersVlans()) {
        findings.warning(
            name,
            device + " filters VLANs: frames with a tag are not steered",
            "use the VLAN's own interface or bridge, if the guest's frames have a tag");
      } else {
        findings.ok(name, device + " is up, MTU " + found.get().mtu());
      }
      return found.isPresent();
    } catch (IOException e) {
      findings.failed(name, String.valueOf(e.getMessage()), "see whether ip works here");
      return false;
    }
  }

  /** Nothing is said of an interface that is as it should be. */
  private void canSteer(String name, String device) throws IOException {
    List<Device> all = facts.devices();
    all.stream()
        .filter(each -> each.name().equals(device))
        .findFirst()
        .flatMap(each -> Bypass.of(each, all))
        .ifPresent(why ->
            findings.failed(
                name, why, "give the guest a port of a Linux bridge, or an interface of its own"));
    if (device.equals("lo") || facts.device(device).map(each -> each.mac() == null).orElse(false)) {
      findings.failed(
          name,
          device + " is no Ethernet interface: no guest can be there",
          "name the interface of the guest's LAN, as 'ip link' shows it");
    }
  }

  private void guestPort(String port, String from) throws IOException {
    if (port.equals(from)) {
      findings.ok("guest port", port + " is on no bridge: the guest is routed by it");
      return;
    }
    canSteer("guest port", port);
    Optional<String> bridge = facts.bridgeOf(port);
    if (facts.device(port).isEmpty()) {
      findings.failed("guest port", "there is no interface " + port, "see 'bridge link'");
    } else if (bridge.isEmpty() || !bridge.get().equals(from)) {
      findings.failed(
          "guest port",
          port
              + " is "
              + bridge.map(b -> "a port of " + b).orElse("on no bridge")
              + ", not "
              + from,
          "name the bridge of the guest's port, or leave --from out");
    } else {
      findings.ok("guest port", port + " is a port of " + from);
    }
  }

  private void guestMac(@Nullable MacAddress mac, String lan, boolean canLearn) throws IOException {
    boolean bridged = facts.device(lan).map(Device::isBridge).orElse(false);
    if (mac == null && (bridged || byPcap)) {
      findings.failed(
          "guest MAC",
          "not known" + (canLearn ? ", and neither the bridge nor the neighbour table has it" : ""),
          "give it: --guest-mac, or let the guest send something first");
    } else if (mac == null) {
      findings.warning(
          "guest MAC",
          "not known; " + lan + " is no bridge, so packets are steered by their address alone",
          "give it if the guest does not answer ARP for its old address: --guest-mac");
    } else if (mac.isGroup() || mac.bits() == 0) {
      findings.failed("guest MAC", mac + " is no single machine's", "give the guest's own");
    } else {
      Optional<Device> ours =
          facts.devices().stream().filter(device -> mac.equals(device.mac())).findFirst();
      if (ours.isPresent()) {
        findings.failed(
            "guest MAC",
            mac + " belongs to this host's " + ours.get().name(),
            "give the MAC that the guest itself uses, not its port's");
      } else {
        findings.ok("guest MAC", mac.toString());
      }
    }
  }

  /**
   * A capture sees what comes in by {@code from}. What this host routes to the guest goes out by
   * it, and so does what its own programs send.
   */
  private void seenByPcap(List<IpAddress> oldAddresses, String from, @Nullable String guestPort)
      throws IOException {
    String fix = "use --capture tun";
    boolean isBridge = facts.device(from).map(Device::isBridge).orElse(false);
    for (IpAddress old : oldAddresses) {
      boolean isHostRoute = !isBridge && facts.lanPrefixes(from).contains(IpPrefix.host(old));
      if (from.equals(guestPort) || isHostRoute) {
        findings.failed(
            "capture",
            "this host routes " + old + " out by " + from + ", and pcap sees only what comes in",
            fix);
      } else if (facts.routeTo(old).equals(Optional.of(from))
          && facts.forwards("all", old.isV4() ? "4" : "6")) {
        findings.warning(
            "capture",
            "this host forwards: if it is the guest's router, what it routes to %s by %s from"
                    .formatted(old, from)
                + " other networks is not seen by pcap",
            fix + " if it is");
      } else {
        findings.ok(
            "capture",
            "pcap sees what comes in by %s for %s; what this host's own programs send is not captured"
                .formatted(from, old));
      }
      long own = OwnConnections.to(old);
      if (own > 0) {
        findings.warning(
            "capture",
            "%d connections of this host's own programs with %s are not seen by pcap: they will stall"
                .formatted(own, old),
            fix);
      }
    }
  }

  private void notOurs(String name, IpAddress address) throws IOException {
    Optional<String> device = facts.interfaceOf(address);
    if (device.isPresent()) {
      findings.failed(
          name,
          address + " is this host's own, on " + device.get(),
          "give the guest's address; this host cannot have it as well");
    } else {
      findings.ok(name, address + " is not this host's");
    }
  }

  private void insideLan(IpAddress old, String from) throws IOException {
    Optional<IpPrefix> lan =
        facts.lanPrefixes(from).stream().filter(prefix -> prefix.contains(old)).findFirst();
    if (lan.isPresent()) {
      findings.ok("old LAN", old + " is in " + lan.get() + " on " + from);
      return;
    }
    Optional<String> route = facts.routeTo(old);
    if (route.isPresent() && route.get().equals(from)) {
      findings.ok("old LAN", old + " is routed by " + from);
    } else {
      findings.warning(
          "old LAN",
          old
              + " is in no prefix of "
              + from
              + route
                  .map(device -> ": the guest's answers will leave by " + device)
                  .orElse(", and this host has no route to it"),
          "see whether "
              + from
              + " is the old LAN's interface, and whether the router there takes these answers");
    }
  }

  private void separate(List<IpPrefix> oldLans, List<IpAddress> newAddresses, String deliver)
      throws IOException {
    String fix = "deliver to an interface of its own, or renumber one of them";
    for (IpPrefix old : oldLans) {
      for (IpPrefix here : facts.lanPrefixes(deliver)) {
        IpPrefix wide = here.length() <= old.length() ? here : old;
        if (wide.contains((wide == here ? old : here).address())) {
          findings.failed(
              "separate LANs",
              "the old LAN's " + old + " overlaps with " + here + " on " + deliver,
              fix);
          return;
        }
      }
      for (IpAddress address : newAddresses) {
        if (old.contains(address)) {
          findings.failed(
              "separate LANs",
              "the new address " + address + " is in the old LAN's " + old,
              "renumber one of the LANs: the guest cannot tell the two apart");
          return;
        }
      }
    }
    findings.ok("separate LANs", "the old LAN's prefixes are not used on " + deliver);
  }

  private void forwarding(List<IpAddress> oldAddresses, String lan) throws IOException {
    if (byPcap) {
      return;
    }
    if (oldAddresses.stream().anyMatch(IpAddress::isV4)) {
      findings.ok(
          "IPv4 forwarding",
          facts.forwards(lan, "4")
              ? "on for " + lan
              : "off for " + lan + "; arm switches it on there, for its own packets alone");
    }
    if (oldAddresses.stream().allMatch(IpAddress::isV4)) {
      return;
    }
    if (!facts.hasIpv6()) {
      findings.failed("IPv6 forwarding", "this kernel has no IPv6", "leave IPv6 addresses out");
    } else if (facts.forwards(lan, "6") || facts.hasForceForwarding()) {
      findings.ok("IPv6 forwarding", "possible on " + lan);
    } else {
      findings.failed(
          "IPv6 forwarding",
          "off, and this kernel (before 6.17) can only switch it on for the whole host",
          "sysctl net.ipv6.conf.all.forwarding=1 (then accept_ra=2 where the host needs"
              + " router advertisements)");
    }
  }
}
