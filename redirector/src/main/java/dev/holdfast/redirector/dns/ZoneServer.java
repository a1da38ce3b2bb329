package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsException.Kind;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;
import org.xbill.DNS.Update;

/** One configured zone at its server: reads record sets there and swaps them. */
final class ZoneServer {
  /** Addresses that no host has (RFC 5737, RFC 3849). */
  private static final Map<String, String> NOBODYS = Map.of("A", "192.0.2.0", "AAAA", "2001:db8::");

  /** A label that a host's name cannot have (RFC 8552). */
  private static final String PROBE = "_holdfast-probe";

  private final Config.DnsZone zone;
  private final Name origin;
  private final DnsClient client;
  private final TrySchedule schedule;

  ZoneServer(Config.DnsZone zone, DnsClient client, TrySchedule schedule) throws DnsException {
    this.zone = zone;
    this.origin = DnsNames.absolute(zone.zone());
    this.client = client;
    this.schedule = schedule;
  }

  /**
   * One set's change.
   *
   * @param before as it was read a moment ago: the whole of it is the prerequisite
   * @param after what it becomes
   */
  record Swap(RecordSet before, RecordSet after) {
    boolean isNothing() {
      return before.sameValues(after) && (before.isEmpty() || before.ttl() == after.ttl());
    }

    List<String> removed() {
      return before.values().stream().filter(each -> !after.values().contains(each)).toList();
    }

    List<String> added() {
      return after.values().stream().filter(each -> !before.values().contains(each)).toList();
    }
  }

  Config.DnsZone zone() {
    return zone;
  }

  Name origin() {
    return origin;
  }

  InetSocketAddress address() {
    return zone.server();
  }

  /** Such as {@code 10.9.0.53 port 53}. */
  String text() {
    return DnsClient.text(zone.server());
  }

  /**
   * Reads a set at the server.
   *
   * @return an empty set when the name or the type is not there
   * @throws DnsException when there is no answer, or the server does not answer with authority, or
   *     the name is an alias
   */
  RecordSet read(String name, String type) throws DnsException {
    return read(zone.server(), name, type, schedule);
  }

  /** Like {@link #read(String, String)} at another server of the zone. */
  RecordSet read(InetSocketAddress server, String name, String type, TrySchedule tries)
      throws DnsException {
    Message answer = ask(server, DnsNames.absolute(name), Type.value(type), tries);
    int rcode = answer.getHeader().getRcode();
    String text = DnsClient.text(server);
    if (rcode != Rcode.NOERROR && rcode != Rcode.NXDOMAIN) {
      throw new DnsException(
          rcode == Rcode.SERVFAIL ? Kind.UNREACHABLE : Kind.REFUSED,
          "The DNS server %s answers %s to a question for %s."
              .formatted(text, Rcode.string(rcode), DnsNames.plain(name)));
    }
    if (!answer.getHeader().getFlag(Flags.AA)) {
      throw new DnsException(
          Kind.REFUSED,
          "The DNS server %s has no authority over %s: 'server' of zone %s must be the zone's primary server."
              .formatted(text, DnsNames.plain(name), zone.zone()));
    }
    List<Record> records = answer.getSection(Section.ANSWER);
    RecordSet alias = RecordSet.of(name, "CNAME", records);
    if (!alias.isEmpty()) {
      throw new DnsException(
          Kind.CONFIGURATION,
          "%s is an alias of %s: give that name, which has the addresses."
              .formatted(DnsNames.plain(name), DnsNames.plain(alias.values().getFirst())));
    }
    return RecordSet.of(name, type, records);
  }

  /** One question, whatever the answer. */
  Message ask(InetSocketAddress server, Name name, int type, TrySchedule tries)
      throws DnsException {
    return client.query(server, name, type, tries);
  }

  /** With the standard patience. */
  Message ask(Name name, int type) throws DnsException {
    return ask(zone.server(), name, type, schedule);
  }

  /**
   * Swaps all the sets in one message, or none of them (RFC 2136 section 2.4.2: the prerequisite is
   * each whole set as it was read).
   *
   * <p>An answer that got lost is found out about by reading back: what is there already is
   * success.
   *
   * @throws DnsException of kind CONFLICT when the sets are not what they were and not ours either
   */
  void swap(List<Swap> swaps) throws DnsException {
    List<Swap> real = swaps.stream().filter(each -> !each.isNothing()).toList();
    if (real.isEmpty()) {
      return;
    }
    TsigKey key = TsigKey.load(zone);
    String what = "the update of " + names(real.stream().map(Swap::before).toList());
    Update content = message(real);
    Answer answer = client.signed(zone.server(), () -> withNewId(content), key, schedule);
    switch (answer.rcode()) {
      case Rcode.NOERROR -> {}
      case Rcode.NXRRSET, Rcode.YXRRSET, Rcode.NXDOMAIN, Rcode.YXDOMAIN -> readBack(real);
      default -> throw refusal(answer, key, what);
    }
  }

  /** {@link #rehearse(TsigKey)} with the configured key. */
  void rehearse() throws DnsException {
    rehearse(TsigKey.load(zone));
  }

