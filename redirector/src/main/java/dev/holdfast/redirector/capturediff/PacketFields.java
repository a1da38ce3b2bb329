package dev.holdfast.redirector.capturediff;

import dev.holdfast.redirector.capturefile.CapturedPacket;
import dev.holdfast.redirector.capturefile.InternetSum;
import dev.holdfast.redirector.capturefile.LinkLayer;
import java.util.List;

/**
 * Gives the fields of a packet one after the other, under Wireshark's names. What the capture does
 * not have of a packet has no fields.
 */
final class PacketFields {
  /** Takes fields. */
  interface Sink {
    void number(String name, long value);

    /** A value of a few bytes. */
    void bytes(String name, byte[] array, int from, int to);

    /** All that is not a header. */
    void payload(String name, byte[] array, int from, int to);
  }

  /** Of all fields that there may be. */
  static final List<String> NAMES =
      List.of(
          "eth.dst",
          "eth.src",
          "vlan.id",
          "vlan.priority",
          "ip.hdr_len",
          "ip.dsfield",
          "ip.len",
          "ip.id",
          "ip.flags",
          "ip.frag_offset",
          "ip.ttl",
          "ip.checksum.status",
          "ip.options",
          "ipv6.tclass",
          "ipv6.flow",
          "ipv6.plen",
          "ipv6.hlim",
          "ipv6.hopopts",
          "ipv6.routing",
          "ipv6.dstopts",
          "ipv6.fraghdr.offset",
          "ipv6.fraghdr.more",
          "ipv6.fraghdr.ident",
          "ah",
          "ipv6.extension",
          "tcp.seq_raw",
          "tcp.ack_raw",
          "tcp.hdr_len",
          "tcp.flags",
          "tcp.window_size_value",
          "tcp.checksum.status",
          "tcp.urgent_pointer",
          "tcp.len",
          "tcp.options.mss_val",
          "tcp.options.wscale.shift",
          "tcp.options.sack_perm",
          "tcp.options.sack_le",
          "tcp.options.sack_re",
          "tcp.options.timestamp.tsval",
          "tcp.options.timestamp.tsecr",
          "tcp.options",
          "tcp.payload",
          "udp.length",
          "udp.checksum.status",
          "udp.payload",
          "icmp.type",
          "icmp.code",
          "icmp.checksum.status",
          "icmp.rest",
          "icmpv6.type",
          "icmpv6.code",
          "icmpv6.checksum.status",
          "icmpv6.rest",
          "data.data");

  /** Values of a checksum's status, as Wireshark counts them. */
  static final int BAD = 0;

  static final int GOOD = 1;
  static final int UNVERIFIED = 2;

  private final InternetSum sum = new InternetSum();

  /**
   * Gives the fields.
   *
   * @param frame the frame's first byte in the packet's array
   */
  void visit(CapturedPacket packet, int linkType, int frame, Sink sink) {
    link(packet, linkType, frame, sink);
    if (packet.isV4()) {
      v4(packet, sink);
    } else {
      v6(packet, sink);
    }
    if (packet.isFragment() || !packet.hasTransport()) {
      rest(packet, "data.data", packet.transport(), sink);
      return;
    }
    switch (packet.protocol()) {
      case CapturedPacket.TCP -> tcp(packet, sink);
      case CapturedPacket.UDP -> udp(packet, sink);
      default -> icmp(packet, packet.isV4() ? "icmp" : "icmpv6", sink);
    }
  }

  private static void rest(CapturedPacket packet, String name, int from, Sink sink) {
    sink.payload(name, packet.array(), Math.min(from, packet.limit()), packet.limit());
  }

  private static void link(CapturedPacket packet, int linkType, int frame, Sink sink) {
    if (linkType != LinkLayer.ETHERNET) {
      return;
    }
    byte[] array = packet.array();
    sink.bytes("eth.dst", array, frame, frame + 6);
    sink.bytes("eth.src", array, frame + 6, frame + 12);
    for (int tag = frame + 14; tag + 4 <= packet.start(); tag += 4) {
      int control = packet.u16(tag);
      sink.number("vlan.priority", control >> 13);
      sink.number("vlan.id", control & 0xfff);
    }
  }

  // ---- IP ----

  private void v4(CapturedPacket packet, Sink sink) {
    int start = packet.start();
    sink.number("ip.hdr_len", packet.transport() - start);
    sink.number("ip.dsfield", packet.u8(start + 1));
    sink.number("ip.len", packet.u16(start + 2));
    sink.number("ip.id", packet.u16(start + 4));
    sink.number("ip.flags", packet.u8(start + 6) >> 5);
    sink.number("ip.frag_offset", packet.fragmentOffset());
    sink.number("ip.ttl", packet.u8(start + 8));
    int left = sum.clear().add(packet.array(), start, packet.transport()).checksum();
    sink.number("ip.checksum.status", left == 0 ? GOOD : BAD);
    if (packet.transport() > packet.fixedHeaderEnd()) {
      sink.bytes("ip.options", packet.array(), packet.fixedHeaderEnd(), packet.transport());
    }
  }

