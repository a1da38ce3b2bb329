package dev.holdfast.redirector.demo.load;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;

/**
 * A machine that has connections with the guest.
 *
 * @param address its own end of them
 * @param shown the same end as the guest sees it: where it is another, a NAT is between them that
 *     keeps ports, and passes on what comes to them
 * @param count how many
 * @param dialled whether the guest makes them, and not the machine
 */
public record Clients(
    Namespace machine, IpAddress address, IpAddress shown, int count, boolean dialled) {

  /** Connections that the machine makes, without a NAT. */
  public Clients(Namespace machine, IpAddress address, int count) {
    this(machine, address, address, count, false);
  }

  /** As many, made by the guest. */
  public Clients byTheGuest() {
    return new Clients(machine, address, shown, count, true);
  }
}
