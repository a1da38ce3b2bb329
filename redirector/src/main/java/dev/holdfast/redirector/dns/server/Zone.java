package dev.holdfast.redirector.dns.server;

import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.redirector.dns.DnsNames;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Master;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Type;

/** The records of one zone at one moment: an immutable value. */
public final class Zone {
  private final Name origin;
  private final SOARecord soa;

  /** Name to type to the records of that set; no empty inner map or list. */
  private final NavigableMap<Name, Map<Integer, List<Record>>> nodes;

  private Zone(Name origin, SOARecord soa, NavigableMap<Name, Map<Integer, List<Record>>> nodes) {
    this.origin = origin;
    this.soa = soa;
    this.nodes = nodes;
  }

  /**
   * Reads a zone in master-file format (RFC 1035 section 5).
   *
   * @param origin the zone's name
   * @param text the records; relative names are below {@code origin}
   * @throws DnsException when the text is malformed, has no SOA or NS at the origin, or has a name
   *     outside of the zone
   */
  public static Zone parse(String origin, String text) throws DnsException {
    Name name = DnsNames.absolute(origin);
    List<Record> records = new ArrayList<>();
    try (Master master =
        new Master(new ByteArrayInputStream(text.getBytes(StandardCharsets.US_ASCII)), name)) {
      master.disableIncludes();
      for (Record next = master.nextRecord(); next != null; next = master.nextRecord()) {
        records.add(next);
      }
    } catch (IOException e) {
      throw new DnsException(
          Kind.CONFIGURATION, "Zone " + name + " cannot be read: " + e.getMessage(), e);
    }
    return of(name, records);
  }

  /**
   * A zone of these records; where the TTLs of one set differ, the first counts (RFC 2181 section
   * 5.2).
   */
  static Zone of(Name origin, Iterable<Record> records) throws DnsException {
    NavigableMap<Name, Map<Integer, List<Record>>> nodes = new TreeMap<>();
    for (Record record : records) {
      if (!record.getName().subdomain(origin)) {
        throw new DnsException(
            Kind.CONFIGURATION, record.getName() + " is not within zone " + origin + ".");
      }
      List<Record> set =
          nodes
              .computeIfAbsent(record.getName(), key -> new TreeMap<>())
              .computeIfAbsent(record.getType(), key -> new ArrayList<>());
      if (!set.contains(record)) {
        set.add(set.isEmpty() ? record : withTtl(record, set.getFirst().getTTL()));
      }
    }
    Map<Integer, List<Record>> apex = nodes.getOrDefault(origin, Map.of());
    if (!(first(apex.get(Type.SOA)) instanceof SOARecord soa) || apex.get(Type.NS) == null) {
      throw new DnsException(
          Kind.CONFIGURATION, "Zone " + origin + " needs a SOA and an NS record at its top.");
    }
    return new Zone(origin, soa, nodes);
  }

  /** The same record with another TTL, in class IN. */
  static Record withTtl(Record record, long ttl) {
    return Record.newRecord(
        record.getName(), record.getType(), DClass.IN, ttl, record.rdataToWireCanonical());
  }

  Name origin() {
    return origin;
  }

  SOARecord soa() {
    return soa;
  }

  /** The zone's serial, which each update that changes something increments. */
  public long serial() {
    return soa.getSerial();
  }

  /** Whether the name has any record. */
  boolean isInUse(Name name) {
    return nodes.containsKey(name);
  }

  /** Whether the name exists: it has records, or a name below it has (RFC 4592 section 2.2.2). */
  boolean exists(Name name) {
    return isInUse(name)
        || nodes.tailMap(name, false).keySet().stream().anyMatch(each -> each.subdomain(name));
  }

  /** The sets of a name by type; empty when it has none. */
  Map<Integer, List<Record>> node(Name name) {
    return nodes.getOrDefault(name, Map.of());
  }

  /** The set; empty when there is none. */
  List<Record> set(Name name, int type) {
    return node(name).getOrDefault(type, List.of());
  }

  /** Every record, the origin's first. */
  List<Record> records() {
    return nodes.values().stream()
        .flatMap(node -> node.values().stream())
        .flatMap(List::stream)
        .toList();
  }

  /** Every record as {@code NAME TTL TYPE DATA}, sorted, for people and comparisons. */
  public List<String> lines() {
    return records().stream().map(Zone::line).sorted().toList();
  }

  /** What a name has of one type, such as {@code "A"}: the data alone, sorted. */
  public List<String> values(String name, String type) throws DnsException {
    return set(DnsNames.absolute(name), Type.value(type)).stream()
        .map(Record::rdataToString)
        .sorted()
        .toList();
  }

  /** The TTL of a set, or -1 when there is none. */
  public long ttl(String name, String type) throws DnsException {
    Record record = first(set(DnsNames.absolute(name), Type.value(type)));
    return record == null ? -1 : record.getTTL();
  }

  private static String line(Record record) {
    return record.getName()
        + " "
        + record.getTTL()
        + " "
        + Type.string(record.getType())
        + " "
        + record.rdataToString();
  }

  private static @Nullable Record first(@Nullable List<Record> set) {
    return set == null || set.isEmpty() ? null : set.getFirst();
  }
}
