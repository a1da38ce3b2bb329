package dev.holdfast.redirector.migration;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One migration as {@code migration show --json} prints it. Fields are only ever added.
 *
 * <p>Times are wall clock, nanoseconds since the Unix epoch, 0 where it has not happened.
 *
 * @param schema "holdfast.migration/1"
 * @param id UUID
 * @param role redirector or endpoint: what this host is in it
 * @param state a label of {@link MigrationState}
 * @param legal what may be asked of it now: hold, release, rollback, finish
 * @param history state label and when it was entered, in order
 * @param held packets that are in the hold queue or at the endpoint's stage
 * @param linkUp whether every data connection is up
 * @param connections the data connections by number; none where the migration has ended
 * @param drops by reason label
 * @param encapsulation tls or ipip; auto until it has been agreed
 * @param alerts sentences for the operator, newest last
 * @param encapsulationReason why {@code auto} chose as it did; null where it had no choice
 * @param capture tun or pcap, on this host; null from an earlier daemon
 * @param lan the interface of the guest's LAN on this host; null from an earlier daemon
 * @param sizes what was too big for its way; null from an earlier daemon
 * @param icmpErrorsKeptBack ICMP errors about the old addresses that this host's kernel has made
 *     and that were dropped, as they were counted when last asked for; null where they were not
 */
public record MigrationView(
    String schema,
    String id,
    String name,
    long epoch,
    String role,
    String remote,
    String state,
    List<String> legal,
    List<String> oldAddresses,
    List<String> newAddresses,
    @Nullable String guestMac,
    String encapsulation,
    String returnPath,
    String holdPolicy,
    boolean linkUp,
    List<ConnectionView> connections,
    List<HistoryEntry> history,
    HeldView held,
    TrafficView traffic,
    int flows,
    int flowsAtHold,
    Map<String, Long> drops,
    @Nullable DnsView dns,
    List<String> alerts,
    @Nullable ContinuityReport report,
    @Nullable String encapsulationReason,
    @Nullable String capture,
    @Nullable String lan,
    @Nullable SizesView sizes,
    @Nullable Long icmpErrorsKeptBack) {

  public MigrationView {
    connections = Objects.requireNonNullElse(connections, List.of()); // of an earlier daemon
  }

  /**
   * One data connection.
   *
   * @param number from 1; the flows that take it are the same as long as the migration lives
   * @param ends {@code address:port - address:port}, this host's first; "" while it is down
   * @param queuedBytes that wait here to be sent
   */
  public record ConnectionView(int number, boolean up, String ends, long queuedBytes) {}

  /** When a state was entered. */
  public record HistoryEntry(String state, long epochNanos) {}

  /** The hold queue's figures, in packets and bytes. */
  public record HeldView(
      long packets, long bytes, long staged, long replaced, long dropped, long total) {}

  /**
   * Tunnelled traffic; to and from are seen from the guest.
   *
   * @param directPackets from the guest and not tunnelled: they left at the endpoint, which alone
   *     counts them; null from an earlier daemon
   * @param directBytes of whole IP packets; null from an earlier daemon
   */
  public record TrafficView(
      long toGuestPackets,
      long toGuestBytes,
      long fromGuestPackets,
      long fromGuestBytes,
      @Nullable Long directPackets,
      @Nullable Long directBytes) {
    /** Of a host where nothing leaves that is not tunnelled. */
    public TrafficView(
        long toGuestPackets, long toGuestBytes, long fromGuestPackets, long fromGuestBytes) {
      this(toGuestPackets, toGuestBytes, fromGuestPackets, fromGuestBytes, 0L, 0L);
    }
  }

  /**
   * What was too big for its way, in packets.
   *
   * @param innerMtu bytes of the longest packet that the tunnel carries whole
   * @param told Packet Too Big and Fragmentation Needed that this host has sent
   * @param cutInside IPv4 packets that went on in fragments of their own
   * @param cutOutside packets that went on in fragments of the outer packet
   * @param deliveryMtu bytes of the longest packet that the LAN behind the tunnel takes
   * @param cutTcp packets that went onto that LAN as shorter TCP segments
   * @param unheeded of those dropped, how many had a sender who was told before, or may not be told
   */
  public record SizesView(
      int innerMtu,
      long told,
      long cutInside,
      long cutOutside,
      @Nullable Integer deliveryMtu,
      @Nullable Long cutTcp,
      @Nullable Long unheeded) {}

  /**
   * How the DNS change stands; {@code state} is none, pending, updating, published, conflict,
   * failed or restored.
   *
   * @param further the guest's further names; null where it has one
   */
  public record DnsView(
      String name,
      String state,
      List<String> before,
      List<String> now,
      long updateMillis,
      long lastStaleEpochNanos,
      @Nullable String problem,
      @Nullable List<DnsView> further) {

    /** This name and the further ones. */
    public List<DnsView> all() {
      return Stream.concat(Stream.of(this), further == null ? Stream.of() : further.stream())
          .toList();
    }

    DnsView with(List<DnsView> others) {
      return new DnsView(
          name,
          state,
          before,
          now,
          updateMillis,
          lastStaleEpochNanos,
          problem,
          others.isEmpty() ? null : others);
    }
  }
}
