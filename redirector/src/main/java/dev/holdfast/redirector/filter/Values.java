package dev.holdfast.redirector.filter;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.util.Map;

/** Compares what is known of a packet with values as filter tools write them. */
final class Values {
  /** Names of protocols that may be written as numbers (/etc/protocols). */
  private static final Map<String, String> PROTOCOLS =
      Map.of(
          "1",
          "icmp",
          "4",
          "ipencap",
          "6",
          "tcp",
          "17",
          "udp",
          "41",
          "ipv6",
          "58",
          "ipv6-icmp",
          "ipip",
          "ipencap",
          "icmpv6",
          "ipv6-icmp");

  private Values() {}

  /** A name may end in an asterisk: all that begin so. */
  static Truth interfaceIs(String device, String wanted) {
    return Truth.of(
        wanted.endsWith("*")
            ? device.startsWith(wanted.substring(0, wanted.length() - 1))
            : device.equals(wanted));
  }

  /** An address, or a prefix with its length or its netmask. */
  static Truth addressIs(IpAddress address, String wanted) {
    try {
      int slash = wanted.indexOf('/');
      IpAddress first = IpAddress.parse(slash < 0 ? wanted : wanted.substring(0, slash));
      if (first.isV4() != address.isV4() || first.isV4() == wanted.contains(":")) {
        return Truth.NO; // the other family, or IPv4 mapped into IPv6, which no packet has
      }
      if (slash < 0) {
        return Truth.of(IpAddress.parse(wanted).equals(address));
      }
      String mask = wanted.substring(slash + 1);
      String prefix = mask.matches("[0-9]+") ? wanted : dotted(wanted.substring(0, slash), mask);
      return Truth.of(IpPrefix.parse(prefix).contains(address));
    } catch (IllegalArgumentException e) {
      return Truth.UNKNOWN; // a mask with holes, which no tool of today writes
    }
  }

  private static String dotted(String address, String mask) {
    int bits = (int) IpAddress.parse(mask).low();
    int length = Integer.bitCount(bits);
    if (length < 32 && bits != ~(-1 >>> length)) {
      throw new IllegalArgumentException("not a prefix");
    }
    return address + "/" + length;
  }

  static Truth protocolIs(String protocol, String wanted) {
    if (wanted.equals("all") || wanted.equals("0")) {
      return Truth.YES;
    }
    return Truth.of(PROTOCOLS.getOrDefault(wanted, wanted).equals(protocol));
  }

  /** Numbers and ranges (a:b, a-b), with commas between them. */
  static Truth portIs(int port, String wanted) {
    if (port < 0) {
      return Truth.UNKNOWN;
    }
    for (String each : wanted.split(",", -1)) {
      String[] ends = each.split("[:-]", -1);
      try {
        int from = ends[0].isEmpty() ? 0 : Integer.parseInt(ends[0]);
        int to = ends.length == 1 ? from : ends[1].isEmpty() ? 65_535 : Integer.parseInt(ends[1]);
        if (port >= from && port <= to) {
          return Truth.YES;
        }
      } catch (NumberFormatException e) {
        return Truth.UNKNOWN;
      }
    }
    return Truth.NO;
  }

  /** "0x1", "0x1/0xff". */
  static Truth markIs(long mark, String wanted) {
    try {
      String[] parts = wanted.split("/", 2);
      long mask = parts.length == 1 ? 0xffff_ffffL : Long.decode(parts[1]);
      return Truth.of((mark & mask) == Long.decode(parts[0]));
    } catch (NumberFormatException e) {
      return Truth.UNKNOWN;
    }
  }
}
