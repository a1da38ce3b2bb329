package dev.holdfast.redirector.demo.measure;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Collects what must never be seen from arm to teardown: TCP resets of whomever, and ICMP errors
 * about the guest that say unreachable or time exceeded. Packet-Too-Big is allowed.
 *
 * <p>One reset is nobody's fault: a kernel that has closed a connection in good order, both ways,
 * answers a late duplicate with it. Where a round trip takes longer than the sender expects, it
 * sends its FIN again (a tail loss probe, RFC 8985 section 7); both are acknowledged; the first
 * acknowledgment closes the connection (RFC 9293 section 3.6), and the second finds none (section
 * 3.10.7.1). It is known by having been seen where its sender is, once the connection was to end.
 *
 * <p>Thread-safe: several taps feed one collection.
 */
public final class ForbiddenPackets {
  /**
   * libpcap cannot look behind IPv6 headers by name: 53 is the TCP flags' offset, 40 the type's.
   */
  private static final String FILTER =
      "(tcp[tcpflags] & tcp-rst != 0)"
          + " or (icmp[icmptype] == 11) or (icmp[icmptype] == 3 and icmp[icmpcode] != 4)"
          + " or (ip6[6] == 6 and ip6[53] & 4 != 0)"
          + " or (ip6[6] == 58 and (ip6[40] == 1 or ip6[40] == 3))";

  /**
   * One that was seen.
   *
   * @param atSender whether the tap is on the sender's own machine
   * @param reset null: it is an ICMP error
   */
  private record Seen(
      String where, boolean atSender, long epochNanos, @Nullable TcpHeader reset, String what) {

    String line() {
      return "%s at %s (%d.%09d)"
          .formatted(what, where, epochNanos / 1_000_000_000L, epochNanos % 1_000_000_000L);
    }
  }

  private final Set<IpAddress> guest;
  private final List<Seen> seen = new ArrayList<>();

  /**
   * An empty collection.
   *
   * @param guest the guest's addresses that count
   */
  public ForbiddenPackets(IpAddress... guest) {
    this.guest = Set.of(guest);
  }

  /**
   * Watches an interface until the tap is closed.
   *
   * @param own the machine's address, for the ends of connections; null for what is between them
   */
  public Tap watch(Namespace where, String device, @Nullable IpAddress own, @Nullable Path keep)
      throws Exception {
    return watchEnd(where, device, own == null ? Set.of() : Set.of(own), keep);
  }

  /** The same at a machine with several addresses: one tap is enough for all of them. */
  public Tap watchEnd(Namespace where, String device, Set<IpAddress> own, @Nullable Path keep)
      throws Exception {
    return Tap.open(
        where, device, FILTER, keep, (epochNanos, headers) -> add(where, own, epochNanos, headers));
  }

  private void add(Namespace where, Set<IpAddress> own, long epochNanos, byte[] headers) {
    TcpHeader reset = TcpHeader.of(headers);
    if (reset != null) {
      add(where.name(), own, epochNanos, reset);
      return;
    }
    IcmpError error = IcmpError.of(headers);
    if (error == null || guest.stream().anyMatch(error::isAbout)) {
      add(new Seen(where.name(), false, epochNanos, null, String.valueOf(error)));
    }
  }

  void add(String where, Set<IpAddress> own, long epochNanos, TcpHeader reset) {
    String what =
        "RST %s:%d > %s:%d"
            .formatted(
                reset.source(), reset.sourcePort(), reset.destination(), reset.destinationPort());
    add(new Seen(where, own.contains(reset.source()), epochNanos, reset, what));
  }

  private synchronized void add(Seen one) {
    seen.add(one);
  }

  /** One line for each packet, in the order in which they were read. */
  public List<String> seen() {
    return seen(Set.of(), Long.MAX_VALUE);
  }

  /**
   * Like {@link #seen()}, without resets that a kernel sent for connections that it had closed.
   *
   * @param closed connections of the guest that came to their end in good order, by the peer's port
   * @param since not before this were they told to: wall clock, nanoseconds since the epoch
   */
  public synchronized List<String> seen(Set<Integer> closed, long since) {
    Set<TcpHeader> late =
        seen.stream()
            .filter(each -> each.atSender() && each.epochNanos() >= since)
            .map(Seen::reset)
            .filter(reset -> reset != null && closed.contains(peerPort(reset)))
            .collect(Collectors.toSet());
    return seen.stream().filter(each -> !late.contains(each.reset())).map(Seen::line).toList();
  }

  /** The port of the guest's peer; -1 when it is not about the guest. */
  private int peerPort(TcpHeader header) {
    return guest.contains(header.source())
        ? header.destinationPort()
        : guest.contains(header.destination()) ? header.sourcePort() : -1;
  }
}
