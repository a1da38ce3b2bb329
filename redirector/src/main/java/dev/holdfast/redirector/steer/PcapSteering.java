package dev.holdfast.redirector.steer;

import static dev.holdfast.redirector.steer.NftElements.key;
import static dev.holdfast.redirector.steer.NftElements.name;
import static dev.holdfast.redirector.steer.NftElements.number;

import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.List;

/**
 * What a migration whose frames are captured by pcap asks of the kernel, in either role: to leave
 * alone what is ours ({@link PcapTables}).
 */
public abstract sealed class PcapSteering implements Steering {
  final SteeringPlan plan;

  private PcapSteering(SteeringPlan plan) {
    this.plan = plan;
  }

  /** At the old host. */
  public static CaptureSteering atRedirector(SteeringPlan plan) {
    return new Redirector(plan);
  }

  /**
   * At the new host, where all stands from arm on: nobody there sends from the old addresses with
   * the guest's MAC before the guest does.
   *
   * @throws IllegalArgumentException where the guest's MAC is not known
   */
  public static Steering atEndpoint(SteeringPlan plan) {
    MacAddress guest = plan.guestMac();
    if (guest == null) {
      throw new IllegalArgumentException(
          "capture = \"pcap\" delivers to the guest's MAC: give --guest-mac");
    }
    return new Endpoint(plan, guest);
  }

  @Override
  public List<KernelChange> shared() {
    return List.of(PcapTables.tables(), PcapTables.ingress(plan.lan()));
  }

  private static NftElements elements() {
    return new NftElements(PcapTables.TABLE);
  }

  private static final class Redirector extends PcapSteering implements CaptureSteering {
    Redirector(SteeringPlan plan) {
      super(plan);
    }

    @Override
    public List<KernelChange> arm() {
      return List.of(
          new KernelChange(
              "know how to keep %s from the kernel (nothing is switched on)"
                  .formatted(plan.oldAddresses()),
              List.of(),
              "leave " + plan.oldAddresses() + " to the kernel",
              List.of(
                  new Command.Nft(
                      bridged().removals()
                          + received().removals()
                          + block().removals()
                          + announced().removals()))));
    }

    @Override
    public String holdScript() {
      return bridged().additions()
          + received().additions()
          + block().additions()
          + announced().additions();
    }

    /** What comes to this host's own MAC is still ours: the daemon hands it to the guest. */
    @Override
    public String unholdScript() {
      return bridged().removals();
    }

    @Override
    public String unblockScript() {
      return block().removals();
    }

    private NftElements bridged() {
      return captured("bridge captured");
    }

    private NftElements received() {
      return captured("netdev captured");
    }

    private NftElements captured(String set) {
      NftElements elements = elements();
      plan.oldAddresses().forEach(old -> elements.add(set + width(old), old.toString()));
      return elements;
    }

    private NftElements announced() {
      NftElements elements = elements();
      plan.announced().ifPresent(key -> elements.add("bridge announced", key));
      String port = plan.guestPort();
      if (port != null) {
        elements.add("bridge missed", name(port));
      }
      return elements;
    }

    private NftElements block() {
      NftElements elements = elements();
      String port = plan.guestPort();
      if (port != null) {
        elements.add("bridge blocked", name(port));
      }
      return elements;
    }
  }

  private static final class Endpoint extends PcapSteering {
    private final MacAddress guest;

    Endpoint(SteeringPlan plan, MacAddress guest) {
      super(plan);
      this.guest = guest;
    }

    @Override
    public List<KernelChange> arm() {
      NftElements elements = elements();
      for (IpAddress old : plan.oldAddresses()) {
        elements.add("bridge return" + width(old), key(guest, old));
        elements.add("bridge grouped" + width(old), key(guest, old));
        elements.add("netdev return" + width(old), key(guest, old));
        elements.add("netdev grouped" + width(old), key(guest, old));
        if (old.isV6()) {
          for (IpPrefix kept : plan.keptFrom(old)) {
            elements.add("bridge kept6", key(guest, number(kept)));
          }
        }
      }
      return List.of(
          new KernelChange(
              "keep what the guest sends from %s on %s from the kernel"
                  .formatted(plan.oldAddresses(), plan.lan()),
              List.of(new Command.Nft(elements.additions())),
              "leave it to the kernel",
              List.of(new Command.Nft(elements.removals()))));
    }
  }

  private static String width(IpAddress address) {
    return address.isV4() ? "4" : "6";
  }
}
