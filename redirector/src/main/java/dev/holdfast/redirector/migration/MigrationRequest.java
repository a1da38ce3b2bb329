package dev.holdfast.redirector.migration;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@code migration plan} and {@code migration arm} ask for, as it comes from the command line
 * or the API: unchecked text.
 *
 * @param name what people call the migration; letters, digits, dot, hyphen, underscore; at most 64
 * @param oldAddresses the guest's addresses at this host
 * @param newAddresses its addresses at the new host
 * @param remote name of a {@code [[remote]]} in the config
 * @param from interface of the old LAN; null: the bridge of {@code guestPort}, or that port itself
 *     where it is on none
 * @param guestPort this host's port of the guest, such as vnet3; null where it is not to be blocked
 * @param guestMac null: learnt from the port's forwarding entries or the neighbour table
 * @param deliver the remote host's interface towards the guest
 * @param dnsName the guest's name, or several with commas between; null: no DNS update
 * @param dnsAddresses the public addresses, where they are not {@code newAddresses}
 * @param encapsulation tls, ipip or auto; null: the config's
 * @param holdPolicy queue or drop; null: the config's
 * @param flowListCommand prints the guest's connections as {@code ss -Htn} does, run through {@code
 *     sh -c} at arm and while draining; what it prints is taken to be complete; null: no complete
 *     list is known
 * @param capture tun or pcap, on this host; null: the config's
 * @param returnPath symmetric or direct; null: the config's
 * @param guestUnaware whether the guest keeps its old addresses alone, and {@code newAddresses} are
 *     mapped to them at the new host; null: it does not
 */
public record MigrationRequest(
    String name,
    List<String> oldAddresses,
    List<String> newAddresses,
    String remote,
    @Nullable String from,
    @Nullable String guestPort,
    @Nullable String guestMac,
    String deliver,
    @Nullable String dnsName,
    List<String> dnsAddresses,
    @Nullable String encapsulation,
    @Nullable String holdPolicy,
    @Nullable String flowListCommand,
    @Nullable String capture,
    @Nullable String returnPath,
    @Nullable Boolean guestUnaware) {
  /** Of a guest that is given its new addresses. */
  public MigrationRequest(
      String name,
      List<String> oldAddresses,
      List<String> newAddresses,
      String remote,
      @Nullable String from,
      @Nullable String guestPort,
      @Nullable String guestMac,
      String deliver,
      @Nullable String dnsName,
      List<String> dnsAddresses,
      @Nullable String encapsulation,
      @Nullable String holdPolicy,
      @Nullable String flowListCommand,
      @Nullable String capture,
      @Nullable String returnPath) {
    this(
        name,
        oldAddresses,
        newAddresses,
        remote,
        from,
        guestPort,
        guestMac,
        deliver,
        dnsName,
        dnsAddresses,
        encapsulation,
        holdPolicy,
        flowListCommand,
        capture,
        returnPath,
        null);
  }

  /** The same request, of a guest that is not touched. */
  public MigrationRequest unaware() {
    return new MigrationRequest(
        name,
        oldAddresses,
        newAddresses,
        remote,
        from,
        guestPort,
        guestMac,
        deliver,
        dnsName,
        dnsAddresses,
        encapsulation,
        holdPolicy,
        flowListCommand,
        capture,
        returnPath,
        true);
  }

  /** One with the config's return path. */
  public MigrationRequest(
      String name,
      List<String> oldAddresses,
      List<String> newAddresses,
      String remote,
      @Nullable String from,
      @Nullable String guestPort,
      @Nullable String guestMac,
      String deliver,
      @Nullable String dnsName,
      List<String> dnsAddresses,
      @Nullable String encapsulation,
      @Nullable String holdPolicy,
      @Nullable String flowListCommand,
      @Nullable String capture) {
    this(
        name,
        oldAddresses,
        newAddresses,
        remote,
        from,
        guestPort,
        guestMac,
        deliver,
        dnsName,
        dnsAddresses,
        encapsulation,
        holdPolicy,
        flowListCommand,
        capture,
        null,
        null);
  }
}
