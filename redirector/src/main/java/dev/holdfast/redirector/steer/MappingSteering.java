package dev.holdfast.redirector.steer;

import static dev.holdfast.redirector.steer.NftElements.key;
import static dev.holdfast.redirector.steer.NftElements.network;

import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The new host's part for a guest that does not know its new address: delivery and return path as
 * for any guest ({@link EndpointSteering}), and the mapping of the new address to the old one
 * ({@link MappingTables}).
 *
 * <p>From arm on the guest is kept from the new site's DHCP and router advertisements, and its ARP
 * and neighbour solicitations from the new LAN. {@link #mapScript} switches the mapping on, as
 * elements in one nft transaction. When the tunnel has gone, {@link #settleScript} lets the guest's
 * old LAN be reached as everything else is; the rest stands as long as the guest lives here.
 */
public final class MappingSteering implements Steering {
  private final SteeringPlan plan;
  private final EndpointSteering endpoint;
  private final Map<IpAddress, IpAddress> pairs;

  /**
   * @throws IllegalArgumentException where the plan has no bridge or no MAC of the guest, or its
   *     addresses are no pairs
   */
  public MappingSteering(SteeringPlan plan, HostFacts facts) {
    this.plan = plan;
    this.endpoint = new EndpointSteering(plan, facts, true);
    this.pairs = AddressPairs.of(plan.oldAddresses(), plan.newAddresses());
    if (plan.onBridge().isEmpty()) {
      throw new IllegalArgumentException(
          plan.lan() + " is no bridge: a guest that is not touched needs a port of one");
    }
  }

  @Override
  public List<KernelChange> shared() throws IOException {
    List<KernelChange> changes = new ArrayList<>(endpoint.shared());
    changes.add(MappingTables.change());
    return changes;
  }

  @Override
  public List<KernelChange> arm() {
    List<KernelChange> changes = new ArrayList<>(endpoint.arm());
    changes.add(
        new KernelChange(
            "keep the new site's DHCP and router advertisements from the guest, and "
                + plan.newAddresses()
                + " for it",
            List.of(new Command.Nft(guard().additions())),
            "keep them from it no more",
            List.of(new Command.Nft(guard().removals() + FORGET_PORTS))));
    List<Command> undo = new ArrayList<>();
    undo.add(new Command.Nft(mapping().removals() + lans().removals()));
    pairs.forEach((old, fresh) -> {
      String family = family(old);
      undo.add(new Command.Conntrack(family + "-D --orig-dst " + fresh));
      undo.add(new Command.Conntrack(family + "-D --reply-dst " + fresh));
      undo.addAll(forgetOld(old));
    });
    changes.add(
        new KernelChange(
            "know how to map %s to %s (nothing is switched on)"
                .formatted(plan.newAddresses(), plan.oldAddresses()),
            List.of(),
            "map them no more, and forget their connections",
            undo));
    return changes;
  }

  /** Switches the mapping on: what begins from now on has the new address outside. */
  public String mapScript() {
    return mapping().additions() + lans().additions();
  }

  /** The tunnel has gone: the old LAN is reached as all else, and no old connection is known. */
  public String settleScript() {
    return lans().removals();
  }

  /** Deletes what connection tracking has of connections with the old addresses themselves. */
  public List<Command> forgetOld() {
    return plan.oldAddresses().stream().flatMap(old -> forgetOld(old).stream()).toList();
  }

  /** Those that the guest began and that are mapped have the new address in their reply. */
  private static List<Command> forgetOld(IpAddress old) {
    return List.of(
        new Command.Conntrack(family(old) + "-D --orig-dst " + old),
        new Command.Conntrack(family(old) + "-D --orig-src " + old + " --reply-dst " + old));
  }

  private static String family(IpAddress address) {
    return address.isV4() ? "-f ipv4 " : "-f ipv6 ";
  }

  private static String table(IpAddress address) {
    return address.isV4() ? "ip " : "ip6 ";
  }

  private NftElements mapping() {
    NftElements elements = new NftElements();
    pairs.forEach((old, fresh) -> {
      String table = table(old);
      elements.add(table + "inward", fresh.toString(), old.toString());
      elements.add(table + "outward", old.toString(), fresh.toString());
      elements.add(table + "fresh", fresh.toString());
      elements.add(table + "olds", old.toString());
    });
    return elements;
  }

  private NftElements lans() {
    NftElements elements = new NftElements();
    for (IpAddress old : plan.oldAddresses()) {
      for (IpPrefix lan : plan.keptFrom(old)) {
        elements.add(table(old) + "lans", key(old, network(lan) + "/" + lan.length()));
      }
    }
    return elements;
  }

  private NftElements guard() {
    NftElements elements = new NftElements();
    MacAddress guest = plan.onBridge().orElseThrow().guest();
    elements.add("bridge unaware", guest.toString());
    pairs.forEach((old, fresh) -> {
      if (old.isV4()) {
        elements.add("bridge unaware4", old.toString());
      }
      // This host's kernel would look for it on the LAN, and tell the sender that it is not there.
      elements.add(table(old) + "reserved", fresh.toString());
    });
    return elements;
  }

  /** Where other guests of this kind are is learnt again from their next frames. */
  private static final String FORGET_PORTS = "flush set bridge holdfast behind\n";
}
