package dev.holdfast.golden;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;

/**
 * A capture file, read whole.
 *
 * @param description the format, as the reader names it
 */
record Capture(String description, List<SeenPacket> packets, List<SeenConnection> connections) {

  /**
   * Reads a file.
   *
   * @throws AssertionError where the reader has found a fault, or time runs backwards
   */
  static Capture of(Path file) throws IOException {
    List<SeenPacket> packets = new ArrayList<>();
    try (CaptureReader reader = CaptureReader.open(file)) {
      while (reader.next()) {
        packets.add(new SeenPacket(reader.frames(), reader.frame()));
      }
      CaptureReader.Problem problem = reader.problem();
      if (problem != null) {
        throw new AssertionError(problem.text());
      }
      if (reader.backwards() > 0) {
        throw new AssertionError(file + ": time runs backwards");
      }
      return new Capture(reader.description(), packets, connections(packets));
    }
  }

  private static List<SeenConnection> connections(List<SeenPacket> packets) {
    Map<String, SeenConnection> all = new LinkedHashMap<>();
    for (SeenPacket each : packets) {
      if (each.version == 0 || each.sourcePort == 0 && each.destinationPort == 0) {
        continue;
      }
      String one = each.source + " " + each.sourcePort;
      String other = each.destination + " " + each.destinationPort;
      String key =
          each.protocol + (one.compareTo(other) < 0 ? one + " " + other : other + " " + one);
      all.computeIfAbsent(key, unused -> new SeenConnection(each))
          .add(each, each.payload.length + (each.isFragment ? behind(packets, each) : 0));
    }
    return List.copyOf(all.values());
  }

  /** What the other fragments of a datagram carry. */
  private static long behind(List<SeenPacket> packets, SeenPacket first) {
    return packets.stream()
        .filter(each ->
            each.fragmentOffset > 0
                && each.identification == first.identification
                && each.protocol == first.protocol
                && each.source.equals(first.source)
                && each.destination.equals(first.destination))
        .mapToLong(each -> each.payload.length)
        .sum();
  }

  /** From the first packet to the last. */
  double seconds() {
    return (packets.getLast().epochNanos - packets.getFirst().epochNanos) / 1e9;
  }

  List<SeenPacket> where(Predicate<SeenPacket> condition) {
    return packets.stream().filter(condition).toList();
  }

  /** The first one that fits; there must be one. */
  SeenPacket first(Predicate<SeenPacket> condition) {
    return packets.stream()
        .filter(condition)
        .findFirst()
        .orElseThrow(() -> new AssertionError("there is no such packet"));
  }

  /** The first one that fits after {@code before}; there must be one. */
  SeenPacket firstAfter(SeenPacket before, Predicate<SeenPacket> condition) {
    return first(each -> each.number > before.number && condition.test(each));
  }

  List<SeenConnection> tcp() {
    return connections.stream().filter(SeenConnection::isTcp).toList();
  }

  List<SeenConnection> udp() {
    return connections.stream().filter(each -> !each.isTcp()).toList();
  }

  /** The TCP connection between two addresses, whoever began it; there must be one alone. */
  SeenConnection tcp(IpAddress one, IpAddress other) {
    List<SeenConnection> found =
        tcp().stream()
            .filter(each -> Set.of(each.from(), each.to()).equals(Set.of(one, other)))
            .toList();
    if (found.size() != 1) {
      throw new AssertionError(found.size() + " connections between " + one + " and " + other);
    }
    return found.getFirst();
  }

  Set<Integer> linkTypes() {
    Set<Integer> all = new TreeSet<>();
    packets.forEach(each -> all.add(each.linkType));
    return all;
  }
}
