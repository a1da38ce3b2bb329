package dev.holdfast.redirector.tap;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A connection as somebody names it: packets of either direction are its own. Fragments without
 * ports are of every connection between their addresses, and ICMP has none.
 *
 * @param protocol IP protocol number; ICMP stands for ICMPv6 as well
 * @param onePort 0 for any
 * @param otherPort 0 for any
 */
public record FlowTerm(int protocol, IpAddress one, int onePort, IpAddress other, int otherPort) {
  private static final String FORM =
      "; write it as flow list shows it: PROTOCOL ADDRESS:PORT ADDRESS:PORT, such as"
          + " \"tcp 10.1.0.10:443 10.9.0.2:50123\"";

  /**
   * Reads such as {@code tcp 10.1.0.10:443 - [fd00::1]:50123}; the sides may be either way round.
   *
   * @throws IllegalArgumentException with a clause that says what is wrong, and shows the form
   */
  public static FlowTerm parse(String text) {
    List<String> words = new ArrayList<>(Arrays.asList(text.strip().split("\\s+")));
    words.removeIf(word -> word.equals("-") || word.equals(">"));
    if (words.size() != 3) {
      throw new IllegalArgumentException("'" + text + "' is no flow" + FORM);
    }
    int protocol = protocol(words.get(0));
    Side one = Side.parse(words.get(1));
    Side other = Side.parse(words.get(2));
    if (one.address.isV4() != other.address.isV4()) {
      throw new IllegalArgumentException("'" + text + "' is of two families" + FORM);
    }
    boolean ports = protocol == PacketView.TCP || protocol == PacketView.UDP;
    return new FlowTerm(
        protocol, one.address, ports ? one.port : 0, other.address, ports ? other.port : 0);
  }

  private static int protocol(String word) {
    switch (word) {
      case "tcp":
        return PacketView.TCP;
      case "udp":
        return PacketView.UDP;
      case "icmp":
        return PacketView.ICMP;
      default:
        if (word.matches("\\d{1,3}") && Integer.parseInt(word) <= 255) {
          return Integer.parseInt(word);
        }
        throw new IllegalArgumentException(
            "'" + word + "' is no protocol: tcp, udp, icmp or a number up to 255" + FORM);
    }
  }

  private record Side(IpAddress address, int port) {
    static Side parse(String word) {
      String address = word;
      String port = "";
      int bracket = word.indexOf(']');
      if (word.startsWith("[") && bracket > 0) {
        address = word.substring(1, bracket);
        port = word.substring(bracket + 1);
      } else if (word.indexOf(':') == word.lastIndexOf(':') && word.indexOf(':') > 0) {
        address = word.substring(0, word.indexOf(':'));
        port = word.substring(word.indexOf(':'));
      }
      int number = port.isEmpty() ? 0 : number(port, word);
      try {
        return new Side(IpAddress.parse(address), number);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("'" + word + "' has no IP address" + FORM, e);
      }
    }

    private static int number(String port, String word) {
      int number = port.matches(":\\d{1,5}") ? Integer.parseInt(port.substring(1)) : 0;
      if (number < 1 || number > 0xffff) {
        throw new IllegalArgumentException("'" + word + "' has no port of 1 to 65535" + FORM);
      }
      return number;
    }
  }

  /**
   * Allocates nothing.
   *
   * @param packet checked
   */
  boolean matches(PacketView packet) {
    int its = packet.protocol();
    if (its != protocol && !(protocol == PacketView.ICMP && its == PacketView.ICMPV6)) {
      return false;
    }
    boolean ports = packet.hasPorts();
    return (is(packet, ports, one, onePort, other, otherPort)
        || is(packet, ports, other, otherPort, one, onePort));
  }

  private static boolean is(
      PacketView packet, boolean ports, IpAddress from, int fromPort, IpAddress to, int toPort) {
    return packet.isFrom(from)
        && packet.isTo(to)
        && (!ports
            || ((fromPort == 0 || fromPort == packet.sourcePort())
                && (toPort == 0 || toPort == packet.destinationPort())));
  }
}
