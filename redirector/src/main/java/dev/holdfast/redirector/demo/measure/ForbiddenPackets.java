package dev.holdfast.redirector.demo.measure;

import dev.holdfast.redirector.demo.lab.Namespace;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Collects what must never be seen from arm to teardown: TCP resets, and ICMP errors that say
 * unreachable or time exceeded. Packet-Too-Big is allowed.
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

  private final List<String> seen = new ArrayList<>();

  /** Watches an interface until the tap is closed. */
  public Tap watch(Namespace where, String device, @Nullable Path keep) throws Exception {
    return Tap.open(
        where, device, FILTER, keep, (epochNanos, headers) -> add(where, epochNanos, headers));
  }

  private synchronized void add(Namespace where, long epochNanos, byte[] headers) {
    seen.add(describe(where.name(), epochNanos, headers));
  }

  private static String describe(String where, long epochNanos, byte[] headers) {
    TcpHeader tcp = TcpHeader.of(headers);
    String what =
        tcp == null
            ? "ICMP error"
            : "RST %s:%d > %s:%d"
                .formatted(
                    tcp.source(), tcp.sourcePort(), tcp.destination(), tcp.destinationPort());
    return "%s at %s (%d.%09d)"
        .formatted(what, where, epochNanos / 1_000_000_000L, epochNanos % 1_000_000_000L);
  }

  /** One line for each packet, in the order in which they were read. */
  public synchronized List<String> seen() {
    return List.copyOf(seen);
  }
}
