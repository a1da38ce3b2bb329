package dev.holdfast.redirector.replay.live;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the ends are played, and how the guest is moved.
 *
 * @param guestInterfaceAfter where the guest is after its move; may be the same as before
 * @param guestMac the guest's, at both places; null: one that is made up
 * @param onMove runs when the move begins; the guest is paused when it has ended
 * @param onResume runs when the guest is at its new place
 */
public record LiveOptions(
    Place peers,
    Place guest,
    Place guestAfter,
    @Nullable MacAddress guestMac,
    @Nullable String onMove,
    @Nullable String onResume) {

  /**
   * A side.
   *
   * @param gateways whose MACs frames to everybody get, at most one of each family; for a family
   *     that has none, and no {@code gatewayMac}, the receiver itself is asked for
   */
  public record Place(
      String interfaceName, List<IpAddress> gateways, @Nullable MacAddress gatewayMac) {
    public Place {
      gateways = List.copyOf(gateways);
    }

    @Nullable IpAddress gateway(boolean isV4) {
      return gateways.stream().filter(each -> each.isV4() == isV4).findFirst().orElse(null);
    }
  }
}
