package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * The guest's own list of its connections, taken by a command of the operator's that prints what
 * {@code ss -Htn} does (ssh, guest agent, {@code ip netns exec}). Such a list is complete: it has
 * the idle connections that no capture sees.
 */
final class GuestFlowList {
  private GuestFlowList() {}

  /**
   * Runs the command and keeps the TCP connections whose local address is one of {@code olds}.
   *
   * @throws IOException when it cannot be run, ends with an error, or takes longer than 10 s
   */
  static List<FlowKey> run(String command, Collection<IpAddress> olds) throws IOException {
    return parse(BoundedCommand.output("the flow list command", command), olds);
  }

  /**
   * Reads lines of {@code ss -Htn}: state, two queue lengths, local address:port, peer
   * address:port.
   */
  static List<FlowKey> parse(String text, Collection<IpAddress> olds) {
    List<FlowKey> keys = new ArrayList<>();
    for (String line : text.lines().toList()) {
      String[] words = line.trim().split("\\s+");
      if (words.length < 5 || words[0].startsWith("LISTEN") || words[0].startsWith("TIME-WAIT")) {
        continue;
      }
      int localColon = words[3].lastIndexOf(':');
      int peerColon = words[4].lastIndexOf(':');
      if (localColon < 0 || peerColon < 0) {
        continue;
      }
      try {
        IpAddress local = address(words[3].substring(0, localColon));
        if (!olds.contains(local)) {
          continue;
        }
        keys.add(
            new FlowKey(
                PacketView.TCP,
                local,
                Integer.parseInt(words[3].substring(localColon + 1)),
                address(words[4].substring(0, peerColon)),
                Integer.parseInt(words[4].substring(peerColon + 1))));
      } catch (IllegalArgumentException e) {
        continue; // a line that is no connection, such as a heading
      }
    }
    return keys;
  }

  private static IpAddress address(String text) {
    String bare = text;
    if (bare.startsWith("[") && bare.endsWith("]")) {
      bare = bare.substring(1, bare.length() - 1);
    }
    int zone = bare.indexOf('%');
    return IpAddress.parse(zone < 0 ? bare : bare.substring(0, zone));
  }
}
