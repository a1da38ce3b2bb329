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
 * @param takingBack the epoch under which the released address was asked back, where the endpoint's
 *     answer is not known; null otherwise
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
    @Nullable Long takingBack) {

  public UUID uuid() {
    return UUID.fromString(id);
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
    return with(next, epoch, token, accepted, dns, longer, takingBack);
  }

  /** This record back in {@code earlier}: entering the present state did not work. */
  public MigrationRecord rewound(MigrationState earlier) {
    return with(
        earlier,
        epoch,
        token,
        acceptedEpochNanos,
        dns,
        history.subList(0, history.size() - 1),
        takingBack);
  }

  public MigrationRecord withToken(String agreed) {
    return with(state, epoch, agreed, acceptedEpochNanos, dns, history, takingBack);
  }

  public MigrationRecord withDns(@Nullable String change) {
    return with(state, epoch, token, acceptedEpochNanos, change, history, takingBack);
  }

  /** This record with the address asked back, to be owned in {@code next}; null: it is not. */
  public MigrationRecord takingBack(@Nullable Long next) {
    return with(state, epoch, token, acceptedEpochNanos, dns, history, next);
  }

  /** This record with the address owned anew; nothing is asked any more. */
  public MigrationRecord inEpoch(long next) {
    return with(state, next, token, acceptedEpochNanos, dns, history, null);
  }

  private MigrationRecord with(
      MigrationState nextState,
      long nextEpoch,
      String nextToken,
      long accepted,
      @Nullable String nextDns,
      List<MigrationView.HistoryEntry> nextHistory,
      @Nullable Long asked) {
    return new MigrationRecord(
        id,
        name,
        nextEpoch,
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
        asked);
  }
}
