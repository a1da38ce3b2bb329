package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.tunnel.packet.IpAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Name;
import org.xbill.DNS.ReverseMap;

/** Shows what each authoritative server gives for a name: {@code holdfast dns show}. */
public final class DnsLookup {
  private static final List<String> FORWARD = List.of("A", "AAAA");
  private static final List<String> REVERSE = List.of("PTR");

  private final DnsUpdater dns;

  public DnsLookup(DnsUpdater dns) {
    this.dns = dns;
  }

  /**
   * A name and its records.
   *
   * @param zone the configured zone that it is in
   * @param servers the configured one first
   * @param notes sentences about servers that could not be found
   */
  public record Shown(String name, String zone, List<Server> servers, List<String> notes) {}

  /**
   * What one server gives.
   *
   * @param records without sets that are empty
   * @param problem why there is no answer; null when there is one
   */
  public record Server(
      String name, String address, List<RecordSet> records, @Nullable String problem) {}

  /**
   * Asks all of them, one after the other.
   *
   * @param text a name, or an address, of which the PTR records are shown
   * @throws DnsException when no configured zone fits, or the configured server cannot be asked
   */
  public Shown show(String text) throws DnsException {
    boolean isAddress = isAddress(text);
    Name name =
        isAddress
            ? ReverseMap.fromAddress(IpAddress.parse(text).toInetAddress())
            : DnsNames.absolute(text);
    ZoneServer zone =
        dns.planner()
            .zoneOf(name)
            .orElseThrow(() -> new DnsException(Kind.CONFIGURATION, dns.planner().noZone(name)));
    NameServer.Found found = NameServer.of(zone, dns.timing().nameServerPort());
    List<Server> servers = new ArrayList<>();
    for (NameServer server : found.servers()) {
      servers.add(ask(zone, server, name.toString(), isAddress ? REVERSE : FORWARD));
    }
    return new Shown(name.toString(), zone.zone().zone(), servers, found.notes());
  }

  private static boolean isAddress(String text) {
    try {
      IpAddress unused = IpAddress.parse(text);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private Server ask(ZoneServer zone, NameServer server, String name, List<String> types)
      throws DnsException {
    String problem = null;
    for (InetSocketAddress address : server.addresses()) {
      try {
        List<RecordSet> records = new ArrayList<>();
        for (String type : types) {
          RecordSet set = zone.read(address, name, type, dns.timing().poll());
          if (!set.isEmpty()) {
            records.add(set);
          }
        }
        return new Server(server.name(), DnsClient.text(address), records, null);
      } catch (DnsException e) {
        if (e.kind() == Kind.INTERRUPTED) {
          throw e;
        }
        problem = e.sentence();
      }
    }
    return new Server(
        server.name(), DnsClient.text(server.addresses().getFirst()), List.of(), problem);
  }
}
