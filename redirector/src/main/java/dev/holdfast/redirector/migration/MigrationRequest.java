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

  /** What must be said; all else is as if nobody had said it, until it is. */
  public static Draft of(
      String name,
      List<String> oldAddresses,
      List<String> newAddresses,
      String remote,
      String deliver) {
    return new Draft(name, oldAddresses, newAddresses, remote, deliver);
  }

  /** A request that is being written; its methods are named as what they set. */
  public static final class Draft {
    private final String name;
    private final List<String> oldAddresses;
    private final List<String> newAddresses;
    private final String remote;
    private final String deliver;
    private @Nullable String from;
    private @Nullable String guestPort;
    private @Nullable String guestMac;
    private @Nullable String dnsName;
    private List<String> dnsAddresses = List.of();
    private @Nullable String encapsulation;
    private @Nullable String holdPolicy;
    private @Nullable String flowListCommand;
    private @Nullable String capture;
    private @Nullable String returnPath;
    private @Nullable Boolean guestUnaware;

    private Draft(
        String name,
        List<String> oldAddresses,
        List<String> newAddresses,
        String remote,
        String deliver) {
      this.name = name;
      this.oldAddresses = oldAddresses;
      this.newAddresses = newAddresses;
      this.remote = remote;
      this.deliver = deliver;
    }

    public Draft from(@Nullable String value) {
      from = value;
      return this;
    }

    public Draft guestPort(@Nullable String value) {
      guestPort = value;
      return this;
    }

    public Draft guestMac(@Nullable String value) {
      guestMac = value;
      return this;
    }

    public Draft dnsName(@Nullable String value) {
      dnsName = value;
      return this;
    }

    public Draft dnsAddresses(List<String> value) {
      dnsAddresses = value;
      return this;
    }

    public Draft encapsulation(@Nullable String value) {
      encapsulation = value;
      return this;
    }

    public Draft holdPolicy(@Nullable String value) {
      holdPolicy = value;
      return this;
    }

    public Draft flowListCommand(@Nullable String value) {
      flowListCommand = value;
      return this;
    }

    public Draft capture(@Nullable String value) {
      capture = value;
      return this;
    }

    public Draft returnPath(@Nullable String value) {
      returnPath = value;
      return this;
    }

    /** Of a guest that is not touched. */
    public Draft unaware() {
      guestUnaware = true;
      return this;
    }

    public MigrationRequest request() {
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
          guestUnaware);
    }
  }
}
