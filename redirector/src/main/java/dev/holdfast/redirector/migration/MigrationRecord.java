package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.dns.DnsNames;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Stream;
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
 * @param connections how many data connections it has at most, and once the endpoint has agreed,
 *     exactly; a journal that does not say has one
 * @param token 32 hex digits that a data connection shows; "" before the endpoint has agreed
 * @param dnsName the guest's name, or several with commas between; null where none is moved
 * @param dns what the {@code DnsChange} of each name needs to go on, as {@code DnsState} writes it;
 *     null where no name is moved
 * @param encapsulation tls or ipip; auto until it has been agreed
 * @param returnPath symmetric or direct; at the redirector, before it is armed, what is asked for
 * @param acceptedEpochNanos when release was accepted; 0 before
 * @param takingBack the epoch under which the address was asked back, where the endpoint's answer
 *     is not known: the next one after release, the present one before it; null otherwise
 * @param encapsulationReason why {@code auto} chose as it did; null where it had no choice
 * @param capture tun or pcap, on this host; null in journals of before there was a choice: tun
 * @param innerMtu bytes of the longest packet that IP-in-IP carries whole, as arm has measured it;
 *     null where nothing stood in the way of the usual
 * @param guestUnaware true where the guest keeps its old addresses alone; null in journals of
 *     before there was a choice: false
 * @param unmappedEpochNanos when such a guest's mapping was removed, after the migration was done;
 *     null before
 * @param advertisements of the old LAN's routers, for such a guest: IPv6 packets in hex; null where
 *     there are none
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
    int connections,
    String returnPath,
    String holdPolicy,
    @Nullable String dnsName,
    List<String> dnsAddresses,
    @Nullable String flowListCommand,
    String token,
    long acceptedEpochNanos,
    @Nullable String dns,
    List<MigrationView.HistoryEntry> history,
    @Nullable Long takingBack,
    @Nullable String encapsulationReason,
    @Nullable String capture,
    @Nullable Integer innerMtu,
    @Nullable Boolean guestUnaware,
    @Nullable Long unmappedEpochNanos,
    @Nullable List<String> advertisements) {
  /** In place of an encapsulation: the hosts choose one. */
  public static final String AUTO = "auto";

  public static final String SYMMETRIC = "symmetric";
  public static final String DIRECT = "direct";

  public MigrationRecord {
    connections = Math.max(1, connections);
  }

  /** Of a guest that knows its new addresses. */
  public MigrationRecord(
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
      int connections,
      String returnPath,
      String holdPolicy,
      @Nullable String dnsName,
      List<String> dnsAddresses,
      @Nullable String flowListCommand,
      String token,
      long acceptedEpochNanos,
      @Nullable String dns,
      List<MigrationView.HistoryEntry> history,
      @Nullable Long takingBack,
      @Nullable String encapsulationReason,
      @Nullable String capture,
      @Nullable Integer innerMtu) {
    this(
        id,
        name,
        epoch,
        role,
        state,
        remote,
        oldAddresses,
        newAddresses,
        guestMac,
        from,
        guestPort,
        deliver,
        oldLans,
        encapsulation,
        connections,
        returnPath,
        holdPolicy,
        dnsName,
        dnsAddresses,
        flowListCommand,
        token,
        acceptedEpochNanos,
        dns,
        history,
        takingBack,
        encapsulationReason,
        capture,
        innerMtu,
        null,
        null,
        null);
  }

  /** The guest has its old addresses alone: the endpoint maps the new ones to them. */
  public boolean isUnaware() {
    return Boolean.TRUE.equals(guestUnaware);
  }

  /**
   * At the endpoint: the migration is done and its tunnel gone, and the mapping stands, since the
   * guest lives here with its old addresses.
   */
  public boolean isStanding() {
    return isUnaware()
        && role == Role.ENDPOINT
        && state == MigrationState.DONE
        && unmappedEpochNanos == null;
  }

  /** It has ended, and nothing of it has to be there. */
  public boolean isOver() {
    return state.isEnded() && !isStanding();
  }

  /** Packets go by IP-in-IP, not on the TLS data connection. */
  public boolean isIpInIp() {
    return encapsulation.equals("ipip");
  }

  /** Both hosts have still to agree on the encapsulation. */
  public boolean isAuto() {
    return encapsulation.equals(AUTO);
  }

  /** The guest's answers leave at the new site, or are to. */
  public boolean isDirect() {
    return returnPath.equals(DIRECT);
  }

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

  /** The guest's names that are moved, without final dot and in lower case; mostly one, or none. */
  public List<String> dnsNames() {
    return dnsName == null || dnsName.isEmpty()
        ? List.of()
        : Stream.of(dnsName.split(","))
            .map(each -> DnsNames.plain(each).toLowerCase(Locale.ROOT))
            .toList();
  }

  public @Nullable MacAddress mac() {
    return guestMac == null ? null : MacAddress.parse(guestMac);
  }

  /** With the encapsulation that was agreed upon, and why. */
  public MigrationRecord carriedBy(String agreed, @Nullable String reason, long nextEpoch) {
    return with(draft -> {
      draft.encapsulation = agreed;
      draft.encapsulationReason = reason;
      draft.epoch = nextEpoch;
    });
  }

  /** This record in another state, entered at {@code epochNanos}. */
  public MigrationRecord entering(MigrationState next, long epochNanos) {
    return with(draft -> {
      draft.state = next;
      draft.history.add(new MigrationView.HistoryEntry(next.label(), epochNanos));
      if (next == MigrationState.REDIRECTING) {
        draft.acceptedEpochNanos = epochNanos;
      }
    });
  }

  /** This record back in {@code earlier}: entering the present state did not work. */
  public MigrationRecord rewound(MigrationState earlier) {
    return with(draft -> {
      draft.state = earlier;
      draft.history.removeLast();
    });
  }

  public MigrationRecord withToken(String agreed) {
    return with(draft -> draft.token = agreed);
  }

  public MigrationRecord withConnections(int agreed) {
    return with(draft -> draft.connections = agreed);
  }

  public MigrationRecord withInnerMtu(@Nullable Integer bytes) {
    return with(draft -> draft.innerMtu = bytes);
  }

  public MigrationRecord withReturnPath(String proven) {
    return with(draft -> draft.returnPath = proven);
  }

  public MigrationRecord withDns(@Nullable String change) {
    return with(draft -> draft.dns = change);
  }

  /** This record of a guest that is not touched. */
  public MigrationRecord ofUnaware(boolean unaware) {
    return with(draft -> draft.guestUnaware = unaware ? true : null);
  }

  /** What the old LAN's routers have said, as IPv6 packets. */
  public List<byte[]> advertised() {
    return advertisements == null
        ? List.of()
        : advertisements.stream().map(HexFormat.of()::parseHex).toList();
  }

  /** This record with what the old LAN's routers have said. */
  public MigrationRecord withAdvertised(List<byte[]> packets) {
    return with(draft ->
        draft.advertisements =
            packets.isEmpty() ? null : packets.stream().map(HexFormat.of()::formatHex).toList());
  }

  /** This record with its mapping removed. */
  public MigrationRecord unmapped(long epochNanos) {
    return with(draft -> draft.unmappedEpochNanos = epochNanos);
  }

  /** This record with the address asked back, to be owned in {@code next}; null: it is not. */
  public MigrationRecord takingBack(@Nullable Long next) {
    return with(draft -> draft.takingBack = next);
  }

  /** This record with the address owned anew; nothing is asked any more. */
  public MigrationRecord inEpoch(long next) {
    return with(draft -> {
      draft.epoch = next;
      draft.takingBack = null;
    });
  }

  /** What may change in a record while its migration lives. */
  private static final class Draft {
    long epoch;
    MigrationState state;
    String encapsulation;
    @Nullable String encapsulationReason;
    int connections;
    String returnPath;
    String token;
    long acceptedEpochNanos;
    @Nullable String dns;
    final List<MigrationView.HistoryEntry> history;
    @Nullable Long takingBack;
    @Nullable Integer innerMtu;
    @Nullable Boolean guestUnaware;
    @Nullable Long unmappedEpochNanos;
    @Nullable List<String> advertisements;

    Draft(MigrationRecord from) {
      epoch = from.epoch;
      state = from.state;
      encapsulation = from.encapsulation;
      encapsulationReason = from.encapsulationReason;
      connections = from.connections;
      returnPath = from.returnPath;
      token = from.token;
      acceptedEpochNanos = from.acceptedEpochNanos;
      dns = from.dns;
      history = new ArrayList<>(from.history);
      takingBack = from.takingBack;
      innerMtu = from.innerMtu;
      guestUnaware = from.guestUnaware;
      unmappedEpochNanos = from.unmappedEpochNanos;
      advertisements = from.advertisements;
    }
  }

  private MigrationRecord with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return new MigrationRecord(
        id,
        name,
        draft.epoch,
        role,
        draft.state,
        remote,
        oldAddresses,
        newAddresses,
        guestMac,
        from,
        guestPort,
        deliver,
        oldLans,
        draft.encapsulation,
        draft.connections,
        draft.returnPath,
        holdPolicy,
        dnsName,
        dnsAddresses,
        flowListCommand,
        draft.token,
        draft.acceptedEpochNanos,
        draft.dns,
        List.copyOf(draft.history),
        draft.takingBack,
        draft.encapsulationReason,
        capture,
        draft.innerMtu,
        draft.guestUnaware,
        draft.unmappedEpochNanos,
        draft.advertisements);
  }
}
