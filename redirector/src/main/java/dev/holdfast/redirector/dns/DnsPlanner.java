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

  /**
   * PTR records, where a reverse zone is configured: they follow, but never hold anything up. Where
   * an old address is another name's in there, that other name is its new address's too.
   */
  private void addReverse(Name name, List<SetMove> sets, List<String> notes) throws DnsException {
    for (SetMove forward : List.copyOf(sets)) {
      long ttl = forward.ttl();
      boolean isAnothers = false;
      for (String address : forward.removed()) {
        Optional<Reverse> old = reverse(address, name, notes);
        if (old.isPresent() && old.get().isNamed()) {
          ttl = old.get().now().ttl();
          sets.add(old.get().without());
        } else if (old.isPresent() && !old.get().now().isEmpty()) {
          isAnothers = true;
          notes.add(
              "The PTR record of %s is left alone: it is %s."
                  .formatted(address, DnsNames.plain(String.join(", ", old.get().now().values()))));
        }
      }
      for (String address : isAnothers ? List.<String>of() : forward.added()) {
        Optional<Reverse> fresh = reverse(address, name, notes);
        if (fresh.isPresent() && !fresh.get().isNamed()) {
          sets.add(fresh.get().with(ttl));
        }
      }
    }
  }

  /**
   * An address's PTR set; its TTL is not lowered.
   *
   * @param target the guest's name
   */
  private record Reverse(ZoneServer zone, RecordSet now, String target) {
    boolean isNamed() {
      return now.values().contains(target);
    }

    SetMove without() {
      return move(now.ttl(), List.of(target), List.of());
    }

    /**
     * @param ttl of a set that is not there yet
     */
    SetMove with(long ttl) {
      return move(now.isEmpty() ? ttl : now.ttl(), List.of(), List.of(target));
    }

    private SetMove move(long ttl, List<String> removed, List<String> added) {
      return new SetMove(
          zone.zone().zone(), now.name(), "PTR", now.values(), ttl, ttl, removed, added);
    }
  }

  /** Empty where no zone is configured for it, or its server cannot be asked. */
  private Optional<Reverse> reverse(String address, Name name, List<String> notes)
      throws DnsException {
    Name reverse = ReverseMap.fromAddress(IpAddress.parse(address).toInetAddress());
    Optional<ZoneServer> found = zoneOf(reverse);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new Reverse(
              found.get(),
              found.get().read(reverse.toString(), "PTR"),
              name.toString().toLowerCase(Locale.ROOT)));
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
