package dev.holdfast.redirector.demo.lab;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.Locale;

/**
 * Who has which address in the lab, in one family.
 *
 * @param prefixLength of every LAN
 * @param client the client
 * @param router the router on the client's LAN; the name server's address too
 * @param oldGateway the router on the old LAN
 * @param oldHost the old host's bridge
 * @param guestOld the guest before the move
 * @param peer a machine on the old LAN
 * @param newGateway the router, or the gateway behind the delay, on the new LAN
 * @param newHost the new host's bridge
 * @param guestNew the guest after the move
 * @param wanRouter the router's end of the delayed path
 * @param wanGateway the new site's end of it
 */
public record LabAddresses(
    int prefixLength,
    IpAddress client,
    IpAddress router,
    IpAddress oldGateway,
    IpAddress oldHost,
    IpAddress guestOld,
    IpAddress peer,
    IpAddress newGateway,
    IpAddress newHost,
    IpAddress guestNew,
    IpAddress wanRouter,
    IpAddress wanGateway) {

  public static final LabAddresses V4 = of(24, "10.%d.0.%s", "2", "1", "10", "20");

  public static final LabAddresses V6 = of(64, "fd00:%d::%s", "2", "1", "10", "20");

  private static LabAddresses of(
      int prefixLength, String form, String host, String gateway, String guest, String peer) {
    return new LabAddresses(
        prefixLength,
        address(form, 9, host),
        address(form, 9, gateway),
        address(form, 1, gateway),
        address(form, 1, host),
        address(form, 1, guest),
        address(form, 1, peer),
        address(form, 2, gateway),
        address(form, 2, host),
        address(form, 2, guest),
        address(form, 8, gateway),
        address(form, 8, host));
  }

  private static IpAddress address(String form, int network, String host) {
    return IpAddress.parse(String.format(Locale.ROOT, form, network, host));
  }

  /** {@code address} with the LAN's prefix length, as {@code ip addr add} takes it. */
  public String inLan(IpAddress address) {
    return address + "/" + prefixLength;
  }

  /** The old LAN's prefix. */
  public String oldLan() {
    return client.isV4() ? "10.1.0.0/24" : "fd00:1::/64";
  }

  /** The new LAN's prefix. */
  String newLan() {
    return client.isV4() ? "10.2.0.0/24" : "fd00:2::/64";
  }
}
