package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What one host must know to steer one migration's packets, as redirector or as endpoint.
 *
 * @param migration its id; names the owner of the changes in the {@link KernelLedger}
 * @param guestMac null where it is not known, as for routed guests: then nothing is done on a
 *     bridge
 * @param lan this host's interface of the guest's LAN: the redirector's {@code --from}, the
 *     endpoint's {@code --deliver}
 * @param bridgeMac the MAC of {@code lan} where that is a bridge; null where it is not
 * @param guestPort the redirector's port of the guest, blocked while holding; null where there is
 *     none
 * @param oldLans prefixes of the LAN that the guest leaves, and its routers' link-local addresses
 * @param tun name of the TUN
 */
public record SteeringPlan(
    String migration,
    List<IpAddress> oldAddresses,
    List<IpAddress> newAddresses,
    @Nullable MacAddress guestMac,
    String lan,
    @Nullable MacAddress bridgeMac,
    @Nullable String guestPort,
    List<IpPrefix> oldLans,
    String tun) {
  public SteeringPlan {
    oldAddresses = List.copyOf(oldAddresses);
    newAddresses = List.copyOf(newAddresses);
    oldLans = List.copyOf(oldLans);
    requireDeviceName(lan);
    requireDeviceName(tun);
    if (guestPort != null) {
      requireDeviceName(guestPort);
    }
  }

  /** These names become part of scripts, so nothing that ends a word may be in them. */
  private static void requireDeviceName(String name) {
    if (!name.matches("[A-Za-z0-9_.@-]{1,15}")) {
      throw new IllegalArgumentException("'" + name + "' is not a network interface's name");
    }
  }

  /** The two MACs of steering frames on a bridge. */
  record OnBridge(MacAddress guest, MacAddress bridge) {}

  /** Empty where frames cannot be steered on a bridge. */
  Optional<OnBridge> onBridge() {
    MacAddress guest = guestMac;
    MacAddress bridge = bridgeMac;
    return guest == null || bridge == null
        ? Optional.empty()
        : Optional.of(new OnBridge(guest, bridge));
  }

  /** Whom the guest may ask for without the new LAN hearing of it; no two of them overlap. */
  List<IpPrefix> keptFrom(IpAddress old) {
    List<IpPrefix> kept = new ArrayList<>();
    for (IpPrefix prefix : oldLans) {
      if (prefix.address().isV4() == old.isV4()
          && kept.stream().noneMatch(other -> overlap(prefix, other))) {
        kept.add(prefix);
      }
    }
    if (kept.stream().noneMatch(prefix -> prefix.contains(old))) {
      kept.add(IpPrefix.host(old)); // its announcements
    }
    return kept;
  }

  private static boolean overlap(IpPrefix one, IpPrefix other) {
    return one.length() <= other.length()
        ? one.contains(other.address())
        : other.contains(one.address());
  }
}
