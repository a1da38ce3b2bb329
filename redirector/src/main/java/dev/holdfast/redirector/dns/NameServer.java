package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.dns.DnsException.Kind;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * One authoritative server of a zone.
 *
 * @param name as the zone's NS record has it; "configured server" for that one
 * @param addresses any of them will do; the first that answers is asked
 */
record NameServer(String name, List<InetSocketAddress> addresses) {

  static final String CONFIGURED = "the configured server";

  /**
   * A zone's servers.
   *
   * @param servers the configured one first, which is the one that takes updates
   * @param notes sentences about those that could not be found
   */
  record Found(List<NameServer> servers, List<String> notes) {}

  /** Such as {@code ns2.lab.test (10.9.0.54)}. */
  @Override
  public String toString() {
    return name + " (" + addresses.getFirst().getAddress().getHostAddress() + ")";
  }

  /**
   * The servers in the zone's NS set, their addresses asked of the configured server alone: no
   * resolver whose cache might be stale is in this.
   *
   * @param port where servers other than the configured one listen
   */
  static Found of(ZoneServer zone, int port) throws DnsException {
    List<NameServer> servers = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    servers.add(new NameServer(CONFIGURED, List.of(zone.address())));
    Message answer = zone.ask(zone.origin(), Type.NS);
    if (answer.getRcode() == Rcode.SERVFAIL) {
      throw new DnsException(
          Kind.UNREACHABLE,
          "The DNS server %s answers SERVFAIL to a question for the servers of zone %s."
              .formatted(zone.text(), zone.zone().zone()));
    }
    for (Record each : answer.getSection(Section.ANSWER)) {
      if (!(each instanceof NSRecord ns)) {
        continue;
      }
      List<InetSocketAddress> addresses = addresses(zone, answer, ns.getTarget(), port);
      if (addresses.isEmpty()) {
        notes.add(
            "%s has no address at %s, so it is not asked."
                .formatted(DnsNames.plain(ns.getTarget().toString()), zone.text()));
      } else if (addresses.stream()
          .noneMatch(a -> a.getAddress().equals(zone.address().getAddress()))) {
        servers.add(
            new NameServer(
                DnsNames.plain(ns.getTarget().toString().toLowerCase(Locale.ROOT)), addresses));
      }
    }
    return new Found(List.copyOf(servers), List.copyOf(notes));
  }

  private static List<InetSocketAddress> addresses(
      ZoneServer zone, Message answer, Name target, int port) throws DnsException {
    Set<InetSocketAddress> addresses = new LinkedHashSet<>();
    collect(answer.getSection(Section.ADDITIONAL), target, port, addresses);
    if (addresses.isEmpty()) {
      for (int type : new int[] {Type.A, Type.AAAA}) {
        collect(zone.ask(target, type).getSection(Section.ANSWER), target, port, addresses);
      }
    }
    return List.copyOf(addresses);
  }

  private static void collect(
      List<Record> records, Name target, int port, Set<InetSocketAddress> into) {
    for (Record each : records) {
      if (!each.getName().equals(target)) {
        continue;
      }
      if (each instanceof ARecord a) {
        into.add(new InetSocketAddress(a.getAddress(), port));
      } else if (each instanceof AAAARecord aaaa) {
        into.add(new InetSocketAddress(aaaa.getAddress(), port));
      }
    }
  }
}
