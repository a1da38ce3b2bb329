package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What the journal keeps of one migration: enough to take over where a killed daemon stood, or to
 * undo what it did. Everything else (flows, held packets) is learnt anew.
 *
 * @param epoch which ownership of the old address this is; a message of an earlier one changes
 *     nothing
 * @param from the old LAN's interface, on the redirector; "" at the endpoint
 * @param deliver the interface towards the guest, on the endpoint
 * @param oldLans prefixes of the LAN that the guest leaves
 * @param token 32 hex digits that a data connection shows; "" before the endpoint has agreed
 * @param dns what {@code DnsChange} needs to go on; null where no name is moved
 * @param acceptedEpochNanos when release was accepted; 0 before
 * @param capture tun or pcap, on this host; null in journals of before there was a choice: tun
 */
public record MigrationRecord(
    String id,
    String name,
    long epoch,
    Role role,
    MigrationState state,
    String remote,
    List<String> oldAddresses,
    List<String> newAddresses,
    @Nullable String guestMac,
    String from,
    @Nullable String guestPort,
    String deliver,
    List<String> oldLans,
    String encapsulation,
    String returnPath,
    String holdPolicy,
    @Nullable String dnsName,
    List<String> dnsAddresses,
    @Nullable String flowListCommand,
    String token,
    long acceptedEpochNanos,
    @Nullable String dns,
    List<MigrationView.HistoryEntry> history,
    @Nullable String capture) {

  public UUID uuid() {
    return UUID.fromString(id);
  }

  /** Whether frames are captured by pcap on this host, instead of steered to the TUN. */
  public boolean byPcap() {
    return "pcap".equals(capture);
  }

  /** This host's interface of the guest's LAN. */
  public String lan() {
    return role == Role.REDIRECTOR ? from : deliver;
  }

  public List<IpAddress> olds() {
    return oldAddresses.stream().map(IpAddress::parse).toList();
  }

  public List<IpAddress> news() {
    return newAddresses.stream().map(IpAddress::parse).toList();
  }

  public @Nullable MacAddress mac() {
    return guestMac == null ? null : MacAddress.parse(guestMac);
  }

  /** This record in another state, entered at {@code epochNanos}. */
  public MigrationRecord entering(MigrationState next, long epochNanos) {
    List<MigrationView.HistoryEntry> longer = new ArrayList<>(history);
    longer.add(new MigrationView.HistoryEntry(next.label(), epochNanos));
    long accepted = next == MigrationState.REDIRECTING ? epochNanos : acceptedEpochNanos;
    return with(next, token, accepted, dns, longer);
  }

  /** This record back in {@code earlier}: entering the present state did not work. */
  public MigrationRecord rewound(MigrationState earlier) {
    return with(earlier, token, acceptedEpochNanos, dns, history.subList(0, history.size() - 1));
  }

  public MigrationRecord withToken(String agreed) {
    return with(state, agreed, acceptedEpochNanos, dns, history);
  }

  public MigrationRecord withDns(@Nullable String change) {
    return with(state, token, acceptedEpochNanos, change, history);
  }

  private MigrationRecord with(
      MigrationState nextState,
      String nextToken,
      long accepted,
      @Nullable String nextDns,
      List<MigrationView.HistoryEntry> nextHistory) {
    return new MigrationRecord(
        id,
        name,
        epoch,
        role,
        nextState,
        remote,
        oldAddresses,
        newAddresses,
        guestMac,
        from,
        guestPort,
        deliver,
        oldLans,
        encapsulation,
        returnPath,
        holdPolicy,
        dnsName,
        dnsAddresses,
        flowListCommand,
        nextToken,
        accepted,
        nextDns,
        List.copyOf(nextHistory),
        capture);
  }
}
