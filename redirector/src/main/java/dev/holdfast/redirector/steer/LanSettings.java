package dev.holdfast.redirector.steer;

import static dev.holdfast.redirector.steer.NftElements.key;
import static dev.holdfast.redirector.steer.NftElements.name;

import dev.holdfast.redirector.steer.HostFacts.Device;
import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What the interface of the guest's LAN needs, on either host, where it is not so already. */
final class LanSettings {
  private final SteeringPlan plan;
  private final HostFacts facts;

  LanSettings(SteeringPlan plan, HostFacts facts) {
    this.plan = plan;
    this.facts = facts;
  }

  /** "4", "6" or both: the families of the old addresses. */
  List<String> families() {
    List<String> families = new ArrayList<>();
    if (plan.oldAddresses().stream().anyMatch(IpAddress::isV4)) {
      families.add("4");
    }
    if (plan.oldAddresses().stream().anyMatch(IpAddress::isV6)) {
      families.add("6");
    }
    return families;
  }

  /**
   * A bridge whose MAC nobody has set takes the lowest of its ports', so it changes when the
   * guest's port leaves, and every neighbour of this host is wrong about it. Setting the MAC that
   * it has ends that.
   */
  Optional<KernelChange> pinBridgeMac() throws IOException {
    if (plan.bridgeMac() == null || !facts.followsItsPorts(plan.lan())) {
      return Optional.empty();
    }
    return Optional.of(
        new KernelChange(
            "pin the MAC of " + plan.lan() + " to the one it has, " + plan.bridgeMac(),
            List.of(new Command.Ip("link set dev " + plan.lan() + " address " + plan.bridgeMac())),
            "nothing: it keeps this MAC, and the kernel has no way to let it choose again",
            List.of()));
  }

  /**
   * Forwarding for packets that come in by the LAN's interface. Where it was off, a guard is set
   * first which lets only ours pass.
   */
  List<KernelChange> forwarding() throws IOException {
    List<KernelChange> changes = new ArrayList<>();
    for (String family : families()) {
      if (facts.forwards(plan.lan(), family)) {
        continue;
      }
      String sysctl =
          family.equals("4")
              ? "net/ipv4/conf/" + plan.lan() + "/forwarding"
              : "net/ipv6/conf/" + plan.lan() + "/force_forwarding";
      NftElements guard = new NftElements();
      Optional<MacAddress> mac = facts.device(plan.lan()).map(Device::mac);
      mac.ifPresent(own -> guard.add("inet narrow" + family, key(name(plan.lan()), own)));
      guard.add("inet unrouted" + family, name(plan.lan()));
      changes.add(
          new KernelChange(
              "forward IPv%s from %s, but only what is ours".formatted(family, plan.lan()),
              List.of(new Command.Nft(guard.additions()), new Command.Sysctl(sysctl, "1")),
              "forward IPv%s from %s no more".formatted(family, plan.lan()),
              List.of(
                  new Command.SysctlBack(sysctl, "1", "0"), new Command.Nft(guard.removals()))));
    }
    return changes;
  }

  /** The kernel's own proxy answers to ARP at once: by default it waits for up to 0.8 s. */
  Optional<KernelChange> promptProxy() throws IOException {
    String sysctl = "net/ipv4/neigh/" + plan.lan() + "/proxy_delay";
    if (!families().contains("4")) {
      return Optional.empty();
    }
    String before = facts.sysctl(sysctl);
    return before.equals("0")
        ? Optional.empty()
        : Optional.of(
            new KernelChange(
                "let proxy ARP on " + plan.lan() + " answer at once",
                List.of(new Command.Sysctl(sysctl, "0")),
                "let it wait as before",
                List.of(new Command.SysctlBack(sysctl, "0", before))));
  }

  /**
   * A strict check of sources (RFC 3704) would drop what the guest sends from its old address at
   * the new host, which has no route for it by this interface; and at the old host, what comes from
   * peers to whom that host itself sends by another. Without an address on the interface a loose
   * check drops it too.
   */
  List<KernelChange> looseSourceCheck() throws IOException {
    List<KernelChange> changes = new ArrayList<>();
    if (!families().contains("4")) {
      return changes;
    }
    String sysctl = "net/ipv4/conf/" + plan.lan() + "/rp_filter";
    String before = facts.sysctl(sysctl);
    int effective =
        Math.max(
            Integer.parseInt(before),
            Integer.parseInt(facts.sysctl("net/ipv4/conf/all/rp_filter")));
    if (effective == 1) {
      changes.add(
          new KernelChange(
              "check sources loosely on " + plan.lan(),
              List.of(new Command.Sysctl(sysctl, "2")),
              "check them as before",
              List.of(new Command.SysctlBack(sysctl, "2", before))));
    }
    boolean hasAddress = facts.addresses(plan.lan()).stream().anyMatch(a -> a.address().isV4());
    if (effective != 0 && !hasAddress) {
      String address = SteeringNames.TUN_ADDRESS + " dev " + plan.lan();
      changes.add(
          new KernelChange(
              "give " + plan.lan() + " the link-scoped address " + SteeringNames.TUN_ADDRESS,
              List.of(new Command.Ip("addr replace " + address + " scope link")),
              "delete that address",
              List.of(new Command.Ip("addr del " + address))));
    }
    return changes;
  }
}
