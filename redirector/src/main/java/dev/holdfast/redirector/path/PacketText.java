package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayList;
import java.util.List;

/** A packet in one line, much as tcpdump(8) prints it, and what is wrong with one. */
final class PacketText {
  private static final String FLAGS = "FSRP.UEW"; // bits 0 to 7; a dot for ACK, as tcpdump has it

  private PacketText() {}

  /**
   * @param view checked
   */
  static String of(PacketView view) {
    List<String> parts = new ArrayList<>();
    parts.add(
        (view.isV4() ? "IPv4 " : "IPv6 ")
            + protocol(view)
            + " "
            + end(view.source(), view.hasPorts(), view.sourcePort())
            + " > "
            + end(view.destination(), view.hasPorts(), view.destinationPort()));
    if (view.isTcp()) {
      parts.add("flags [" + flags(view.tcpFlags()) + "]");
      parts.add("seq " + view.tcpSequence());
      if ((view.tcpFlags() & PacketView.ACK) != 0) {
        parts.add("ack " + view.tcpAcknowledgment());
      }
    } else if (view.isIcmp()) {
      parts.add(icmp(view));
    }
    parts.add("length " + view.length());
    parts.add((view.isV4() ? "TTL " : "hop limit ") + view.hopLimit());
    if (view.isV4() && view.dontFragment()) {
      parts.add("DF");
    }
    if (view.isFragment()) {
      boolean more = moreFragments(view);
      parts.add("fragment " + view.fragmentOffset() + (more ? "+" : ""));
    }
    return String.join(", ", parts);
  }

  private static boolean moreFragments(PacketView view) {
    if (view.isV4()) {
      return (view.buffer().getByte(view.start() + 6) & 0x20) != 0;
    }
    // A fragment at 0 is a first one; of any other the view ends with the fragment header's 8
    // bytes.
    return view.fragmentOffset() == 0
        || (view.buffer().getByte(view.transportStart() - 5) & 1) != 0;
  }

  static String flags(int bits) {
    StringBuilder text = new StringBuilder();
    for (int i : new int[] {1, 0, 2, 3, 5, 6, 7, 4}) { // SYN first and the dot last
      if ((bits & 1 << i) != 0) {
        text.append(FLAGS.charAt(i));
      }
    }
    return text.isEmpty() ? "none" : text.toString();
  }

  private static String icmp(PacketView view) {
    int type = view.icmpType();
    String name =
        view.isV4()
            ? switch (type) {
              case 0 -> "echo reply";
              case 3 -> "destination unreachable";
              case 5 -> "redirect";
              case 8 -> "echo request";
              case 11 -> "time exceeded";
              default -> "";
            }
            : switch (type) {
              case 1 -> "destination unreachable";
              case 2 -> "packet too big";
              case 3 -> "time exceeded";
              case 128 -> "echo request";
              case 129 -> "echo reply";
              case 133 -> "router solicitation";
              case 134 -> "router advertisement";
              case 135 -> "neighbour solicitation";
              case 136 -> "neighbour advertisement";
              case 137 -> "redirect";
              default -> "";
            };
    return name.isEmpty() ? "type " + type + " code " + view.icmpCode() : name;
  }

  static String protocol(PacketView view) {
    return protocol(view.protocol());
  }

  static String protocol(int number) {
    return switch (number) {
      case PacketView.TCP -> "tcp";
      case PacketView.UDP -> "udp";
      case PacketView.ICMP -> "icmp";
      case PacketView.ICMPV6 -> "icmp6";
      default -> "protocol " + number;
    };
  }

  static String end(IpAddress address, boolean hasPort, int port) {
    if (!hasPort) {
      return address.toString();
    }
    return address.isV4() ? address + ":" + port : "[" + address + "]:" + port;
  }

  /** A clause that completes "it is not a well-formed IP packet: …". */
  static String fault(PacketFault fault) {
    return switch (fault) {
      case NONE -> "nothing is wrong";
      case TRUNCATED -> "it ends within its IP header";
      case BAD_VERSION -> "its first four bits are neither 4 nor 6";
      case BAD_HEADER_LENGTH -> "its header length is under 20 bytes, or beyond its end";
      case BAD_TOTAL_LENGTH ->
          "its length field says more bytes than there are, or fewer than its header has";
      case BAD_EXTENSION_HEADER ->
          "an IPv6 extension header is misplaced, repeated or beyond its end";
      case BAD_TRANSPORT_HEADER -> "its transport header is beyond its end, or lies of its length";
      case BAD_SOURCE ->
          "its source is multicast, broadcast, loopback or IPv4-mapped, which no wire may carry";
      case BAD_DESTINATION -> "its destination is an IPv4-mapped address, which no wire may carry";
      case BAD_VNET_HEADER -> "its virtio-net header does not fit it";
    };
  }
}
