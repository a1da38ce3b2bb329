package dev.holdfast.redirector.steer;

import static dev.holdfast.redirector.steer.NftElements.key;
import static dev.holdfast.redirector.steer.NftElements.name;
import static dev.holdfast.redirector.steer.NftElements.network;
import static dev.holdfast.redirector.steer.NftElements.number;
import static dev.holdfast.redirector.steer.SteeringNames.BLACKHOLE_METRIC;
import static dev.holdfast.redirector.steer.SteeringNames.DELIVERY_TABLE;
import static dev.holdfast.redirector.steer.SteeringNames.ROUTE_METRIC;

import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Delivery and return path at the new host, of one migration: packets from the TUN to the guest,
 * and what the guest sends from its old addresses to the TUN.
 *
 * <p>All of it stands from arm on. Nothing passes through it before the guest is here: nothing is
 * written to the TUN, and nobody here sends from the old addresses with the guest's MAC.
 */
public final class EndpointSteering implements Steering {
  private final SteeringPlan plan;
  private final LanSettings lan;
  private final boolean unaware;

  public EndpointSteering(SteeringPlan plan, HostFacts facts) {
    this(plan, facts, false);
  }

  /**
   * @param unaware whether the guest knows its old LAN alone: then nothing that it asks of
   *     neighbours is for the new one
   */
  EndpointSteering(SteeringPlan plan, HostFacts facts, boolean unaware) {
    this.plan = plan;
    this.lan = new LanSettings(plan, facts);
    this.unaware = unaware;
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
    return changes;
  }

  /** Changes of this migration alone, to be owned by its id. */
  @Override
  public List<KernelChange> arm() {
    List<KernelChange> changes = new ArrayList<>();
    for (IpAddress old : plan.oldAddresses()) {
      MacAddress guest = plan.guestMac();
      if (guest != null) {
        changes.add(neighbour(old, guest));
      }
      changes.add(route(old));
    }
    NftElements elements = elements();
    changes.add(
        new KernelChange(
            "take what the guest sends from %s on %s".formatted(plan.oldAddresses(), plan.lan()),
            List.of(new Command.Nft(elements.additions())),
            "take it no more",
            List.of(new Command.Nft(elements.removals()))));
    return changes;
  }

  private KernelChange route(IpAddress old) {
    String family = old.isV4() ? "" : "-6 ";
    String scope = old.isV4() ? " scope link" : "";
    String host = IpPrefix.host(old).toString();
    String table = " table " + DELIVERY_TABLE;
    return new KernelChange(
        "in table %d, route %s to %s, else nowhere".formatted(DELIVERY_TABLE, host, plan.lan()),
        List.of(
            new Command.Ip(
                family + "route replace blackhole " + host + " metric " + BLACKHOLE_METRIC + table),
            new Command.Ip(
                "%sroute replace %s dev %s%s metric %d%s"
                    .formatted(family, host, plan.lan(), scope, ROUTE_METRIC, table))),
        "delete these routes of " + host,
        List.of(
            new Command.Ip(family + "route del " + host + " metric " + ROUTE_METRIC + table),
            new Command.Ip(
                family + "route del blackhole " + host + " metric " + BLACKHOLE_METRIC + table)));
  }

  private KernelChange neighbour(IpAddress old, MacAddress guest) {
    String family = old.isV4() ? "" : "-6 ";
    return new KernelChange(
        "know %s on %s by the guest's MAC %s for good".formatted(old, plan.lan(), guest),
        List.of(
            new Command.Ip(
                "%sneigh replace %s lladdr %s dev %s nud permanent"
                    .formatted(family, old, guest, plan.lan()))),
        "forget the MAC of " + old + " on " + plan.lan(),
        List.of(new Command.Ip(family + "neigh del " + old + " dev " + plan.lan())));
  }

  private NftElements elements() {
    NftElements elements = new NftElements();
    for (IpAddress old : plan.oldAddresses()) {
      String width = old.isV4() ? "4" : "6";
      elements.add("inet delivered" + width, old.toString());
      elements.add(HopLimitRules.SPENT + width, old.toString());
      elements.add("inet silenced" + width, number(old));
      plan.onBridge()
          .ifPresentOrElse(
              macs -> takeOnBridge(elements, old, macs),
              () ->
                  elements
                      .add("inet returned" + width, key(name(plan.lan()), old))
                      .add("inet grouped" + width, key(name(plan.lan()), old)));
    }
    return elements;
  }

  private void takeOnBridge(NftElements elements, IpAddress old, SteeringPlan.OnBridge macs) {
    String width = old.isV4() ? "4" : "6";
    String bridge = macs.bridge().toString();
    elements.add("bridge return" + width, key(macs.guest(), old), bridge);
    elements.add("bridge grouped" + width, key(macs.guest(), old));
    for (IpPrefix kept : unaware ? List.of(everything(old)) : plan.keptFrom(old)) {
      String target =
          old.isV4()
              ? key(macs.guest(), old, network(kept) + "/" + kept.length())
              : key(macs.guest(), number(kept));
      elements.add("bridge kept" + width, target, bridge);
    }
    for (IpAddress address : unaware ? List.<IpAddress>of() : plan.newAddresses()) {
      if (address.isV4() == old.isV4()) {
        elements.add("bridge renamed" + width, key(macs.guest(), old), address.toString());
        break;
      }
    }
  }

  private static IpPrefix everything(IpAddress old) {
    return IpPrefix.parse(old.isV4() ? "0.0.0.0/0" : "::/0");
  }
}
