package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Type;

/**
 * The records of one name and type, as text that a journal and a person can read.
 *
 * @param name absolute, with the final dot
 * @param type such as A
 * @param ttl seconds; of no meaning when there are no values
 * @param values the data: addresses in their shortest form, names in lower case; sorted, as the
 *     order that a server gives has no meaning
 */
public record RecordSet(String name, String type, long ttl, List<String> values) {
  public RecordSet {
    values = values.stream().distinct().sorted().toList(); // servers rotate them
  }

  /** The set that the records of this name and type among {@code records} make. */
  static RecordSet of(String name, String type, Collection<Record> records) {
    long ttl = 0;
    List<String> values = new ArrayList<>();
    for (Record each : records) {
      if (each.getType() == Type.value(type) && each.getName().toString().equalsIgnoreCase(name)) {
        ttl = each.getTTL();
        values.add(value(each));
      }
    }
    return new RecordSet(name, type, ttl, values);
  }

  private static String value(Record record) {
    return switch (record) {
      case ARecord a -> IpAddress.of(a.getAddress()).toString();
      case AAAARecord aaaa -> IpAddress.of(aaaa.getAddress()).toString();
      default -> record.rdataToString().toLowerCase(Locale.ROOT);
    };
  }

  public boolean isEmpty() {
    return values.isEmpty();
  }

  /** Whether {@code others} are all in and {@code unwanted} are all out. */
  boolean hasAllAndNone(Collection<String> others, Collection<String> unwanted) {
    return new HashSet<>(values).containsAll(others)
        && values.stream().noneMatch(unwanted::contains);
  }

  boolean sameValues(RecordSet other) {
    return values.equals(other.values);
  }

  /** This set with {@code removed} taken out and {@code added} put in; all others stay. */
  RecordSet replacing(Collection<String> removed, Collection<String> added) {
    List<String> left = new ArrayList<>(values);
    left.removeAll(removed);
    left.addAll(added);
    return new RecordSet(name, type, ttl, left);
  }

  RecordSet withTtl(long seconds) {
    return new RecordSet(name, type, seconds, values);
  }

  /** The set as records of the given TTL: 0 for a prerequisite. */
  List<Record> toRecords(long seconds) throws DnsException {
    List<Record> records = new ArrayList<>();
    for (String value : values) {
      records.add(record(value, seconds));
    }
    return records;
  }

  /** One record of this name and type. */
  Record record(String value, long seconds) throws DnsException {
    try {
      return Record.fromString(
          DnsNames.absolute(name), Type.value(type), DClass.IN, seconds, value, Name.root);
    } catch (IOException e) {
      throw new DnsException(
          Kind.CONFIGURATION, "'" + value + "' is not the data of an " + type + " record.", e);
    }
  }

  /** Such as {@code A 10.1.0.10, 10.1.0.11 (TTL 30)}. */
  @Override
  public String toString() {
    return isEmpty()
        ? "no " + type + " record"
        : type + " " + String.join(", ", values) + " (TTL " + ttl + ")";
  }
}
