package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What all migrations of one interface want of it, as one expression of pcap-filter(7), and as a
 * question about a frame that came another way.
 *
 * <p>Frames with a VLAN tag pass like others. Broadcasts and multicasts never do, nor what is not
 * IP, but for ARP to an old address: answers to our own questions.
 */
final class CaptureFilter {
  private static final long GROUP = 1L << 40; // of a MAC's 48 bits

  /**
   * @param to the frame's destination; null for any
   * @param from the frame's source; null for any
   * @param isAnswer {@code olds} are sources of packets, else their destinations
   */
  private record Term(
      @Nullable MacAddress to, @Nullable MacAddress from, List<IpAddress> olds, boolean isAnswer) {

    String expression() {
      List<String> parts = new ArrayList<>();
      String side = isAnswer ? "src " : "dst ";
      for (IpAddress old : olds) {
        parts.add((old.isV4() ? "ip " : "ip6 ") + side + old);
        if (old.isV4() && !isAnswer) {
          parts.add("arp dst " + old);
        }
      }
      String any = String.join(" or ", parts);
      if (to != null) {
        return "ether dst " + to + " and (" + any + ")";
      }
      return from != null ? "ether src " + from + " and (" + any + ")" : any;
    }

    boolean wants(long toMac, long fromMac, PacketView view) {
      if ((to != null && to.bits() != toMac) || (from != null && from.bits() != fromMac)) {
        return false;
      }
      for (IpAddress old : olds) {
        if (isAnswer ? view.isFrom(old) : view.isTo(old)) {
          return true;
        }
      }
      return false;
    }
  }

  private final Map<String, Term> terms = new LinkedHashMap<>();

  /** The same, never changed: for whoever asks while others change it. */
  private volatile List<Term> wanted = List.of();

  /** At the old host: whatever is for {@code olds}, whatever its MAC. */
  void capture(String migration, List<IpAddress> olds) {
    terms.put(migration, new Term(null, null, List.copyOf(olds), false));
  }

  /** At the old host, after a rollback: what neighbours send to {@code own} who believe still. */
  void captureStrays(String migration, List<IpAddress> olds, MacAddress own) {
    terms.put(migration, new Term(own, null, List.copyOf(olds), false));
  }

  /** At the new host: whatever {@code guest} sends from {@code olds}, whatever its MAC. */
  void answers(String migration, List<IpAddress> olds, MacAddress guest) {
    terms.put(migration, new Term(null, guest, List.copyOf(olds), true));
  }

  void nothing(String migration) {
    terms.remove(migration);
  }

  /** {@link #wants} answers by what was said until now. */
  void publish() {
    wanted = List.copyOf(terms.values());
  }

  /**
   * Whether the frame is one of those that were wanted when {@link #publish} was called. Any
   * thread.
   *
   * @param toMac its destination, in the low 48 bits
   * @param fromMac its source
   */
  boolean wants(long toMac, long fromMac, PacketView view) {
    if ((toMac & GROUP) != 0) {
      return false;
    }
    for (Term term : wanted) {
      if (term.wants(toMac, fromMac, view)) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String toString() {
    if (terms.isEmpty()) {
      return FrameTap.NOTHING;
    }
    List<String> each = terms.values().stream().map(Term::expression).toList();
    String any = "not ether multicast and ((" + String.join(") or (", each) + "))";
    return "(" + any + ") or (vlan and (" + any + "))"; // "vlan" moves what is right of it
  }
}
