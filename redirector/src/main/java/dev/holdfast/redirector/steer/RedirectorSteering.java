package dev.holdfast.redirector.steer;

import static dev.holdfast.redirector.steer.NftElements.key;
import static dev.holdfast.redirector.steer.NftElements.name;
import static dev.holdfast.redirector.steer.NftElements.number;
import static dev.holdfast.redirector.steer.SteeringNames.BLACKHOLE_METRIC;
import static dev.holdfast.redirector.steer.SteeringNames.CAPTURE_TABLE;
import static dev.holdfast.redirector.steer.SteeringNames.ROUTE_METRIC;

import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Capture at the old host, of one migration: packets for the old addresses to the TUN.
 *
 * <p>{@link #shared} and {@link #arm} make every kernel object, switched off; {@link #holdScript}
 * switches on, as elements of sets and maps in one nft transaction. The scripts of several
 * migrations may be joined into one.
 */
public final class RedirectorSteering implements CaptureSteering {
  private final SteeringPlan plan;
  private final LanSettings lan;

  public RedirectorSteering(SteeringPlan plan, HostFacts facts) {
    this.plan = plan;
    this.lan = new LanSettings(plan, facts);
  }

  /**
   * Changes of the LAN's interface, which other migrations may rely on too: to be owned by {@link
   * KernelLedger#HOST}. Only what is not so already.
   */
  @Override
  public List<KernelChange> shared() throws IOException {
    List<KernelChange> changes = new ArrayList<>();
    lan.pinBridgeMac().ifPresent(changes::add);
    changes.addAll(lan.forwarding());
    changes.addAll(lan.looseSourceCheck());
    lan.promptProxy().ifPresent(changes::add);
    return changes;
  }

  /** Changes of this migration alone, to be owned by its id. */
  @Override
  public List<KernelChange> arm() {
    List<KernelChange> changes = new ArrayList<>();
    for (IpAddress old : plan.oldAddresses()) {
      changes.add(route(old));
      if (old.isV4()) {
        changes.add(proxy(old));
      }
    }
    changes.add(
        new KernelChange(
            "know how to capture " + plan.oldAddresses() + " (nothing is switched on)",
            List.of(),
            "stop capturing " + plan.oldAddresses(),
            List.of(
                new Command.Nft(
                    capture().removals() + block().removals() + aftermath().removals()))));
    return changes;
  }

  private KernelChange route(IpAddress old) {
    String family = old.isV4() ? "" : "-6 ";
    String host = IpPrefix.host(old).toString();
    String table = " table " + CAPTURE_TABLE;
    // The blackhole first: at no moment may the kernel find no route and say so to the sender.
    return new KernelChange(
        "in table %d, route %s via %s, else nowhere".formatted(CAPTURE_TABLE, host, plan.tun()),
        List.of(
            new Command.Ip(
                family + "route replace blackhole " + host + " metric " + BLACKHOLE_METRIC + table),
            new Command.Ip(
                "%sroute replace %s dev %s metric %d%s"
                    .formatted(family, host, plan.tun(), ROUTE_METRIC, table))),
        "delete these routes of " + host,
        List.of(
            new Command.Ip(family + "route del " + host + " metric " + ROUTE_METRIC + table),
            new Command.Ip(
                family + "route del blackhole " + host + " metric " + BLACKHOLE_METRIC + table)));
  }

  /**
   * Sleeps until ARP for the address has the capture mark: only then its route leaves by another
   * interface than the one asked on, which is when the kernel answers.
   */
  private KernelChange proxy(IpAddress old) {
    return new KernelChange(
        "let the kernel answer ARP for " + old + " on " + plan.lan() + " while it is captured",
        List.of(new Command.Ip("neigh replace proxy " + old + " dev " + plan.lan())),
        "delete the proxy entry of " + old + " on " + plan.lan(),
        List.of(new Command.Ip("neigh del proxy " + old + " dev " + plan.lan())));
  }

  /** Switches capture on, and blocks the guest's port. */
  @Override
  public String holdScript() {
    return capture().additions() + block().additions() + aftermath().additions();
  }

  /**
   * Switches capture off; the guest's port stays blocked. Until the changes of {@link #arm} are
   * undone, this host says nothing of its own about the old addresses, and forwards to the guest
   * what neighbours still send to this host's MAC.
   */
  @Override
  public String unholdScript() {
    return capture().removals();
  }

  /** Opens the guest's port again. */
  @Override
  public String unblockScript() {
    return block().removals();
  }

  private NftElements capture() {
    NftElements elements = new NftElements();
    for (IpAddress old : plan.oldAddresses()) {
      String width = old.isV4() ? "4" : "6";
      elements.add("inet captured" + width, old.toString());
      if (old.isV4()) {
        elements.add("arp captured4", old.toString());
      }
      plan.onBridge().ifPresent(macs -> capture(elements, old, macs));
    }
    return elements;
  }

  private static void capture(NftElements elements, IpAddress old, SteeringPlan.OnBridge macs) {
    String bridge = macs.bridge().toString();
    String target = key(macs.guest(), old);
    if (old.isV4()) {
      elements.add("bridge capture4", target, bridge).add("bridge asked4", target, bridge);
    } else {
      elements.add("bridge capture6", target, bridge).add("bridge asked6", number(old), bridge);
    }
  }

  private NftElements block() {
    NftElements elements = new NftElements();
    String port = plan.guestPort();
    if (port != null) {
      elements.add("bridge blocked", name(port)).add("inet blocked", name(port));
    }
    return elements;
  }

  private NftElements aftermath() {
    NftElements elements = new NftElements();
    for (IpAddress old : plan.oldAddresses()) {
      String width = old.isV4() ? "4" : "6";
      elements.add("inet silenced" + width, number(old)).add("inet passed" + width, old.toString());
      elements.add(HopLimitRules.SPENT + width, old.toString());
    }
    plan.announced().ifPresent(key -> elements.add("bridge announced", key));
    String port = plan.guestPort();
    if (port != null) {
      elements.add("bridge missed", name(port)).add("inet missed", name(port));
    }
    return elements;
  }
}
