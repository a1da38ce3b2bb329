package dev.holdfast.redirector.capturediff;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Fields that do not count, by their name or as a group.
 *
 * <p>MAC addresses and VLAN tags ({@code mac}) are ignored from the start: who compares what went
 * in with what came out has other ones there.
 */
public final class IgnoredFields {
  /** Not a field: packets of one flow and direction stand in another order. */
  static final String ORDER = "order";

  private static final String MAC = "mac";
  private static final Map<String, List<String>> GROUPS =
      Map.of(
          "ttl",
          List.of("ip.ttl", "ipv6.hlim"),
          "id",
          List.of("ip.id"),
          "checksum",
          List.of(
              "ip.checksum.status",
              "tcp.checksum.status",
              "udp.checksum.status",
              "icmp.checksum.status",
              "icmpv6.checksum.status"),
          MAC,
          List.of("eth.dst", "eth.src", "vlan.id", "vlan.priority"),
          "dscp",
          List.of("ip.dsfield", "ipv6.tclass"),
          "payload",
          List.of("tcp.payload", "udp.payload", "data.data"),
          ORDER,
          List.of(ORDER));

  private final Set<String> names = new HashSet<>(GROUPS.get(MAC));

  /** With nothing ignored but what is so from the start. */
  public IgnoredFields() {}

  /**
   * Ignores a field or a group as well.
   *
   * @throws IllegalArgumentException with a sentence that names the groups
   */
  public void add(String name) {
    names.addAll(members(name));
  }

  /**
   * Lets a field or a group count.
   *
   * @throws IllegalArgumentException with a sentence that names the groups
   */
  public void remove(String name) {
    names.removeAll(members(name));
  }

  private static List<String> members(String name) {
    List<String> members = GROUPS.get(name);
    if (members != null) {
      return members;
    }
    if (PacketFields.NAMES.contains(name)) {
      return List.of(name);
    }
    throw new IllegalArgumentException(
        "'%s' is neither a field that is compared nor one of %s"
            .formatted(name, String.join(", ", new TreeSet<>(GROUPS.keySet()))));
  }

  boolean has(String name) {
    return names.contains(name);
  }

  /** In alphabetical order. */
  public List<String> names() {
    return new ArrayList<>(new TreeSet<>(names));
  }
}
