package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.xbill.DNS.Name;
import org.xbill.DNS.ReverseMap;

/** Finds out which record sets a move concerns, and what becomes of them. Only reads. */
final class DnsPlanner {
  private final List<ZoneServer> zones;

  DnsPlanner(List<ZoneServer> zones) {
    this.zones = zones;
  }

  /** The configured zone that {@code name} is in; the longest where several fit. */
  Optional<ZoneServer> zoneOf(Name name) {
    return zones.stream()
        .filter(each -> name.subdomain(each.origin()))
        .max((a, b) -> Integer.compare(a.origin().labels(), b.origin().labels()));
  }

  /**
   * Plans.
   *
   * @throws DnsException when the server cannot be asked
   */
  DnsPlan plan(DnsMove move) throws DnsException {
    Name name = DnsNames.absolute(move.name());
    Optional<ZoneServer> found = zoneOf(name);
    if (found.isEmpty()) {
      return DnsPlan.refused(name.toString(), "", List.of(), noZone(name));
    }
    ZoneServer zone = found.get();
    List<String> notes = new ArrayList<>();
    List<SetMove> sets = new ArrayList<>();
    boolean already = false;
    List<RecordSet> seen = new ArrayList<>();
    try {
      for (boolean v4 : new boolean[] {true, false}) {
        Family family = Family.of(move, v4);
        if (family.olds().isEmpty()) {
          continue;
        }
        RecordSet now = zone.read(name.toString(), family.type());
        seen.add(now);
        List<String> there =
            family.olds().stream().filter(each -> now.values().contains(each)).toList();
        if (!there.isEmpty()) {
          sets.add(family.move(zone, now, there, notes));
        } else if (!family.news().isEmpty() && now.values().containsAll(family.news())) {
          already = true;
        } else {
          notes.add(
              "%s is not in %s, which has %s."
                  .formatted(String.join(", ", family.olds()), plain(name), now));
        }
      }
    } catch (DnsException e) {
      if (e.kind() == Kind.UNREACHABLE || e.kind() == Kind.INTERRUPTED) {
        throw e;
      }
      return DnsPlan.refused(name.toString(), zone.text(), notes, e.sentence());
    }
    if (sets.isEmpty()) {
      return DnsPlan.refused(name.toString(), zone.text(), notes, nothing(name, already, seen));
    }
    addReverse(name, sets, notes);
    return new DnsPlan(name.toString(), zone.text(), sets, notes, null);
  }

  String noZone(Name name) {
    return zones.isEmpty()
        ? "The configuration has no [[dns]] zone, so " + plain(name) + " cannot be updated."
        : "%s is in none of the configured zones (%s); add a [[dns]] table for its zone."
            .formatted(
                plain(name), String.join(", ", zones.stream().map(z -> z.zone().zone()).toList()));
  }

  private static String nothing(Name name, boolean already, List<RecordSet> seen) {
    String has = String.join(", ", seen.stream().map(RecordSet::toString).toList());
    if (already) {
      return "%s has the new address already (%s): there is nothing to move."
          .formatted(plain(name), has);
    }
    return seen.isEmpty()
        ? "The move of " + plain(name) + " has no old address."
        : "None of the old addresses is in the records of %s, which has %s: there is nothing to move."
            .formatted(plain(name), has);
  }

  private static String plain(Name name) {
    return DnsNames.plain(name.toString());
  }

  /** PTR records, where a reverse zone is configured: they follow, but never hold anything up. */
  private void addReverse(Name name, List<SetMove> sets, List<String> notes) throws DnsException {
    for (SetMove forward : List.copyOf(sets)) {
      long ttl = forward.ttl();
      for (String address : forward.removed()) {
        Optional<SetMove> old = reverse(address, name, true, ttl, notes);
        ttl = old.map(SetMove::ttl).orElse(ttl);
        old.ifPresent(sets::add);
      }
      for (String address : forward.added()) {
        reverse(address, name, false, ttl, notes).ifPresent(sets::add);
      }
    }
  }

  /**
   * What becomes of an address's PTR set; empty when nothing does.
   *
   * @param isOld whether the name is taken out, rather than put in
   * @param ttl of a set that is not there yet; reverse records' TTL is not lowered
   */
  private Optional<SetMove> reverse(
      String address, Name name, boolean isOld, long ttl, List<String> notes) throws DnsException {
    Name reverse = ReverseMap.fromAddress(IpAddress.parse(address).toInetAddress());
    Optional<ZoneServer> found = zoneOf(reverse);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    List<String> target = List.of(name.toString().toLowerCase(Locale.ROOT));
    try {
      RecordSet now = found.get().read(reverse.toString(), "PTR");
      if (now.values().containsAll(target) != isOld) {
        return Optional.empty();
      }
      long its = now.isEmpty() ? ttl : now.ttl();
      return Optional.of(
          new SetMove(
              found.get().zone().zone(),
              now.name(),
              "PTR",
              now.values(),
              its,
              its,
              isOld ? target : List.of(),
              isOld ? List.of() : target));
    } catch (DnsException e) {
      if (e.kind() == Kind.INTERRUPTED) {
        throw e;
      }
      notes.add("The PTR record of " + address + " is left alone. " + e.sentence());
      return Optional.empty();
    }
  }

  /** The addresses of one IP version. */
  private record Family(String type, List<String> olds, List<String> news) {

    static Family of(DnsMove move, boolean v4) {
      return new Family(
          v4 ? "A" : "AAAA", texts(move.oldAddresses(), v4), texts(move.newAddresses(), v4));
    }

    private static List<String> texts(List<IpAddress> addresses, boolean v4) {
      return addresses.stream()
          .filter(each -> each.isV4() == v4)
          .map(IpAddress::toString)
          .distinct()
          .toList();
    }

    /** Each old address becomes the new one at the same place; otherwise all become all. */
    SetMove move(ZoneServer zone, RecordSet now, List<String> there, List<String> notes) {
      List<String> wanted = news;
      if (olds.size() == news.size()) {
        wanted = there.stream().map(each -> news.get(olds.indexOf(each))).toList();
      }
      if (news.isEmpty()) {
        notes.add(
            "There is no new address for %s, so %s loses it."
                .formatted(String.join(", ", there), DnsNames.plain(now.name())));
      }
      List<String> stay = wanted.stream().filter(there::contains).toList();
      return new SetMove(
          zone.zone().zone(),
          now.name(),
          type,
          now.values(),
          now.ttl(),
          Math.min(now.ttl(), zone.zone().ttl()),
          there.stream().filter(each -> !stay.contains(each)).toList(),
          wanted.stream().filter(each -> !now.values().contains(each)).toList());
    }
  }
}
