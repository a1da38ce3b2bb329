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
 * @param holdLimit what happens when nobody releases; null where it is not holding here
 * @param hooks how the user's own hooks ran, oldest first; the last {@link HookView#KEPT}
 * @param guestUnaware whether the guest keeps its old addresses alone; null from an earlier daemon
 * @param mapping of such a guest's addresses at the endpoint: prepared, on, standing (on, and the
 *     migration is done) or removed; null elsewhere
 * @param wayBack a hold for the way back, after release; null where there is none
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
    @Nullable Long icmpErrorsKeptBack,
    @Nullable HoldLimitView holdLimit,
    List<HookView> hooks,
    @Nullable Boolean guestUnaware,
    @Nullable String mapping,
    @Nullable WayBackView wayBack) {

  public MigrationView {
    connections = Objects.requireNonNullElse(connections, List.of()); // of an earlier daemon
    hooks = Objects.requireNonNullElse(hooks, List.of());
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
   * The limit of a hold ([hold] limit and no-release).
   *
   * @param epochNanos when it is reached, or was
   * @param then keep: it goes on holding, and raises an alarm; rollback: it asks for the address
   *     back
   */
  public record HoldLimitView(long epochNanos, String then) {}

  /**
   * The guest is paused at the endpoint, and may be on its way back: packets are held until it is
   * known where it runs.
   *
   * @param limitEpochNanos when the hold's limit is reached, or was
   * @param then keep: it goes on holding, and raises an alarm; release: packets go to the endpoint
   *     again
   * @param returned packets since arm that had been tunnelled when the guest was paused, and were
   *     kept at the endpoint or returned from there
   */
  public record WayBackView(
      long sinceEpochNanos, long limitEpochNanos, String then, long returned) {}

  /**
   * One run of one of the user's hooks.
   *
   * @param event armed, holding, redirecting, draining, done, rolled-back or alert
   * @param command with its arguments
   * @param result running, ok, failed, timed-out, not-started; or unknown, where the daemon ended
   *     before it
   * @param exitCode its own; null where it has none
   * @param epochNanos when it was started
   * @param output the end of what it printed, at most 4 KiB
   */
  public record HookView(
      String event,
      String command,
      String result,
      @Nullable Integer exitCode,
      long epochNanos,
      double millis,
      String output) {
    /** So many of one migration. */
    static final int KEPT = 50;

    private static final String RUNNING = "running";

    public static HookView begun(String event, String command, long epochNanos) {
      return new HookView(event, command, RUNNING, null, epochNanos, 0, "");
    }

    public HookView ended(String how, @Nullable Integer code, double took, String printed) {
      return new HookView(event, command, how, code, epochNanos, took, printed);
    }

    /** What is left to say of one that runs, when its daemon is no more. */
    public HookView orphaned() {
      return result.equals(RUNNING) ? ended("unknown", null, 0, output) : this;
    }

    /** Puts it in the place of what was said of the same run before. */
    public void putInto(List<HookView> runs) {
      runs.removeIf(run ->
          run.epochNanos == epochNanos && run.event.equals(event) && run.command.equals(command));
      runs.add(this);
      if (runs.size() > KEPT) {
        runs.removeFirst();
      }
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
