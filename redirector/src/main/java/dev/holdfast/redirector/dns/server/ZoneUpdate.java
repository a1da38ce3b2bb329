package dev.holdfast.redirector.dns.server;

import dev.holdfast.redirector.dns.DnsException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * What a dynamic update makes of a zone. Read RFC 2136 section 3 first: the methods have its order
 * and its rules.
 */
final class ZoneUpdate {
  /** Types that are questions, never data (RFC 6895 section 3.1: 128 to 255). */
  private static final int FIRST_META = 128;

  private static final int LAST_META = 255;

  private final Zone zone;
  private final List<Record> records;
  private boolean changed;

  private ZoneUpdate(Zone zone) {
    this.zone = zone;
    this.records = new ArrayList<>(zone.records());
  }

  /**
   * The outcome.
   *
   * @param rcode what to answer
   * @param zone the zone from now on; the same object when nothing has changed
   */
  record Outcome(int rcode, Zone zone) {}

  /** Section 3.1: whether the message is about this zone. */
  static int checkZone(Zone zone, Message message) {
    List<Record> section = message.getSection(Section.ZONE);
    if (section.size() != 1 || section.getFirst().getType() != Type.SOA) {
      return Rcode.FORMERR;
    }
    Record asked = section.getFirst();
    return asked.getName().equals(zone.origin()) && asked.getDClass() == DClass.IN
        ? Rcode.NOERROR
        : Rcode.NOTAUTH;
  }

  /** Sections 3.2 and 3.4 in their order; permission (3.3) is the caller's. */
  static Outcome apply(Zone zone, Message message) {
    int rcode = checkPrerequisites(zone, message.getSection(Section.PREREQ));
    if (rcode == Rcode.NOERROR) {
      rcode = prescan(zone, message.getSection(Section.UPDATE));
    }
    if (rcode != Rcode.NOERROR) {
      return new Outcome(rcode, zone);
    }
    ZoneUpdate update = new ZoneUpdate(zone);
    message.getSection(Section.UPDATE).forEach(update::applyOne);
    try {
      return new Outcome(Rcode.NOERROR, update.result());
    } catch (DnsException e) {
      return new Outcome(Rcode.SERVFAIL, zone); // the rules keep SOA and NS: not reached
    }
  }

  /** Section 3.2. */
  private static int checkPrerequisites(Zone zone, List<Record> prerequisites) {
    Map<Name, Map<Integer, List<Record>>> wholeSets = new LinkedHashMap<>();
    for (Record each : prerequisites) {
      if (each.getTTL() != 0) {
        return Rcode.FORMERR;
      }
      if (!each.getName().subdomain(zone.origin())) {
        return Rcode.NOTZONE;
      }
      int rcode =
          switch (each.getDClass()) {
            case DClass.ANY -> mustExist(zone, each);
            case DClass.NONE -> mustNotExist(zone, each);
            case DClass.IN -> isEmpty(each) ? Rcode.FORMERR : Rcode.NOERROR;
            default -> Rcode.FORMERR;
          };
      if (rcode != Rcode.NOERROR) {
        return rcode;
      }
      if (each.getDClass() == DClass.IN) {
        wholeSets
            .computeIfAbsent(each.getName(), key -> new LinkedHashMap<>())
            .computeIfAbsent(each.getType(), key -> new ArrayList<>())
            .add(each);
      }
    }
    for (Map.Entry<Name, Map<Integer, List<Record>>> node : wholeSets.entrySet()) {
      for (Map.Entry<Integer, List<Record>> set : node.getValue().entrySet()) {
        // a record's equality leaves the TTL out, as section 1.1.1 wants
        if (!new HashSet<>(set.getValue())
            .equals(new HashSet<>(zone.set(node.getKey(), set.getKey())))) {
          return Rcode.NXRRSET;
        }
      }
    }
    return Rcode.NOERROR;
  }

  private static int mustExist(Zone zone, Record each) {
    if (!isEmpty(each)) {
      return Rcode.FORMERR;
    }
    if (each.getType() == Type.ANY) {
      return zone.isInUse(each.getName()) ? Rcode.NOERROR : Rcode.NXDOMAIN;
    }
    return zone.set(each.getName(), each.getType()).isEmpty() ? Rcode.NXRRSET : Rcode.NOERROR;
  }

  private static int mustNotExist(Zone zone, Record each) {
    if (!isEmpty(each)) {
      return Rcode.FORMERR;
    }
    if (each.getType() == Type.ANY) {
      return zone.isInUse(each.getName()) ? Rcode.YXDOMAIN : Rcode.NOERROR;
    }
    return zone.set(each.getName(), each.getType()).isEmpty() ? Rcode.NOERROR : Rcode.YXRRSET;
  }

