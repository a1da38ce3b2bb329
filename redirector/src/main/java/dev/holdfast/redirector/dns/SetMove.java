package dev.holdfast.redirector.dns;

import java.util.List;

/**
 * What a move does to one record set. Part of the journal's form: fields are only ever added.
 *
 * @param zone the configured zone that it is in
 * @param name whose records they are: the guest's name, or an address's reverse name
 * @param type A, AAAA or PTR
 * @param before what was read first
 * @param ttl its TTL then, in seconds: what it gets back in the end
 * @param loweredTtl its TTL from arm to done; the same as {@code ttl} where that is low already
 * @param removed what the move takes out; nothing else is
 * @param added what it puts in
 */
public record SetMove(
    String zone,
    String name,
    String type,
    List<String> before,
    long ttl,
    long loweredTtl,
    List<String> removed,
    List<String> added) {
  public SetMove {
    before = List.copyOf(before);
    removed = List.copyOf(removed);
    added = List.copyOf(added);
  }

  boolean lowersTtl() {
    return loweredTtl < ttl;
  }

  boolean isReverse() {
    return type.equals("PTR");
  }

  /** What follows from the move, were nobody else to change the set. */
  public List<String> after() {
    return new RecordSet(name, type, ttl, before).replacing(removed, added).values();
  }

  /** Whether the set is as the move wants it. */
  boolean isDoneIn(RecordSet now) {
    return now.hasAllAndNone(added, removed);
  }

  /** The set with the move done. */
  RecordSet doneTo(RecordSet now) {
    return now.isEmpty()
        ? now.replacing(removed, added).withTtl(loweredTtl)
        : now.replacing(removed, added).withTtl(Math.min(now.ttl(), loweredTtl));
  }

  /** The set with the move taken back, TTL too. */
  RecordSet undoneTo(RecordSet now) {
    return now.replacing(added, removed).withTtl(ttlBack(now));
  }

  /** The set with the TTL that it had at first, where it has ours now. */
  RecordSet withTtlBack(RecordSet now) {
    return now.withTtl(ttlBack(now));
  }

  private long ttlBack(RecordSet now) {
    return now.isEmpty() || now.ttl() == loweredTtl ? ttl : now.ttl();
  }

  /** Such as {@code A of vm.lab.test in zone lab.test.: 10.1.0.10 becomes 10.2.0.10}. */
  public String describe() {
    String what =
        added.isEmpty()
            ? String.join(", ", removed) + " is removed"
            : removed.isEmpty()
                ? String.join(", ", added) + " is added"
                : String.join(", ", removed) + " becomes " + String.join(", ", added);
    List<String> stays = before.stream().filter(each -> !removed.contains(each)).toList();
    return "%s of %s in zone %s: %s%s%s"
        .formatted(
            type,
            DnsNames.plain(name),
            zone,
            what,
            stays.isEmpty() ? "" : "; " + String.join(", ", stays) + " stays",
            lowersTtl() ? "; TTL %d s, %d s from arm to done".formatted(ttl, loweredTtl) : "");
  }
}
