package dev.holdfast.redirector.filter;

import dev.holdfast.redirector.filter.FilterRule.Condition;
import java.util.List;
import java.util.Locale;

/** The options of iptables rules that say which packets a rule is for. */
final class XtablesMatch {
  private static final Condition ALWAYS = packet -> Truth.YES;
  private static final Condition UNKNOWN = packet -> Truth.UNKNOWN;

  private XtablesMatch() {}

  static Condition of(String option, List<String> values) {
    String value = values.isEmpty() ? "" : values.getFirst();
    return switch (option) {
      case "-m", "--comment" -> ALWAYS;
      case "--loose", "--validmark", "--invert" -> ALWAYS; // of rpfilter: see below
      case "-i" -> packet -> Values.interfaceIs(packet.in(), value.replace('+', '*'));
      case "-o" -> packet -> Values.interfaceIs(packet.out(), value.replace('+', '*'));
      case "-s" -> packet -> Values.addressIs(packet.source(), value);
      case "-d" -> packet -> Values.addressIs(packet.destination(), value);
      case "-p" -> packet -> Values.protocolIs(packet.protocol(), value);
      case "--dport", "--dports" -> packet -> Values.portIs(packet.port(), value);
      case "--ctstate", "--state" -> packet -> tracking(packet, value);
      case "--mark" -> packet -> Values.markIs(packet.mark(), value);
      case "--dst-type" -> packet -> destinationType(packet, value);
      default -> UNKNOWN;
    };
  }

  /** The match rpfilter is one question, whatever the order of its options. */
  static Condition reversePath(List<String> words) {
    boolean loose = words.contains("--loose");
    boolean inverted = words.contains("--invert");
    return packet -> Truth.of((loose || packet.routedBack()) != inverted);
  }

  private static Truth tracking(Passage packet, String states) {
    for (String state : states.split(",", -1)) {
      if (state.toLowerCase(Locale.ROOT).equals(packet.tracking())) {
        return Truth.YES;
      }
    }
    return Truth.NO;
  }

  /** A packet that goes on to another machine is for none of this host's addresses. */
  private static Truth destinationType(Passage packet, String type) {
    boolean forUs = packet.hooks().contains("input");
    return switch (type) {
      case "LOCAL" -> Truth.of(forUs);
      case "UNICAST" -> Truth.of(!forUs);
      case "MULTICAST", "BROADCAST", "ANYCAST" -> Truth.NO;
      default -> Truth.UNKNOWN;
    };
  }
}
