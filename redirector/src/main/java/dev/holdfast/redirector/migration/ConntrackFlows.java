package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What this host's connection tracking knows of the guest's connections, where it tracks them: as
 * the guest's router or firewall, or by bridge netfilter. It has connections that were silent since
 * long before arm.
 *
 * <p>It is never taken as complete: tracking may have begun later than a connection, or forgotten a
 * silent one ({@code nf_conntrack_tcp_timeout_established}), or not see what is bridged. It is
 * asked at arm only: what is captured is not tracked, so that entries stay as they are then, also
 * those of connections that have ended since.
 */
final class ConntrackFlows {
  private static final Path TABLE = Path.of("/proc/thread-self/net/nf_conntrack");

  /** Kernels without that file show the same lines to the tool, where it is installed. */
  private static final String TOOL = "conntrack -L -o extended";

  private static final int MOST = 100_000;

  /** TCP that both sides have opened and not both have closed. */
  private static final Set<String> OPEN = Set.of("ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT");

  private ConntrackFlows() {}

  /** The guest's connections; empty where nothing is tracked, or nobody may look. */
  static List<FlowKey> read(Collection<IpAddress> olds) {
    try (BufferedReader lines = open()) {
      return parse(lines, olds);
    } catch (IOException e) {
      return List.of();
    }
  }

  private static BufferedReader open() throws IOException {
    return Files.exists(TABLE)
        ? Files.newBufferedReader(TABLE, StandardCharsets.US_ASCII)
        : new BufferedReader(new StringReader(BoundedCommand.output("conntrack", TOOL)));
  }

  /** Reads lines as the kernel's nf_conntrack_standalone.c writes them. */
  static List<FlowKey> parse(BufferedReader lines, Collection<IpAddress> olds) throws IOException {
    List<FlowKey> flows = new ArrayList<>();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      FlowKey flow = flow(line, olds);
      if (flow != null && flows.size() < MOST) {
        flows.add(flow);
      }
    }
    return flows;
  }

  /** One direction of a connection. */
  private static final class Tuple {
    @Nullable IpAddress source;
    @Nullable IpAddress destination;
    int sourcePort = -1;
    int destinationPort = -1;

    boolean isFrom(Collection<IpAddress> olds) {
      return source != null && destination != null && olds.contains(source);
    }
  }

  private static @Nullable FlowKey flow(String line, Collection<IpAddress> olds) {
    String[] words = line.trim().split("\\s+");
    if (words.length < 8) {
      return null;
    }
    boolean tcp = words[2].equals("tcp");
    boolean udp = words[2].equals("udp");
    // Datagrams in one direction alone are no connection; TCP says its state.
    if (!(tcp && OPEN.contains(words[5])) && !(udp && line.contains("[ASSURED]"))) {
      return null;
    }
    Tuple original = new Tuple();
    Tuple reply = new Tuple();
    try {
      for (String word : words) {
        Tuple tuple = original.destinationPort < 0 ? original : reply;
        if (word.startsWith("src=")) {
          tuple.source = IpAddress.parse(word.substring(4));
        } else if (word.startsWith("dst=")) {
          tuple.destination = IpAddress.parse(word.substring(4));
        } else if (word.startsWith("sport=")) {
          tuple.sourcePort = Integer.parseInt(word.substring(6));
        } else if (word.startsWith("dport=") && tuple.destinationPort < 0) {
          tuple.destinationPort = Integer.parseInt(word.substring(6));
        }
      }
      // Whoever translates addresses between guest and peer: what the guest itself sends is that
      // tuple which has its own address.
      Tuple guests = original.isFrom(olds) ? original : reply.isFrom(olds) ? reply : null;
      return guests == null || guests.source == null || guests.destination == null
          ? null
          : new FlowKey(
              tcp ? PacketView.TCP : PacketView.UDP,
              guests.source,
              guests.sourcePort,
              guests.destination,
              guests.destinationPort);
    } catch (IllegalArgumentException e) {
      return null; // a line of another form
    }
  }
}
