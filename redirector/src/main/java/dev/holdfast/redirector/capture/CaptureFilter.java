package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What all migrations of one interface want of it, as one expression of pcap-filter(7).
 *
 * <p>Frames with a VLAN tag pass like others. Broadcasts and multicasts never do, nor what is not
 * IP, but for ARP to an old address: answers to our own questions.
 */
final class CaptureFilter {
  private final Map<String, String> terms = new LinkedHashMap<>();

  /** At the old host: whatever is for {@code olds}, whatever its MAC. */
  void capture(String migration, List<IpAddress> olds) {
    List<String> parts = new ArrayList<>();
    for (IpAddress old : olds) {
      parts.add(old.isV4() ? "ip dst " + old + " or arp dst " + old : "ip6 dst " + old);
    }
    terms.put(migration, String.join(" or ", parts));
  }

  /** At the old host, after a rollback: what neighbours send to {@code own} who believe still. */
  void captureStrays(String migration, List<IpAddress> olds, MacAddress own) {
    capture(migration, olds);
    terms.computeIfPresent(migration, (id, term) -> "ether dst " + own + " and (" + term + ")");
  }

  /** At the new host: whatever {@code guest} sends from {@code olds}, whatever its MAC. */
  void answers(String migration, List<IpAddress> olds, MacAddress guest) {
    List<String> parts = new ArrayList<>();
    for (IpAddress old : olds) {
      parts.add((old.isV4() ? "ip src " : "ip6 src ") + old);
    }
    terms.put(migration, "ether src " + guest + " and (" + String.join(" or ", parts) + ")");
  }

  void nothing(String migration) {
    terms.remove(migration);
  }

  @Override
  public String toString() {
    if (terms.isEmpty()) {
      return FrameTap.NOTHING;
    }
    String any = "not ether multicast and ((" + String.join(") or (", terms.values()) + "))";
    return "(" + any + ") or (vlan and (" + any + "))"; // "vlan" moves what is right of it
  }
}
