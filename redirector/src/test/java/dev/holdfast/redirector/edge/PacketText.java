package dev.holdfast.redirector.edge;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Packets and frames as text, field by field in the words of the RFCs, and the fields in which two
 * of them differ. It reads headers and sums by itself: what it says does not depend on the code
 * that is tested.
 */
final class PacketText {
  private final byte[] bytes;
  private final Map<String, String> fields = new LinkedHashMap<>();

  private PacketText(byte[] bytes) {
    this.bytes = bytes;
  }

  /** An IP packet in one line. */
  static String of(byte[] packet) {
    return line(fieldsOf(packet));
  }

  private static String line(Map<String, String> fields) {
    return fields.entrySet().stream()
        .map(field -> field.getKey() + " " + field.getValue())
        .collect(Collectors.joining(", "));
  }

  /** The fields of an IP packet, those inside it with the header's name before them. */
  static Map<String, String> fieldsOf(byte[] packet) {
    var text = new PacketText(packet);
    text.ip("", 0, packet.length);
    return text.fields;
  }

  /** The fields of an Ethernet frame. */
  static Map<String, String> fieldsOfFrame(byte[] frame) {
    var text = new PacketText(frame);
    if (frame.length < 14) {
      text.rest("frame", 0, frame.length);
      return text.fields;
    }
    text.put("eth.to", text.mac(0));
    text.put("eth.from", text.mac(6));
    int at = 12;
    while (text.u16(at) == 0x8100 && at + 6 <= frame.length) {
      text.put("eth.vlan", String.valueOf(text.u16(at + 2) & 0xfff));
      at += 4;
    }
    switch (text.u16(at)) {
      case 0x0800, 0x86dd -> text.ip("", at + 2, frame.length);
      case 0x0806 -> text.arp(at + 2);
      default -> text.rest("eth.type", at, frame.length);
    }
    return text.fields;
  }

  /** As {@link #of}, for a frame. */
  static String ofFrame(byte[] frame) {
    return line(fieldsOfFrame(frame));
  }

  /** One line for each field that differs. */
  static String difference(Map<String, String> expected, Map<String, String> was) {
    var names = new TreeSet<>(expected.keySet());
    names.addAll(was.keySet());
    return names.stream()
        .filter(name -> !expected.getOrDefault(name, "").equals(was.getOrDefault(name, "")))
        .map(name ->
            "    %-18s expected %s, was %s"
                .formatted(
                    name, expected.getOrDefault(name, "none"), was.getOrDefault(name, "none")))
        .collect(Collectors.joining("\n"));
  }

  private void put(String name, String value) {
    fields.merge(name, value, (first, second) -> first + " " + second);
  }

  private void number(String name, long value) {
    put(name, Long.toString(value));
  }

  private void rest(String name, int from, int to) {
    if (from >= to) {
      put(name, "none");
      return;
    }
    StringBuilder hex = new StringBuilder();
    for (int i = from; i < Math.min(to, from + 16); i++) {
      hex.append("%02x".formatted(bytes[i]));
    }
    int hash = 1;
    for (int i = from; i < to; i++) {
      hash = 31 * hash + bytes[i];
    }
    put(name, "%d bytes %s%s (%08x)".formatted(to - from, hex, to - from > 16 ? ".." : "", hash));
  }

  private void ip(String name, int at, int end) {
    if (at >= end) {
      put(name + "packet", "none");
    } else if (u8(at) >> 4 == 4 && end - at >= 20) {
      v4(name, at, end);
    } else if (u8(at) >> 4 == 6 && end - at >= 40) {
      v6(name, at, end);
    } else {
      rest(name + "packet", at, end);
    }
  }

