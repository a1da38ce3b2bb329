package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.redirector.dns.ZoneServer.Swap;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.xbill.DNS.Name;

/**
 * Reads the sets of a move as they are and swaps them for what they are to become, in one message
 * for each zone.
 */
final class SetSwap {
  private SetSwap() {}

  /** What a set that was read just now becomes. */
  @FunctionalInterface
  interface Becomes {
    RecordSet of(SetMove set, RecordSet now) throws DnsException;
  }

  /** The new address in, the old one out. */
  static RecordSet moved(SetMove set, RecordSet now) throws DnsException {
    if (!set.isDoneIn(now) && !now.values().containsAll(set.removed())) {
      throw changed(set, now);
    }
    return set.doneTo(now);
  }

  /** The old address back in, the new one out. */
  static RecordSet undone(SetMove set, RecordSet now) throws DnsException {
    if (now.hasAllAndNone(set.removed(), set.added())) {
      return set.withTtlBack(now);
    }
    if (!now.values().containsAll(set.added())) {
      throw changed(set, now);
    }
    return set.undoneTo(now);
  }

  private static DnsException changed(SetMove set, RecordSet now) {
    return new DnsException(
        Kind.CONFLICT,
        "Somebody else has changed %s: it was %s, and is %s now; nothing was changed."
            .formatted(
                DnsNames.plain(set.name()),
                set.type() + " " + String.join(", ", set.before()),
                now));
  }

  /**
   * Swaps the guest's own sets, or the reverse ones.
   *
   * @throws DnsException of the first zone with trouble; the ones before it are done
   */
  static void all(DnsUpdater dns, List<SetMove> sets, boolean reverse, Becomes becomes)
      throws DnsException {
    for (Map.Entry<ZoneServer, List<SetMove>> each : byZone(dns, sets, reverse).entrySet()) {
      List<Swap> swaps = new ArrayList<>();
      for (SetMove set : each.getValue()) {
        RecordSet now = each.getKey().read(set.name(), set.type());
        swaps.add(new Swap(now, becomes.of(set, now)));
      }
      each.getKey().swap(swaps);
    }
  }

  /**
   * Finds out whether the key may change the guest's own sets, or the reverse ones; changes
   * nothing.
   *
   * @throws DnsException of the first zone that would not take it
   */
  static void rehearse(DnsUpdater dns, List<SetMove> sets, boolean reverse) throws DnsException {
    for (Map.Entry<ZoneServer, List<SetMove>> each : byZone(dns, sets, reverse).entrySet()) {
      each.getKey()
          .rehearse(
              each.getValue().stream()
                  .map(set -> new RecordSet(set.name(), set.type(), set.ttl(), set.before()))
                  .toList());
    }
  }

  /** The guest's own sets, or the reverse ones, by the zone that they are in. */
  static Map<ZoneServer, List<SetMove>> byZone(DnsUpdater dns, List<SetMove> sets, boolean reverse)
      throws DnsException {
    Map<ZoneServer, List<SetMove>> zones = new LinkedHashMap<>();
    for (SetMove set : sets) {
      if (set.isReverse() == reverse) {
        zones.computeIfAbsent(zoneOf(dns, set), key -> new ArrayList<>()).add(set);
      }
    }
    return zones;
  }

  private static ZoneServer zoneOf(DnsUpdater dns, SetMove set) throws DnsException {
    Name name = DnsNames.absolute(set.zone());
    return dns.zones().stream()
        .filter(each -> each.origin().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new DnsException(
                Kind.CONFIGURATION,
                "Zone %s of the migration is no longer in the configuration."
                    .formatted(set.zone())));
  }
}