  /** Section 3.4.1: all of it is well formed before any of it is done. */
  private static int prescan(Zone zone, List<Record> updates) {
    for (Record each : updates) {
      if (!each.getName().subdomain(zone.origin())) {
        return Rcode.NOTZONE;
      }
      boolean meta = each.getType() >= FIRST_META && each.getType() <= LAST_META;
      boolean wellFormed =
          switch (each.getDClass()) {
            case DClass.IN -> !meta && !isEmpty(each);
            case DClass.ANY ->
                each.getTTL() == 0 && isEmpty(each) && (!meta || each.getType() == Type.ANY);
            case DClass.NONE -> each.getTTL() == 0 && !meta;
            default -> false;
          };
      if (!wellFormed) {
        return Rcode.FORMERR;
      }
    }
    return Rcode.NOERROR;
  }

  /** Section 3.4.2. */
  private void applyOne(Record each) {
    switch (each.getDClass()) {
      case DClass.IN -> add(each);
      case DClass.ANY -> deleteSets(each);
      default -> deleteOne(each);
    }
  }

  /** Section 3.4.2.2. */
  private void add(Record each) {
    boolean isAlias = each.getType() == Type.CNAME;
    for (Record other : records) {
      boolean otherIsAlias = other.getType() == Type.CNAME;
      if (other.getName().equals(each.getName()) && isAlias != otherIsAlias) {
        return; // an alias stands alone; the update that would change this is ignored
      }
    }
    if (each.getType() == Type.SOA) {
      replaceSoa(each);
      return;
    }
    if (isAlias) {
      records.removeIf(other -> isOfSet(other, each));
    }
    int at = records.indexOf(each);
    if (at >= 0 && records.get(at).getTTL() == each.getTTL()) {
      return;
    }
    changed = true;
    if (at >= 0) {
      records.remove(at);
    }
    // the TTL of a set is one (RFC 2181 section 5.2), so the newest record's becomes that of all
    records.replaceAll(other -> isOfSet(other, each) ? Zone.withTtl(other, each.getTTL()) : other);
    records.add(each);
  }

  private void replaceSoa(Record each) {
    SOARecord old = soa();
    if (each instanceof SOARecord fresh
        && old != null
        && each.getName().equals(zone.origin())
        && Integer.compare((int) fresh.getSerial() - (int) old.getSerial(), 0) > 0) {
      records.remove(old);
      records.add(fresh);
      changed = true;
    }
  }

  /** Section 3.4.2.3: a set, or all sets of a name; SOA and NS of the top stay. */
  private void deleteSets(Record each) {
    boolean atTop = each.getName().equals(zone.origin());
    changed |=
        records.removeIf(other ->
            other.getName().equals(each.getName())
                && (each.getType() == Type.ANY || other.getType() == each.getType())
                && !(atTop && (other.getType() == Type.SOA || other.getType() == Type.NS)));
  }

  /** Section 3.4.2.4: one record; never the SOA, nor the top's last NS. */
  private void deleteOne(Record each) {
    boolean topNs = each.getType() == Type.NS && each.getName().equals(zone.origin());
    if (each.getType() == Type.SOA
        || (topNs && records.stream().filter(other -> isOfSet(other, each)).count() < 2)) {
      return;
    }
    byte[] data = each.rdataToWireCanonical();
    changed |=
        records.removeIf(other ->
            isOfSet(other, each) && java.util.Arrays.equals(other.rdataToWireCanonical(), data));
  }

  /** Section 3.6: a changed zone has a higher serial. */
  private Zone result() throws DnsException {
    if (!changed) {
      return zone;
    }
    SOARecord old = soa();
    if (old != null && old.getSerial() == zone.serial()) {
      records.remove(old);
      records.add(
          new SOARecord(
              old.getName(),
              DClass.IN,
              old.getTTL(),
              old.getHost(),
              old.getAdmin(),
              nextSerial(old.getSerial()),
              old.getRefresh(),
              old.getRetry(),
              old.getExpire(),
              old.getMinimum()));
    }
    return Zone.of(zone.origin(), records);
  }

  private @Nullable SOARecord soa() {
    for (Record each : records) {
      if (each instanceof SOARecord soa) {
        return soa;
      }
    }
    return null;
  }

  /** Zero is skipped: some secondaries take it for "no serial" (RFC 2136 section 7.11). */
  private static long nextSerial(long serial) {
    long next = serial + 1 & 0xffff_ffffL;
    return next == 0 ? 1 : next;
  }

  private static boolean isOfSet(Record record, Record of) {
    return record.getName().equals(of.getName()) && record.getType() == of.getType();
  }

  private static boolean isEmpty(Record record) {
    return record.rdataToWireCanonical().length == 0;
  }
}