  private void v4(String name, int at, int end) {
    int header = Math.max(20, (u8(at) & 0xf) * 4);
    put(name + "ip", "4 " + v4Address(at + 12) + " > " + v4Address(at + 16));
    number(name + "ttl", u8(at + 8));
    number(name + "dscp", u8(at + 1) >> 2);
    put(name + "ecn", ecn(u8(at + 1) & 3));
    number(name + "id", u16(at + 4));
    put(name + "df", u8(at + 6) >> 6 == 0 ? "no" : Integer.toString(u8(at + 6) >> 6));
    fragment(name, (u16(at + 6) & 0x1fff) * 8, (u8(at + 6) & 0x20) != 0);
    number(name + "total length", u16(at + 2));
    if (at + header > end) {
      rest(name + "header", at + 20, end);
      return;
    }
    put(name + "header sum", sum(at, at + header, 0) == 0xffff ? "right" : "WRONG");
    if (header > 20) {
      rest(name + "options", at + 20, at + header);
    }
    int stop = Math.min(end, at + u16(at + 2));
    number(name + "protocol", u8(at + 9));
    long pseudo = sum(at + 12, at + 20, 0);
    transport(name, u8(at + 9), at + header, stop, pseudo, (u16(at + 6) & 0x1fff) > 0);
    if (stop < end) {
      rest(name + "padding", stop, end);
    }
  }

  private void v6(String name, int at, int end) {
    put(name + "ip", "6 " + v6Address(at + 8) + " > " + v6Address(at + 24));
    number(name + "ttl", u8(at + 7));
    int trafficClass = u16(at) >> 4 & 0xff;
    number(name + "dscp", trafficClass >> 2);
    put(name + "ecn", ecn(trafficClass & 3));
    number(name + "flow label", (u8(at + 1) & 0xf) << 16 | u16(at + 2));
    number(name + "payload length", u16(at + 4));
    int stop = Math.min(end, at + 40 + u16(at + 4));
    int next = u8(at + 6);
    int here = at + 40;
    boolean later = false;
    while (here + 8 <= stop && (next == 0 || next == 43 || next == 60 || next == 44) && !later) {
      if (next == 44) {
        fragment(name, u16(here + 2) & 0xfff8, (u8(here + 3) & 1) != 0);
        number(name + "id", (long) u16(here + 4) << 16 | u16(here + 6));
        later = (u16(here + 2) & 0xfff8) > 0;
      } else {
        rest(name + "extension " + next, here, Math.min(stop, here + 8 + u8(here + 1) * 8));
      }
      int size = next == 44 ? 8 : 8 + u8(here + 1) * 8;
      next = u8(here);
      here += size;
    }
    number(name + "protocol", next);
    transport(name, next, Math.min(here, stop), stop, sum(at + 8, at + 40, 0), later);
    if (stop < end) {
      rest(name + "padding", stop, end);
    }
  }

  private void fragment(String name, int offset, boolean more) {
    if (offset > 0 || more) {
      put(name + "fragment", "at " + offset + (more ? ", more follow" : ", the last"));
    }
  }

  private void transport(String name, int protocol, int at, int end, long pseudo, boolean isLater) {
    int length = end - at;
    long seed = pseudo + protocol + length;
    if (isLater) {
      rest(name + "content", at, end);
    } else if (protocol == 6 && length >= 20) {
      tcp(name, at, end, seed);
    } else if (protocol == 17 && length >= 8) {
      put(name + "udp", u16(at) + " > " + u16(at + 2));
      number(name + "udp length", u16(at + 4));
      put(name + "udp sum", u16(at + 6) == 0 ? "none" : verdict(at, end, seed, at + 6, pseudo));
      rest(name + "payload", at + 8, end);
    } else if ((protocol == 1 || protocol == 58) && length >= 8) {
      icmp(name, protocol, at, end, seed);
    } else if (protocol == 4 || protocol == 41) {
      ip(name + "inner ", at, end);
    } else {
      rest(name + "payload", at, end);
    }
  }