  private static void v6(CapturedPacket packet, Sink sink) {
    int start = packet.start();
    sink.number("ipv6.tclass", packet.u16(start) >> 4 & 0xff);
    sink.number("ipv6.flow", packet.s32(start) & 0xf_ffff);
    sink.number("ipv6.plen", packet.u16(start + 4));
    sink.number("ipv6.hlim", packet.u8(start + 7));
    for (int i = 0; i < packet.extensions(); i++) {
      int at = packet.extensionAt(i);
      int end = at + packet.extensionSize(i);
      switch (packet.extensionType(i)) {
        case CapturedPacket.FRAGMENT -> {
          sink.number("ipv6.fraghdr.offset", packet.u16(at + 2) & 0xfff8);
          sink.number("ipv6.fraghdr.more", packet.u16(at + 2) & 1);
          sink.number("ipv6.fraghdr.ident", packet.s32(at + 4) & 0xffff_ffffL);
        }
        case CapturedPacket.HOP_BY_HOP -> sink.bytes("ipv6.hopopts", packet.array(), at, end);
        case CapturedPacket.ROUTING -> sink.bytes("ipv6.routing", packet.array(), at, end);
        case CapturedPacket.DESTINATION_OPTIONS ->
            sink.bytes("ipv6.dstopts", packet.array(), at, end);
        case CapturedPacket.AUTHENTICATION -> sink.bytes("ah", packet.array(), at, end);
        default -> sink.bytes("ipv6.extension", packet.array(), at, end);
      }
    }
  }

  // ---- transport ----

  private void tcp(CapturedPacket packet, Sink sink) {
    int at = packet.transport();
    sink.number("tcp.seq_raw", packet.s32(at + 4) & 0xffff_ffffL);
    sink.number("tcp.ack_raw", packet.s32(at + 8) & 0xffff_ffffL);
    sink.number("tcp.hdr_len", packet.transportLength());
    sink.number("tcp.flags", packet.u16(at + 12) & 0xfff);
    sink.number("tcp.window_size_value", packet.u16(at + 14));
    sink.number("tcp.checksum.status", status(packet, packet.end(), true));
    sink.number("tcp.urgent_pointer", packet.u16(at + 18));
    tcpOptions(packet, at + 20, packet.payload(), sink);
    sink.number("tcp.len", packet.end() - packet.payload());
    rest(packet, "tcp.payload", packet.payload(), sink);
  }

  private static void tcpOptions(CapturedPacket packet, int from, int to, Sink sink) {
    int at = from;
    while (at < to) {
      int kind = packet.u8(at);
      if (kind <= 1) { // end of options, no operation: how they are aligned says nothing
        at = kind == 0 ? to : at + 1;
        continue;
      }
      int length = at + 1 < to ? packet.u8(at + 1) : 0;
      if (length < 2 || at + length > to) {
        sink.bytes("tcp.options", packet.array(), at, to);
        return;
      }
      tcpOption(packet, kind, at, length, sink);
      at += length;
    }
  }

  private static void tcpOption(CapturedPacket packet, int kind, int at, int length, Sink sink) {
    if (kind == 2 && length == 4) {
      sink.number("tcp.options.mss_val", packet.u16(at + 2));
    } else if (kind == 3 && length == 3) {
      sink.number("tcp.options.wscale.shift", packet.u8(at + 2));
    } else if (kind == 4 && length == 2) {
      sink.number("tcp.options.sack_perm", 1);
    } else if (kind == 5 && length % 8 == 2) {
      for (int block = at + 2; block < at + length; block += 8) {
        sink.number("tcp.options.sack_le", packet.s32(block) & 0xffff_ffffL);
        sink.number("tcp.options.sack_re", packet.s32(block + 4) & 0xffff_ffffL);
      }
    } else if (kind == 8 && length == 10) {
      sink.number("tcp.options.timestamp.tsval", packet.s32(at + 2) & 0xffff_ffffL);
      sink.number("tcp.options.timestamp.tsecr", packet.s32(at + 6) & 0xffff_ffffL);
    } else {
      sink.bytes("tcp.options", packet.array(), at, at + length);
    }
  }

  private void udp(CapturedPacket packet, Sink sink) {
    int at = packet.transport();
    int length = packet.u16(at + 4);
    sink.number("udp.length", length);
    boolean isNone = packet.u16(at + 6) == 0;
    boolean isRight = length >= 8 && at + length <= packet.end();
    sink.number(
        "udp.checksum.status", isNone || !isRight ? UNVERIFIED : status(packet, at + length, true));
    rest(packet, "udp.payload", packet.payload(), sink);
  }

  private void icmp(CapturedPacket packet, String protocol, Sink sink) {
    int at = packet.transport();
    sink.number(protocol + ".type", packet.u8(at));
    sink.number(protocol + ".code", packet.u8(at + 1));
    sink.number(protocol + ".checksum.status", status(packet, packet.end(), !packet.isV4()));
    sink.bytes(protocol + ".rest", packet.array(), at + 4, at + 8);
    rest(packet, "data.data", packet.payload(), sink);
  }

  /** Whether a checksum is right, by all that it covers. */
  private int status(CapturedPacket packet, int end, boolean hasPseudoHeader) {
    if (end > packet.limit()) {
      return UNVERIFIED;
    }
    if (hasPseudoHeader && hasOtherDestination(packet)) {
      return UNVERIFIED;
    }
    int from = packet.transport();
    sum.clear();
    if (hasPseudoHeader) {
      int addresses = packet.start() + (packet.isV4() ? 12 : 8);
      sum.add(packet.array(), addresses, addresses + (packet.isV4() ? 8 : 32));
      sum.addWord(packet.protocol()).addWord(end - from);
    }
    return sum.add(packet.array(), from, end).checksum() == 0 ? GOOD : BAD;
  }

  /** A routing header with segments left: its last one is in the pseudo-header (RFC 8200, 8.1). */
  private static boolean hasOtherDestination(CapturedPacket packet) {
    for (int i = 0; i < packet.extensions(); i++) {
      if (packet.extensionType(i) == CapturedPacket.ROUTING
          && packet.u8(packet.extensionAt(i) + 3) > 0) {
        return true;
      }
    }
    return false;
  }
}
