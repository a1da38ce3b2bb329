package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * All that a DNS change must remember over a crash. Fields are only ever added.
 *
 * <p>Times are wall clock, nanoseconds since the Unix epoch, 0 where it has not happened.
 *
 * @param phase pending, updating, published, finished, conflict, failed or restored
 * @param sets empty until the records have been read
 * @param now the name's addresses as last known
 * @param ttlSeenEpochNanos when the last authoritative server was first seen with the lowered TTL
 * @param publishedEpochNanos when the update was accepted
 * @param updateMillis how long that took from its beginning
 * @param newSeenEpochNanos when the last authoritative server was first seen with the new address
 * @param lastStaleEpochNanos after this no compliant cache has the old address
 * @param problem the newest trouble; null when there is none
 * @param reverseOwed true while the PTR records do not follow yet: to the new address, or back once
 *     the phase is restored; null otherwise
 */
public record DnsState(
    String name,
    List<String> oldAddresses,
    List<String> newAddresses,
    String phase,
    List<SetMove> sets,
    List<String> now,
    long ttlSeenEpochNanos,
    long publishedEpochNanos,
    long updateMillis,
    long newSeenEpochNanos,
    long lastStaleEpochNanos,
    @Nullable String problem,
    @Nullable Boolean reverseOwed) {

  static final String PENDING = "pending";
  static final String UPDATING = "updating";
  static final String PUBLISHED = "published";
  static final String FINISHED = "finished"; // published, and the TTL is what it was
  static final String CONFLICT = "conflict";
  static final String FAILED = "failed";
  static final String RESTORED = "restored";

  private static final JsonMapper JSON = JsonMapper.shared();

  public DnsState {
    oldAddresses = List.copyOf(oldAddresses);
    newAddresses = List.copyOf(newAddresses);
    sets = List.copyOf(sets);
    now = List.copyOf(now);
  }

  /** Of a move that has not begun. */
  public static DnsState of(DnsMove move) {
    return new DnsState(
        move.name(),
        move.oldAddresses().stream().map(IpAddress::toString).toList(),
        move.newAddresses().stream().map(IpAddress::toString).toList(),
        PENDING,
        List.of(),
        List.of(),
        0,
        0,
        0,
        0,
        0,
        null,
        null);
  }

  /**
   * Whether something is to be done yet once the migration has ended.
   *
   * @param moved whether the name stays at the new address
   */
  public boolean isOpen(boolean moved) {
    if (phase.equals(CONFLICT)) {
      return false; // somebody else has the name in hand, and it stays as they made it
    }
    if (owesReverse()) {
      return true;
    }
    return moved
        ? !phase.equals(FINISHED) && sets.stream().anyMatch(SetMove::lowersTtl)
        : !phase.equals(RESTORED) && !sets.isEmpty();
  }

  /** Whether this is the state of {@code other}, however that is written. */
  public boolean isOf(String other) {
    return DnsNames.plain(name).equalsIgnoreCase(DnsNames.plain(other));
  }

  DnsMove move() {
    return new DnsMove(
        name,
        oldAddresses.stream().map(IpAddress::parse).toList(),
        newAddresses.stream().map(IpAddress::parse).toList());
  }

  /** One line of JSON. */
  public String toJson() {
    return JSON.writeValueAsString(this);
  }

  /**
   * Reads what {@link #toJson} wrote.
   *
   * @throws IllegalArgumentException when it is something else
   */
  public static DnsState fromJson(String json) {
    try {
      return JSON.readValue(json, DnsState.class);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("not a DNS state: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * The states of all names of one migration. One is an object, as journals have always had it;
   * several are an array.
   *
   * @throws IllegalArgumentException when it is something else
   */
  public static List<DnsState> listFromJson(String json) {
    try {
      return json.stripLeading().startsWith("[")
          ? List.of(JSON.readValue(json, DnsState[].class))
          : List.of(fromJson(json));
    } catch (JacksonException | NullPointerException e) {
      throw new IllegalArgumentException("not a list of DNS states: " + e.getMessage(), e);
    }
  }

  /** One line of JSON: what {@link #listFromJson} has read with this state in it, or added. */
  public String amend(@Nullable String json) {
    List<DnsState> all = new ArrayList<>(json == null ? List.of() : listFromJson(json));
    int at = 0;
    while (at < all.size() && !all.get(at).isOf(name)) {
      at++;
    }
    if (at < all.size()) {
      all.set(at, this);
    } else {
      all.add(this);
    }
    return all.size() == 1 ? toJson() : JSON.writeValueAsString(all);
  }

  /** As {@code migration show} prints it. */
  public MigrationView.DnsView view() {
    return new MigrationView.DnsView(
        name,
        phase,
        sets.stream()
            .filter(each -> !each.isReverse())
            .flatMap(each -> each.before().stream())
            .toList(),
        now,
        updateMillis,
        lastStaleEpochNanos,
        problem,
        null);
  }

  DnsState withPhase(String value) {
    return new DnsState(
        name,
        oldAddresses,
        newAddresses,
        value,
        sets,
        now,
        ttlSeenEpochNanos,
        publishedEpochNanos,
        updateMillis,
        newSeenEpochNanos,
        lastStaleEpochNanos,
        problem,
        reverseOwed);
  }

  DnsState withSets(List<SetMove> value) {
    return new DnsState(
        name,
        oldAddresses,
        newAddresses,
        phase,
        value,
        now,
        ttlSeenEpochNanos,
        publishedEpochNanos,
        updateMillis,
        newSeenEpochNanos,
        lastStaleEpochNanos,
        problem,
        reverseOwed);
  }

  DnsState withNow(List<String> value) {
    return new DnsState(
        name,
        oldAddresses,
        newAddresses,
        phase,
        sets,
        value,
        ttlSeenEpochNanos,
        publishedEpochNanos,
        updateMillis,
        newSeenEpochNanos,
        lastStaleEpochNanos,
        problem,
        reverseOwed);
  }

  DnsState withTtlSeen(long value) {
    return new DnsState(
        name,
        oldAddresses,
        newAddresses,
        phase,
        sets,
        now,
        value,
        publishedEpochNanos,
        updateMillis,
        newSeenEpochNanos,
        lastStaleEpochNanos,
        problem,
        reverseOwed);
  }

  DnsState withPublished(long epochNanos, long millis) {
    return new DnsState(
        name,
        oldAddresses,
        newAddresses,
        PUBLISHED,
        sets,
        now,
        ttlSeenEpochNanos,
        epochNanos,
        millis,
        newSeenEpochNanos,
        lastStaleEpochNanos,
        problem,
        reverseOwed);
  }

  DnsState withNewSeen(long seen, long lastStale) {
    return new DnsState(
        name,
        oldAddresses,
        newAddresses,
        phase,
        sets,
        now,
        ttlSeenEpochNanos,
        publishedEpochNanos,
        updateMillis,
        seen,
        lastStale,
        problem,
        reverseOwed);
  }

  DnsState withProblem(@Nullable String value) {
    return new DnsState(
        name,
        oldAddresses,
        newAddresses,
        phase,
        sets,
        now,
        ttlSeenEpochNanos,
        publishedEpochNanos,
        updateMillis,
        newSeenEpochNanos,
        lastStaleEpochNanos,
        value,
        reverseOwed);
  }

  /** Whether the new address is still to be published. */
  public boolean isUpdating() {
    return phase.equals(UPDATING);
  }

  /** Whether the PTR records do not follow yet, as far as others have left them alone. */
  public boolean owesReverse() {
    return Boolean.TRUE.equals(reverseOwed);
  }

  DnsState withReverseOwed(boolean owed) {
    return new DnsState(
        name,
        oldAddresses,
        newAddresses,
        phase,
        sets,
        now,
        ttlSeenEpochNanos,
        publishedEpochNanos,
        updateMillis,
        newSeenEpochNanos,
        lastStaleEpochNanos,
        problem,
        owed ? true : null);
  }
}