  private void tcp(String name, int at, int end, long seed) {
    put(name + "tcp", u16(at) + " > " + u16(at + 2));
    put(name + "flags", flags(u8(at + 13)));
    number(name + "seq", u32(at + 4));
    number(name + "ack", u32(at + 8));
    number(name + "window", u16(at + 14));
    if (u16(at + 18) != 0) {
      number(name + "urgent", u16(at + 18));
    }
    int header = (u8(at + 12) >> 4) * 4;
    put(name + "tcp sum", verdict(at, end, seed, at + 16, 0));
    if (header > 20 && at + header <= end) {
      rest(name + "tcp options", at + 20, at + header);
    }
    rest(name + "payload", Math.min(end, at + header), end);
  }

  private void icmp(String name, int protocol, int at, int end, long seed) {
    put(name + "icmp", "type " + u8(at) + " code " + u8(at + 1));
    put(name + "icmp rest", "%08x".formatted(u32(at + 4)));
    put(name + "icmp sum", sum(at, end, protocol == 58 ? seed : 0) == 0xffff ? "right" : "WRONG");
    boolean isError = protocol == 58 ? u8(at) < 128 : "3 4 5 11 12".contains("" + u8(at));
    if (isError) {
      ip(name + "quoted ", at + 8, end);
    } else {
      rest(name + "payload", at + 8, end);
    }
  }

  private String verdict(int at, int end, long seed, int field, long unused) {
    if (sum(at, end, seed) == 0xffff) {
      return "right";
    }
    return u16(field) == fold(seed) ? "left to a device" : "WRONG (%04x)".formatted(u16(field));
  }

  private void arp(int at) {
    put("arp", u16(at + 6) == 1 ? "request" : u16(at + 6) == 2 ? "reply" : "" + u16(at + 6));
    put("sha", mac(at + 8));
    put("spa", v4Address(at + 14));
    put("tha", mac(at + 18));
    put("tpa", v4Address(at + 24));
    if (bytes.length > at + 28) {
      rest("padding", at + 28, bytes.length);
    }
  }

  private static String ecn(int codepoint) {
    return switch (codepoint) {
      case 0 -> "Not-ECT";
      case 1 -> "ECT(1)";
      case 2 -> "ECT(0)";
      default -> "CE";
    };
  }

  private static String flags(int flags) {
    String[] names = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < names.length; i++) {
      if ((flags >> i & 1) != 0) {
        text.append(text.isEmpty() ? "" : "+").append(names[i]);
      }
    }
    return text.isEmpty() ? "none" : text.toString();
  }

  private int u8(int at) {
    return at < bytes.length ? bytes[at] & 0xff : 0;
  }

  private int u16(int at) {
    return u8(at) << 8 | u8(at + 1);
  }

  private long u32(int at) {
    return (long) u16(at) << 16 | u16(at + 2);
  }

  private String mac(int at) {
    return "%02x:%02x:%02x:%02x:%02x:%02x"
        .formatted(u8(at), u8(at + 1), u8(at + 2), u8(at + 3), u8(at + 4), u8(at + 5))
        .toLowerCase(Locale.ROOT);
  }

  private String v4Address(int at) {
    return u8(at) + "." + u8(at + 1) + "." + u8(at + 2) + "." + u8(at + 3);
  }

  private String v6Address(int at) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 16; i += 2) {
      text.append(i == 0 ? "" : ":").append(Integer.toHexString(u16(at + i)));
    }
    return text.toString();
  }

  /** The ones' complement sum of RFC 1071, as its section 1 describes it. */
  private long sum(int from, int to, long seed) {
    long sum = seed;
    for (int i = from; i < to; i += 2) {
      sum += (long) u8(i) << 8 | (i + 1 < to ? u8(i + 1) : 0);
    }
    return fold(sum);
  }

  private static long fold(long sum) {
    long folded = sum;
    while (folded > 0xffff) {
      folded = (folded & 0xffff) + (folded >> 16);
    }
    return folded;
  }
}