  /**
   * Sends an update that changes nothing: that the zone's SOA exists is its only content.
   *
   * @return the answer, with the server's time in it
   * @throws DnsException when the server does not accept it
   */
  Answer rehearse(TsigKey key) throws DnsException {
    Update update = new Update(origin);
    update.present(origin, Type.SOA);
    Answer answer = client.signed(zone.server(), () -> withNewId(update), key, schedule);
    if (answer.rcode() != Rcode.NOERROR) {
      throw refusal(answer, key, "an update of zone " + zone.zone());
    }
    return answer;
  }

  /**
   * Whether the key may change these sets, found out by deleting from each what is not in it, on
   * the condition that it is as it was read.
   *
   * @throws DnsException when the server does not accept it
   */
  void rehearse(List<RecordSet> sets) throws DnsException {
    Update update = new Update(origin);
    for (RecordSet set : sets) {
      require(update, set);
    }
    for (RecordSet set : sets) {
      if (!set.values().contains(nobodys(set))) {
        update.delete(set.record(nobodys(set), 0));
      }
    }
    TsigKey key = TsigKey.load(zone);
    Answer answer = client.signed(zone.server(), () -> withNewId(update), key, schedule);
    switch (answer.rcode()) {
      case Rcode.NOERROR -> {}
      case Rcode.NXRRSET, Rcode.YXRRSET, Rcode.NXDOMAIN, Rcode.YXDOMAIN ->
          readBack(sets.stream().map(ZoneServer::withNobodys).toList());
      default -> throw refusal(answer, key, "an update of " + names(sets));
    }
  }

  private static Swap withNobodys(RecordSet set) {
    return new Swap(set, set.replacing(List.of(), List.of(nobodys(set))));
  }

  /** A value that such a record can have and none has. */
  private static String nobodys(RecordSet set) {
    return NOBODYS.getOrDefault(set.type(), "nobody.invalid.");
  }

  /**
   * Whether the key may change names that no guest has, found out by deleting at such a name what
   * is not there, on the condition that the name does not exist.
   *
   * @throws DnsException when there is no answer
   */
  boolean isUnlimited(TsigKey key) throws DnsException {
    Update update = new Update(origin);
    Name name = DnsNames.absolute(PROBE + "." + (origin.equals(Name.root) ? "" : zone.zone()));
    update.absent(name);
    update.delete(name, Type.TXT);
    return client.signed(zone.server(), () -> withNewId(update), key, schedule).rcode()
        == Rcode.NOERROR;
  }

  private DnsException refusal(Answer answer, TsigKey key, String what) {
    Instant now = Instant.ofEpochSecond(0, client.clock().epochNanos());
    return Refusal.of(answer, text(), zone.zone(), key, what, now);
  }

  private void readBack(List<Swap> swaps) throws DnsException {
    for (Swap swap : swaps) {
      RecordSet now = read(swap.before().name(), swap.before().type());
      if (now.hasAllAndNone(swap.added(), swap.removed())) {
        continue;
      }
      if (now.sameValues(swap.before())) {
        throw new DnsException(
            Kind.CONFLICT,
            "The zone has no record set of its own at %s although it answers %s (a wildcard?); nothing was changed."
                .formatted(DnsNames.plain(now.name()), now));
      }
      throw new DnsException(
          Kind.CONFLICT,
          "Somebody else has changed %s: it was %s when read, and is %s now; nothing was changed."
              .formatted(DnsNames.plain(now.name()), swap.before(), now));
    }
  }

  private Message withNewId(Message content) {
    Update update = new Update(origin);
    for (int section : new int[] {Section.PREREQ, Section.UPDATE}) {
      content.getSection(section).forEach(each -> update.addRecord(each, section));
    }
    return update;
  }

  private Update message(List<Swap> swaps) throws DnsException {
    Update update = new Update(origin);
    for (Swap swap : swaps) {
      require(update, swap.before());
    }
    for (Swap swap : swaps) {
      fill(update, swap);
    }
    return update;
  }

  private static void require(Update update, RecordSet before) throws DnsException {
    if (before.isEmpty()) {
      update.absent(DnsNames.absolute(before.name()), Type.value(before.type()));
    } else {
      before.toRecords(0).forEach(update::present);
    }
  }

  /**
   * Where the TTL stays, only the records that change are touched. A new TTL is a new set: servers
   * differ in what adding a record that is there with another TTL does to it.
   */
  private static void fill(Update update, Swap swap) throws DnsException {
    RecordSet before = swap.before();
    RecordSet after = swap.after();
    if (before.ttl() != after.ttl() && !before.isEmpty()) {
      update.delete(DnsNames.absolute(before.name()), Type.value(before.type()));
      after.toRecords(after.ttl()).forEach(update::add);
      return;
    }
    for (String each : swap.removed()) {
      update.delete(before.record(each, 0));
    }
    for (String each : swap.added()) {
      update.add(after.record(each, after.ttl()));
    }
  }

  private static String names(List<RecordSet> sets) {
    return sets.stream()
        .map(each -> DnsNames.plain(each.name()))
        .distinct()
        .collect(Collectors.joining(", "));
  }
}
